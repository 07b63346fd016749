"""What is predicted from what: a task, its input and its targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from headstart.core import plugins
from headstart.core.options import to_plain
from headstart.core.outcome import Outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = "target"  # the name of a task's only target

Labels = Any  # encoded labels of N rows: an array [N, …], or a list where rows are ragged


class Target(Outcomes, Protocol):
    """One thing that is predicted: a file a kind in `targets/`. Its fields are what a saved model keeps of it."""

    columns: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        ...


def kind_of(target: Target | type) -> str:
    """Return the kind of a target, or of its class: the name of its file in `targets/`."""
    return (target if isinstance(target, type) else type(target)).__module__.rpartition(".")[2]


@dataclass(frozen=True)
class Task:
    """What is to be predicted from what: input columns of one modality, and targets by name.

    modality: a file of `inputs/`. inputs: the columns. targets: of the kinds in `targets/`; one alone is called
    "target", and `target`, `kind`, `classes` and `labels` are short forms for it.
    """

    modality: str
    inputs: tuple[str, ...]
    targets: Mapping[str, Target]

    @property
    def target(self) -> Target:
        """The only target."""
        assert len(self.targets) == 1, f"the task has {len(self.targets)} targets"
        return next(iter(self.targets.values()))

    @property
    def predicted(self) -> dict[str, Target]:
        """The targets that have labels and a head: all but those without label columns (pretraining)."""
        return {name: target for name, target in self.targets.items() if target.columns}

    @property
    def kind(self) -> str:
        """The kind of the only target: the name of its file in `targets/`."""
        return kind_of(self.target)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class list of the only target; empty where it has none."""
        return self.target.classes

    @property
    def labels(self) -> tuple[str, ...]:
        """The label columns of the only target."""
        return self.target.columns

    @property
    def outputs(self) -> int:
        """Numbers that the head of the only target gives for one example."""
        return self.target.outputs

    def key(self, split: str, target: str) -> str:
        """Name the results of a target on a split: the split's name, or "SPLIT:TARGET" where there are several."""
        return split if len(self.targets) == 1 else f"{split}:{target}"

    @classmethod
    def of(
        cls, modality: str, kind: str, inputs: Sequence[str], columns: Sequence[str], classes: Sequence[str] = ()
    ) -> Self:
        """Make a task of one target, whose kind is named."""
        target = plugins.build("targets", kind, {"columns": tuple(columns), "classes": tuple(classes)})
        return cls(modality, tuple(inputs), {TARGET: target})

    def plain(self) -> dict[str, Any]:
        """Return the JSON object of `model.json`."""
        targets = {name: {"kind": kind_of(target), **to_plain(target)} for name, target in self.targets.items()}
        return {"modality": self.modality, "inputs": list(self.inputs), "targets": targets}

    @classmethod
    def parse(cls, value: Any, where: str) -> Self:
        """Read what `plain` gave, or the form of version 0.1, which had one target without a name."""
        given = dict(value)
        named = given.get("targets")
        if named is None:
            named = {TARGET: {"kind": given["kind"], "columns": given["labels"], "classes": given.get("classes", ())}}
        targets = {
            name: plugins.build("targets", plain["kind"], {k: v for k, v in plain.items() if k != "kind"})
            for name, plain in named.items()
        }
        return cls(given["modality"], tuple(given["inputs"]), targets)
