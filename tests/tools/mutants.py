"""Make mutants: copies of a source file with one small fault each (DeMillo, Lipton & Sayward 1978).

A test suite that still passes on a mutant does not see that fault. Faults are made only where behaviour is: not in
annotations, docstrings, messages to the user, assertions of invariants, or imports.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
YES_OR_NO = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)  # the other one of these is the negation
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
MESSAGES = {"listen", "Event", "Problem", "note", "say", "print", "warn", "debug", "info", "warning"}
NEUTRAL = {"strict", "indent", "ensure_ascii", "stacklevel"}  # keywords whose value changes nothing on right input
ORDERLESS = {"isinstance", "issubclass", "hasattr", "cast", "max", "min", "equal", "allclose", "array_equal"}

Change = tuple[str, ast.AST, str]  # the kind of fault, the node in whose place it goes, the new text


@dataclass(frozen=True)
class Mutant:
    """One fault: `after` in the place of the bytes `start` to `end` of a file."""

    file: Path
    line: int
    kind: str
    start: int
    end: int
    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        """Return the source with the fault in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.kind}: {' '.join(self.before.split())} -> {self.after}"


def find_mutants(file: Path, source: bytes) -> list[Mutant]:
    """Find every fault that can be made in a file.

    Args:
        file: Its name, for the mutants.
        source: Its text.

    Returns:
        The mutants by place.
    """
    starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
    found: dict[tuple[int, int, str], Mutant] = {}
    for kind, at, after in _walk(ast.parse(source)):
        node: Any = at
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = source[start:end].decode()
        found.setdefault((start, end, after), Mutant(file, node.lineno, kind, start, end, before, after))
    return [found[key] for key in sorted(found)]


def draw(files: Sequence[Path], root: Path, count: int, seed: int) -> list[Mutant]:
    """Draw mutants at random, at most one a line.

    Args:
        files: Below `root`.
        root: The tree.
        count: How many; fewer where there are no more.
        seed: Decides which.

    Returns:
        Mutants that can be compiled and differ from the source.
    """
    sources = {file: (root / file).read_bytes() for file in sorted(files)}
    every = [mutant for file, source in sources.items() for mutant in find_mutants(file, source)]
    random.Random(seed).shuffle(every)
    drawn: dict[tuple[Path, int], Mutant] = {}
    for mutant in every:
        if len(drawn) == count:
            break
        if (mutant.file, mutant.line) not in drawn and is_fault(mutant, sources[mutant.file]):
            drawn[mutant.file, mutant.line] = mutant
    return list(drawn.values())


def is_fault(mutant: Mutant, source: bytes) -> bool:
    """Whether the mutant is a program, and another one than the source."""
    try:
        return ast.dump(ast.parse(mutant.apply(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def _walk(node: ast.AST) -> Iterator[Change]:
    if _left_alone(node):
        return
    for kind, change in CHANGES:
        if isinstance(node, kind):
            yield from change(node)
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"} or (name == "body" and _is_typing_only(node)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Call():
            return _called(node) in MESSAGES
        case ast.keyword():
            return node.arg in NEUTRAL
        case ast.Subscript(value=ast.Name(id="Literal")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
    return False


def _is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _with(node: Any, **fields: Any) -> str:
    """Write an expression with other fields, in parentheses."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return f"({ast.unparse(changed)})"


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for place, op in enumerate(node.ops):
        ops = [*node.ops[:place], COMPARISONS[type(op)](), *node.ops[place + 1 :]]
        yield "comparison", node, _with(node, ops=ops)


def _logic(node: ast.BoolOp) -> Iterator[Change]:
    yield "and/or", node, _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _arithmetic(node: ast.BinOp) -> Iterator[Change]:
    other = ARITHMETIC.get(type(node.op))
    if other is not None and not any(_is_sequence(side) for side in (node.left, node.right)):
        yield "arithmetic", node, _with(node, op=other())


def _is_sequence(node: ast.expr) -> bool:
    """Whether it is a text or a list, which no other operator takes: such a fault shows by itself."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return text or isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)


def _update(node: ast.AugAssign) -> Iterator[Change]:
    other = ARITHMETIC.get(type(node.op))
    if other is not None and not _is_sequence(node.value):
        yield "arithmetic", node, _with(node, op=other())[1:-1]


def _constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield "boolean", node, str(not node.value)
    elif isinstance(node.value, int | float):
        yield "constant", node, repr(node.value + 1)
        yield "constant", node, f"({node.value - 1!r})"


def _default(node: ast.arguments) -> Iterator[Change]:
    for value in (*node.defaults, *node.kw_defaults):
        if isinstance(value, ast.Constant):
            yield from (("default", at, after) for _, at, after in _constant(value))


def _not(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        yield "not removed", node, f"({ast.unparse(node.operand)})"


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    if not _is_typing_only(node):
        yield from _negated(node.test)


def _filter(node: ast.comprehension) -> Iterator[Change]:
    for test in node.ifs:
        yield from _negated(test)


def _negated(test: ast.expr) -> Iterator[Change]:
    compared = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], YES_OR_NO)
    if not compared and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
        yield "condition negated", test, f"(not ({ast.unparse(test)}))"


def _return(node: ast.Return) -> Iterator[Change]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "return", node, "return None"


def _expression(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call) and not _left_alone(node.value) and _called(node.value) != "__init__":
        yield "statement deleted", node, "pass"


def _assignment(node: ast.Assign | ast.AugAssign) -> Iterator[Change]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):
        yield "statement deleted", node, "pass"


def _slice(node: ast.Slice) -> Iterator[Change]:
    for bound in (node.lower, node.upper):
        if bound is not None:
            yield "slice", bound, f"({ast.unparse(bound)}) + 1"


def _arguments(node: ast.Call) -> Iterator[Change]:
    if len(node.args) < 2 or _called(node) in ORDERLESS:
        return
    first, second, *rest = node.args
    if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
        yield "arguments swapped", node, _with(node, args=[second, first, *rest])[1:-1]


CHANGES: list[tuple[Any, Callable[[Any], Iterator[Change]]]] = [
    (ast.Compare, _comparison),
    (ast.BoolOp, _logic),
    (ast.BinOp, _arithmetic),
    (ast.AugAssign, _update),
    (ast.arguments, _default),
    (ast.Constant, _constant),
    (ast.UnaryOp, _not),
    (ast.If | ast.While | ast.IfExp, _condition),
    (ast.comprehension, _filter),
    (ast.Return, _return),
    (ast.Expr, _expression),
    (ast.Assign | ast.AugAssign, _assignment),
    (ast.Slice, _slice),
    (ast.Call, _arguments),
]
