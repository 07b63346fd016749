"""The recipe: the whole plan of a run as frozen data, to TOML and back.

What is None is chosen when the run is planned (`headstart fit --dry-run` prints the outcome).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.ranges import check_fields
from headstart.core.task import TARGET

SUPERVISED, LINEAR = Choice("supervised"), Choice("linear")  # the objective and the head where none is named
TASKS = "tasks"  # the objective of several tasks, where none is named
_OF_ONE_DATA_SET = ("targets", "source_domain", "target_domain", "target", "target_labels", "unseen")
_OLDER_VIEWS = {"none": "plain", "light": "weak"}  # the spellings of version 0.1

KindName = str | Literal["none"] | None  # a file of targets/, "none" for pretraining; None infers it


@dataclass(frozen=True)
class TargetPlan:
    """The label columns of one target, and how to read them."""

    labels: tuple[str, ...] = ()
    task: KindName = None  # kind of target; None infers it
    separator: str | None = None  # splits a multi-label cell: "cat|dog"
    parents: str | None = None  # the column of the parents of the classes, which are then a tree


@dataclass(frozen=True)
class DataPlan:
    """Which data, and how to read it. Columns and the task are inferred where they are not named.

    `labels`, `task`, `separator` and `parents` are the short form for one target; several have a table each in
    `targets`, by name.
    """

    path: str | None = None
    reader: Choice | None = None  # None tries each reader
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    task: KindName = None  # kind of target; None infers it
    modality: str | None = None  # None infers it
    separator: str | None = None  # splits a multi-label cell: "cat|dog"
    parents: str | None = None  # the column of the parents of the classes, which are then a tree
    targets: Mapping[str, TargetPlan] | None = None  # by name, in place of the four
    group: str | None = None  # rows with the same value stay in one split
    validation: float | None = None  # share of the training rows, where no validation split is given; None: 0.15, and
    # nothing where that is too little to choose by
    test: float = 0.15  # share of all rows, where no split at all is given
    source_domain: tuple[str, ...] = ()  # DOMAIN folders, or values of the column `domain`: labelled
    target_domain: tuple[str, ...] = ()  # the domain that counts: unlabelled in training, labelled in test
    target: str | None = None  # the target domain's own data, beside `path`, which is then the source domain's
    target_labels: str | None = None  # a few rows of the target domain with labels, which are learnt
    transductive: bool = False  # whether test rows of the target domain are among its rows without labels, too
    unseen: bool = False  # whether nothing of the target domain is learnt from or looked at: all its rows are test rows
    unlabelled: str | None = None  # more rows, without labels: a folder of loose files, or a table
    blank_labels: Literal["refuse", "unlabelled"] = "refuse"  # what training rows without a label are
    skip_bad: bool = False  # whether rows that cannot be read are left out; else they are refused

    def __post_init__(self) -> None:
        check_fields(self, self.__dataclass_fields__)
        if self.unseen and (self.transductive or self.target_labels):
            raise ValueError(
                "a target domain that is unseen is not learnt from, and transductive and target_labels would do that."
            )
        if not self.targets:
            return
        if self.labels or self.task or self.separator or self.parents:
            raise ValueError(
                "labels, task, separator and parents are for a single target; with data.targets name them there "
                f"({first_few(f'data.targets.{name}.labels' for name in self.targets)})."
            )
        for name, plan in self.targets.items():
            _check_word("target", name)
            if not plan.labels:
                raise ValueError(f"the target '{name}' needs its label columns: data.targets.{name}.labels.")

    @property
    def domains(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the source domains, and of the target domains; those of two data sets are their own names."""
        if self.target is None:
            return self.source_domain, self.target_domain
        source, target = Path(self.path or "source").name, Path(self.target).name
        return ((source,), (target,)) if source != target else (("source",), ("target",))

    @property
    def by_target(self) -> Mapping[str, TargetPlan]:
        """The plan of each target by name; a single one is called "target"."""
        return self.targets or {TARGET: TargetPlan(self.labels, self.task, self.separator, self.parents)}


