"""Build frozen dataclasses from plain data (TOML, options); a wrong key is named, with the nearest right one."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from headstart.core.errors import UsageError, WrongValue, first_few, unknown

T = TypeVar("T")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "words"}


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build a dataclass, nested ones too.

    Args:
        cls: A dataclass.
        values: Its fields by name. Strings are converted to the field's type, so "2" does for an int.
        where: What the values are, for messages: "the recipe", "strategy 'partial'".

    Returns:
        The instance.

    Raises:
        UsageError: A key is unknown, a value has the wrong type, or a field without default is missing.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # pyright: ignore[reportArgumentType]
    for key in values:
        if key not in fields:
            raise unknown(f"option in {where} called", key, sorted(fields))
    hints = _hints(cls)
    missing = [n for n, f in fields.items() if n not in values and not _has_default(f)]
    if missing:
        raise UsageError(f"{where} needs {first_few(missing)}.")
    converted = {key: convert(hints[key], value, f"{where}, {key}") for key, value in values.items()}
    try:
        return cls(**converted)
    except ValueError as error:  # a __post_init__ that checks ranges
        raise UsageError(f"{where}: {error}") from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    """Read the types of a class's fields, whose text is compiled for it."""
    return typing.get_type_hints(cls)


def convert(hint: Any, value: Any, where: str) -> Any:
    """Convert one plain value to the type that a field declares.

    Args:
        hint: The declared type.
        value: What was given.
        where: What it is, for messages.

    Returns:
        The value as that type.

    Raises:
        UsageError: It cannot be read as that type.
    """
    if typing.get_origin(hint) in (types.UnionType, typing.Union) and type(None) in typing.get_args(hint):
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        if value is None or (isinstance(value, str) and value.lower() == "none" and not _takes_none(rest)):
            return None
        hint = typing.Union[tuple(rest)]  # noqa: UP007
    parser = getattr(hint, "parse", None)
    if parser is not None and not isinstance(value, hint):
        return parser(value, where)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return build(typing.cast(type, hint), value, where)
    named = _named_type(hint)
    if named is not None and isinstance(value, Mapping):
        return {str(name): convert(named, v, f"{where}.{name}") for name, v in value.items()}
    item = _item_type(hint)
    if item is not None and isinstance(value, list | tuple):
        return tuple(convert(item, v, f"{where}.{i}") for i, v in enumerate(value))
    if item in _WORDS and isinstance(value, str):
        parts = value.split(",") if item is str else value.strip("[]() ").split(",")
        return tuple(convert(item, part, where) for part in parts if part)
    import pydantic

    try:
        checker: Any = pydantic.TypeAdapter(typing.cast(Any, hint))
        return checker.validate_python(value)
    except pydantic.ValidationError as error:
        raise WrongValue.of(where, value, f"it takes {_takes(hint)}") from error


def _takes(hint: Any) -> str:
    """Say what a declared type takes, in words: "a whole number", "'mean' or 'max'"."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return first_few(map(repr, args[:-1])) + " or " * (len(args) > 1) + repr(args[-1])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_takes(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        size = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{size}, each of them {' or '.join(dict.fromkeys(_takes(arg) for arg in args if arg is not Ellipsis))}"
    if origin is not None and len(args) == 2:
        return f"a table of names, each with {_takes(args[1])}"
    return _WORDS.get(hint) or f"a table of {getattr(hint, '__name__', hint)}"


def _item_type(hint: Any) -> Any:
    args = typing.get_args(hint)
    return args[0] if typing.get_origin(hint) is tuple and len(args) == 2 and args[1] is Ellipsis else None


def _named_type(hint: Any) -> Any:
    """Return the dataclass that a mapping holds by name; None where it is no such mapping."""
    args = typing.get_args(hint)
    return args[1] if typing.get_origin(hint) is Mapping and dataclasses.is_dataclass(args[1]) else None


def _takes_none(hints: Sequence[Any]) -> bool:
    """Return whether the word "none" is itself one of the values."""
    return any("none" in typing.get_args(hint) for hint in hints if typing.get_origin(hint) is typing.Literal)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def to_plain(value: Any) -> Any:
    """Turn dataclasses and tuples into dicts and lists, leaving out what is None (TOML has no null)."""
    as_plain = getattr(value, "plain", None)
    if as_plain is not None:
        return as_plain()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init)
        return {name: to_plain(v) for name, v in pairs if v is not None}
    if isinstance(value, Mapping | types.MappingProxyType):
        return {str(k): to_plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    return value
