"""What is predicted from what: a task, its input and its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from headstart.core import plugins
from headstart.core.errors import first_few, unknown
from headstart.core.options import to_plain
from headstart.core.outcome import Outcomes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    import pandas as pd
    import torch
    from torch import nn

    from headstart.core.columns import Column
    from headstart.core.learning import LossOptions

TARGET = "target"  # the name of a task's only target

Labels = Any  # encoded labels of N rows: an array [N, …], or a list where rows are ragged
Show = Callable[[Any], Any]  # gives a picture that lies over an image as the image is shown, no two pixels mixed


class Target(Outcomes, Protocol):
    """One thing that is predicted: a file a kind in `targets/`. Its fields are what a saved model keeps of it.

    Attributes:
        needs_columns: Whether there is a label column to look for.
        dense: Whether it answers for each place of an example (dense prediction), as a mask does: its labels are shown
            through the views of their examples.
        pooled: Whether any head on pooled features answers for it; else only heads that name its form do.
        head: The head that it has where none is named.
        surgery: The operations that a source goes through first where none is named.
        usual_batch: Examples in a step where none are named; None is by the number of rows.
        new_classes: Whether it is asked of classes that training has no row of: no class is in two splits, its labels
            are [N] int64 that say which rows are of one class, and the source's features are answers as they are.
    """

    needs_columns: ClassVar[bool]
    dense: ClassVar[bool]
    pooled: ClassVar[bool]
    head: ClassVar[str]
    surgery: ClassVar[tuple[str, ...]]
    usual_batch: ClassVar[int | None]
    new_classes: ClassVar[bool]

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns of the table."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The class list, by name; empty where there are no classes."""
        ...

    # labels: read, encoded, learnt

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target of label columns, its classes still open. UsageError: the kind does not go with them."""
        ...

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by the class list of the training rows. DataError: labels cannot be used."""
        ...

    def check_present(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Check that every row has its label. DataError: some have none."""
        ...

    def encode(self, frame: pd.DataFrame) -> Labels:
        """Turn the label cells of rows into labels: an array, or a list where rows are ragged. DataError: bad cells."""
        ...

    def unlabelled(self, column: Column) -> np.ndarray:
        """Return which cells of a label column say that the row has no label, [N] bool."""
        ...

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which labelled rows have no class but those of the class list, [N] bool."""
        ...

    def check_training(self, labels: Labels) -> None:
        """Check that there is something to learn from the encoded training labels. DataError: there is nothing."""
        ...

    def remarks(self, labels: Labels) -> list[str]:
        """Tell what was made of the encoded labels of a split, where that is not plain to see."""
        ...

    def check_splits(self, labels: Mapping[str, Labels]) -> None:
        """Check the encoded labels of the splits that were given, by split. DataError: they cannot be used."""
        ...

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Lay labels of a dense target over images of these widths and heights. DataError: some do not lie there."""
        ...

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> Any:
        """Bring an output of a dense target to the width and the height of its image."""
        ...

    def shown(self, label: Any, show: Show) -> Any:
        """Show the label of a row of a dense target as the row itself is shown: see `Show`."""
        ...

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor of a batch from the labels of its rows, which `shown` gave where the target is dense."""
        ...

    def strata(self, labels: Labels) -> np.ndarray | None:
        """Return the class to balance each row by in splits and folds, [N], -1 without any; None: at random."""
        ...

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        ...

    def output(self) -> nn.Module:
        """Make the module that gives a head's numbers their meaning: a `headstart.targets._outputs.Output`."""
        ...

    def check_loss(self, options: LossOptions) -> None:
        """Check that a loss fits. UsageError: it does not."""
        ...

    def check_imbalance(self, kind: str, options: LossOptions) -> None:
        """Check that a way of making up for rare classes fits. UsageError: it does not."""
        ...

    def choose_imbalance(self, labels: Labels, options: LossOptions) -> tuple[str, str]:
        """Choose how to make up for rare classes, for "auto": the choice, and why in words."""
        ...

    def cell(self, named: Any) -> Any:
        """Write a label or prediction of the table of predictions as one value, for tables without lists."""
        ...

    def describe(self) -> str:
        """Describe in words what the labels were taken for."""
        ...


def kind_of(target: object) -> str:
    """Return the kind of a target, or of its class: the name of its file in `targets/`."""
    return (target if isinstance(target, type) else type(target)).__module__.rpartition(".")[2]


@dataclass(frozen=True)
class Task:
    """What is to be predicted from what: input columns of one modality, and targets by name.

    modality: a file of `inputs/`. inputs: the columns. targets: instances of the kinds in `targets/`; one alone is
    called "target", and `target`, `kind`, `classes` and `labels` are short forms for it. inputs_of: by target,
    the columns of its own data where they are others, as those of several data sets may be.
    """

    modality: str
    inputs: tuple[str, ...]
    targets: Mapping[str, Target]
    inputs_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say what is predicted from what: "image to 2 classes (ants, bees), read as binary"."""
        named = len(self.targets) > 1
        found = (
            f"{name}: {target.describe()}" if named else target.describe() for name, target in self.targets.items()
        )
        return f"{self.modality} to {first_few(found, '; ')}"

    def alone(self, name: str) -> Self:
        """Keep one target, with the input columns of its own data. UsageError: there is none of that name."""
        if name not in self.predicted:
            raise unknown("task", name, list(self.predicted))
        return replace(
            self, inputs=self.inputs_of.get(name, self.inputs), targets={name: self.targets[name]}, inputs_of={}
        )

    def for_columns(self, columns: Collection[str]) -> Self:
        """Read the inputs from the columns that a table has, where those of one of the targets are all there."""
        known = (self.inputs, *self.inputs_of.values())
        return replace(self, inputs=next((names for names in known if set(names) <= set(columns)), self.inputs))

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
        more = {"inputs_of": {name: list(own) for name, own in self.inputs_of.items()}} if self.inputs_of else {}
        return {"modality": self.modality, "inputs": list(self.inputs), "targets": targets, **more}

    @classmethod
    def parse(cls, value: Any, where: str) -> Self:
        """Read what `plain` gave, or the form of version 0.1: one target, with the separator of the recipe."""
        given = dict(value)
        named = given.get("targets")
        if named is None:
            lone = {"kind": given["kind"], "columns": given["labels"], "classes": given.get("classes", ())}
            named = {TARGET: lone | ({"separator": given["separator"]} if given.get("separator") else {})}
        targets = {
            name: plugins.build("targets", plain["kind"], {k: v for k, v in plain.items() if k != "kind"})
            for name, plain in named.items()
        }
        inputs_of = {name: tuple(own) for name, own in given.get("inputs_of", {}).items()}
        return cls(given["modality"], tuple(given["inputs"]), targets, inputs_of)