@dataclass(frozen=True)
class Stage:
    """One stage of training: a strategy, an objective, and how long at which rate."""

    strategy: Choice | None = None
    objective: Choice = SUPERVISED
    sharing: Choice | None = None  # what several targets have of their own, a file of sharing/; None: heads alone
    combine: Choice | None = None  # how several losses become one update, a file of combine/; None: their sum
    criterion: Choice | None = None  # by what the best step is chosen; None: the objective's
    steps: int | None = None  # None: from `epochs`
    epochs: float | None = None  # None: the strategy's default
    lr: float | None = None  # None: the strategy's default
    batch_size: int | None = None  # None: 16, and 32 from 1,000 rows on
    accumulate: int = 1  # micro-batches in one step; batch_size is the whole step's
    optimiser: str = (
        "auto"  # torch's, in small letters, or "solve"; "auto": "solve" where that is possible, else "adamw"
    )
    weight_decay: float = 0.01  # decoupled, with every optimiser
    l1: float = 0.0  # times the sum of the absolute weights that learn, in the loss
    l2: float = 0.0  # times half the sum of their squares, in the loss
    schedule: Literal["cosine", "constant", "linear", "one_cycle", "plateau"] = "cosine"
    warmup: float = 0.1  # share of the steps
    plateau_looks: int = 2  # evaluations without gain after which the schedule "plateau" lowers the rate
    plateau_factor: float = 0.3  # by which it does
    ema: float = 0.0  # decay of the moving average of the weights that is evaluated and kept; 0: the weights themselves
    swad: float = 0.0  # how far the validation loss may rise while the weights of all steps are averaged; 0: not
    imbalance: Literal["none", "weights", "sampler", "focal", "logit_adjust", "auto"] = "none"  # for rare classes
    clip: float = 1.0  # largest gradient norm; 0 does not clip
    augment: str | Literal["none"] | None = None  # a view of `views/`; None: the strategy's default
    views: int | None = None  # fixed views of a row, one after another by epoch; 0 draws a new one each epoch
    evaluate: int | None = None  # steps between evaluations on the validation split; None: once an epoch
    patience: int = 5  # evaluations without gain before stopping; 0 never stops early

    def __post_init__(self) -> None:
        object.__setattr__(self, "augment", _OLDER_VIEWS.get(self.augment or "", self.augment))
        check_fields(self, self.__dataclass_fields__)
        if self.views is not None and self.views < 0:
            raise ValueError(f"views must be 0 (a new one each epoch) or more; it is {self.views}.")
        if 0 < self.swad < 1 or (self.swad and self.ema):
            raise ValueError(f"swad must be 0 or at least 1, and 0 with ema; it is {self.swad} with ema = {self.ema}.")
        if self.batch_size is not None and self.accumulate > self.batch_size:
            raise ValueError(f"accumulate ({self.accumulate}) cannot be more than batch_size ({self.batch_size}).")


@dataclass(frozen=True)
class Recipe:
    """The whole plan of a run."""

    data: DataPlan = DataPlan()
    tasks: Mapping[str, DataPlan] | None = None  # several data sets by name, in place of `data`: each is a task
    main: str | None = None  # the one of several targets by which steps and models are chosen; None: by all of them
    source: Choice | None = None
    surgery: tuple[Choice, ...] = ()  # operations on the source's network, in order
    head: Choice = LINEAR
    stages: tuple[Stage, ...] = (Stage(),)
    refit: Literal["auto", "yes", "no"] = (
        "auto"  # whether all labelled rows are fitted once steps and penalties are chosen
    )
    keep_better: Literal["auto", "yes", "no"] = "auto"  # whether a baseline that is better on validation rows is saved
    scratch: Literal["auto", "yes", "no"] = (
        "auto"  # whether the same network with random weights is a baseline; "auto": where the time of a search allows
    )
    alone: Literal["auto", "yes", "no"] = (
        "auto"  # whether each of several tasks is trained by itself beside the run; "auto": where the budget allows
    )
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    workers: int | None = None  # processes that load data; None takes none: this one loads
    cache_gb: float = 10.0  # most gigabytes of features on disk, for all runs together; 0 keeps none there
    budget: float | None = None  # seconds for training, all stages together
    checkpoint: float = 60.0  # seconds between saved steps; 0 saves each

    def __repr__(self) -> str:
        """Say in a line what is trained; `to_toml` writes the whole recipe."""
        strategies = " then ".join(stage.strategy.name if stage.strategy else "a strategy" for stage in self.stages)
        source = self.source.name if self.source else "a source"
        data = f" on {self.title}" if self.title else ""
        return f"Recipe: {strategies} of {source}{data}, seed {self.seed} (to_toml() writes all of it)"

    def __post_init__(self) -> None:
        check_fields(self, self.__dataclass_fields__)
        if self.tasks:
            _check_tasks(self.tasks, self.data)

    @property
    def plans(self) -> Mapping[str, DataPlan]:
        """The plan of each data set: of several tasks by their names, of a single data set by ""."""
        return self.tasks or {"": self.data}

    @property
    def reading(self) -> DataPlan:
        """How further rows are read: as those of all tasks were, where these were read alike."""
        first, *others = self.plans.values()
        return first if all(plan.reader == first.reader for plan in others) else DataPlan()

    def of_task(self, task: str) -> Self:
        """Keep the data of one of several tasks."""
        return replace(self, data=self.tasks[task], tasks=None, main=None) if self.tasks else self

    @property
    def title(self) -> str | None:
        """What the data is called: its path, or the names of the tasks; None for data in memory."""
        return "+".join(self.tasks) if self.tasks else self.data.path

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Build a recipe from nested dicts; an unknown key is an error with the nearest name.

        Several tasks are learnt by the objective `tasks`, where the first stage names none.
        """
        several = len(values.get("tasks") or ()) > 1
        first, *others = values.get("stages") or ({},)
        if several and isinstance(first, Mapping) and "objective" not in first:
            values = {**values, "stages": [{**first, "objective": TASKS}, *others]}
        return options.build(cls, values, "the recipe")

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a recipe from TOML."""
        try:
            return cls.from_plain(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"The recipe is not valid TOML: {error}.") from error

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a recipe file."""
        try:
            return cls.from_toml(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UsageError(f"There is no recipe file {path}.") from error
        except OSError as error:
            raise UsageError(f"{path} cannot be read as a recipe file: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not a recipe: it is not UTF-8 text.") from error

    def to_plain(self) -> dict[str, Any]:
        """Return nested dicts and lists without None."""
        return options.to_plain(self)

    def to_toml(self) -> str:
        """Write the recipe as TOML, which `from_toml` reads back to an equal recipe."""
        import tomli_w

        return tomli_w.dumps(self.to_plain())

    def with_surgery(self, operations: Sequence[str]) -> Self:
        """Add operations of surgery at the end.

        Args:
            operations: Each written as "NAME OPTION=VALUE …", as `Choice.parse` reads it.

        Returns:
            The new recipe.

        Raises:
            UsageError: One is not written so.
        """
        return replace(self, surgery=(*self.surgery, *(Choice.parse(text, "surgery") for text in operations)))

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """Apply settings such as {"stages.0.strategy": "partial k=2", "stages.0.strategy.head_lr": 5}.

        Another plug-in takes none of the options of the one whose place it takes; `epochs` take the place of `steps`.

        Args:
            settings: Values by path; a number in the path is a place in a list. Strings are converted. A plug-in is
                named by its own path, as `Choice.parse` reads it, or by its `name` alone.

        Returns:
            The new recipe.

        Raises:
            UsageError: A path leads nowhere, a value is of the wrong type, or both steps and epochs are set.
        """
        plain = self.to_plain()
        for path in sorted(settings, key=_place):
            *above, last = path.split(".")
            if last == "epochs" and ".".join([*above, "steps"]) in settings:
                raise UsageError(f"Give {option('steps')} or {option('epochs')} for a stage, not both.")
            _assign(plain, [*above, last], settings[path], path)
        return self.from_plain(plain)


def is_word(name: str) -> bool:
    """Return whether a target or a task can be called so: letters, digits, _ and -, a letter first."""
    return bool(re.fullmatch(r"[A-Za-z][\w-]*", name))


def _check_word(what: str, name: str) -> None:
    if not is_word(name):
        raise ValueError(f"a {what}'s name is a word of letters, digits, _ and -; got {name!r}.")


def _check_tasks(tasks: Mapping[str, DataPlan], data: DataPlan) -> None:
    """Check that each task can be one of several, and that no single data set is named beside them."""
    names = first_few(tasks)
    named = next((each.name for each in fields(data) if getattr(data, each.name) != each.default), None)
    if named == "path":
        raise ValueError(
            f"the data {data.path} and the tasks {names} are both named, and a run learns either. Make the data a task "
            "too (tasks.NAME.path), or leave it away."
        )
    if named is not None:
        first = next(iter(tasks))
        raise ValueError(f"data.{named} is of a single data set; with the tasks {names} it is tasks.{first}.{named}.")
    for name, plan in tasks.items():
        _check_word("task", name)
        for each in _OF_ONE_DATA_SET:
            if getattr(plan, each):
                why = "give each target its own task" if each == "targets" else "domains are those of a single data set"
                raise ValueError(f"tasks.{name}.{each} cannot be named for one of several tasks: {why}.")


def parse_setting(text: str) -> tuple[str, str]:
    """Split a setting at its first "=".

    Args:
        text: "PATH=VALUE".

    Returns:
        The path and the value.

    Raises:
        UsageError: There is no "=".
    """
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UsageError(f"A setting is PATH=VALUE, for example stages.0.lr=0.001; got {text!r}.")
    return path, value


def _place(path: str) -> list[tuple[bool, int, str]]:
    """Order paths: a plug-in before what is below it, its name before its options, places in a list by number."""
    return [(key != "name", int(key) if key.isdecimal() else -1, key) for key in path.split(".")]


def _is_choice(node: Any, key: Any) -> bool:
    """Whether a plug-in with its options stands there already."""
    there = node.get(key) if isinstance(node, dict) else node[key]
    return isinstance(there, dict) and "name" in there


def _name_plugin(node: dict[str, Any], choice: Choice) -> None:
    if node["name"] != choice.name:
        node.clear()
    node.update(choice.plain())


def _assign(node: Any, keys: Sequence[str], value: Any, setting: str) -> None:
    for depth, name in enumerate(keys):
        key: Any = name
        last = depth == len(keys) - 1
        if isinstance(node, list):
            if not name.isdecimal() or int(name) > len(node):
                raise UsageError(f"{setting!r}: '{key}' is not a place in a list of {len(node)}.")
            if int(name) == len(node):
                node.append({})
            key = int(name)
        elif not isinstance(node, dict):
            raise UsageError(f"{setting!r}: there is nothing below '{keys[depth - 1]}'.")
        if last:
            if isinstance(value, str) and _is_choice(node, key):
                _name_plugin(node[key], Choice.parse(value, setting))
                return
            if isinstance(node, dict) and name == "name" and node.get(name, value) != value:
                node.clear()
            if isinstance(node, dict) and name == "epochs":
                node.pop("steps", None)
            node[key] = value
        elif isinstance(node, dict):
            following = node.setdefault(key, {})
            if isinstance(following, str):  # a plug-in named without options
                following = node[key] = Choice.parse(following, setting).plain()
            node = following
        else:
            node = node[key]
