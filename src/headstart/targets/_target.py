"""What the kinds of targets have in common; a kind overrides what is different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.columns import Column, blank_cells
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.outcome import Wrong
from headstart.core.task import Show, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import torch
    from PIL.Image import Image as Picture

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._infer import LabelCells


@dataclass(frozen=True)
class BaseTarget:
    """Label columns and a class list; the methods hold for labels [N] or [N, …] that are one array.

    Attributes:
        columns: The columns of the table that hold the labels.
        classes: The class list, by name; empty where there are no classes.
        form: What labels and outputs look like: "classes" (one class a row), "labels" (any number of them), "values".
        order: Kinds with a lower number are asked first whether the labels are theirs.
        needs_columns: Whether there is a label column to look for.
        losses: Names of the losses that fit.
        balances: Ways of making up for rare classes that fit.
        takes_parents: Whether it has a column of the classes' parents beside that of the classes.
        dense: Whether it answers for each place of an example, from maps (`headstart.core.task.Target`).
        pooled: Whether any head on pooled features answers for it (`headstart.core.task.Target`).
        head: The head that it has where none is named.
        surgery: The operations that a source goes through first where none is named.
        usual_batch: Examples in a step where none are named; None is by the number of rows.
        one_column: What its label column is called in the error for several ones; "" where there may be several.
        pictured: The column of the table of predictions that holds a picture; "" without any.
        new_classes: Whether it is asked of classes that training has no row of (`headstart.core.task.Target`).
        array_type: How scikit-learn's `type_of_target` calls arrays of these labels; "" where it has no word for them.
    """

    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    form: ClassVar[str] = "values"
    order: ClassVar[int] = 100
    needs_columns: ClassVar[bool] = True
    losses: ClassVar[tuple[str, ...]] = ()
    balances: ClassVar[tuple[str, ...]] = ()
    takes_parents: ClassVar[bool] = False
    dense: ClassVar[bool] = False
    pooled: ClassVar[bool] = True
    head: ClassVar[str] = "linear"
    surgery: ClassVar[tuple[str, ...]] = ()
    usual_batch: ClassVar[int | None] = None
    one_column: ClassVar[str] = ""
    pictured: ClassVar[str] = ""
    new_classes: ClassVar[bool] = False
    array_type: ClassVar[str] = ""

    def explain_rows(
        self,
        labels: Labels,
        outputs: np.ndarray,
        places: Sequence[int],
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Wrong]:
        """Put rows at these places in words, each by itself."""
        explain: Any = self.explain  # pyright: ignore[reportAttributeAccessIssue]  # of the kind's outcomes
        return [explain(labels[place], outputs[place].astype(np.float64), thresholds) for place in places]

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether label columns look like this kind; a kind that only the user can ask for never fits."""
        return False

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target of label columns, its classes still open.

        Args:
            columns: The label columns.
            separator: What stands between the labels of a cell, as the user asked.

        Returns:
            The target.

        Raises:
            UsageError: The kind has no separator, or one column alone.
        """
        if separator:
            raise UsageError(f"A separator is for multilabel tasks; the task is {kind_of(cls)}.")
        if cls.one_column and len(columns) > 1:
            raise UsageError(
                f"A {kind_of(cls)} task has one {cls.one_column}; {len(columns)} are named: {first_few(columns)}."
            )
        return cls(tuple(columns))

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by what only the labels say: the class list, by name, from the training rows.

        Args:
            train: The labelled training rows.
            frames: All labelled rows by split.

        Returns:
            The target.

        Raises:
            DataError: Labels are missing or cannot be used; all rows are listed.
        """
        self.check_present(frames)
        return self

    def check_present(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Check that every row has its label.

        Args:
            frames: Rows by split.

        Raises:
            DataError: Labels are missing; all rows are listed, but where a column has none at all.
        """
        rows = sum(map(len, frames.values()))
        for column in self.columns if rows > 1 else ():
            if all(self.unlabelled(frame[column]).all() for frame in frames.values()):
                raise DataError(
                    f"The column '{column}' has no label in any of {rows:,} rows. Fill it in, or name another one: "
                    f"{option('label')}."
                )
        problems = [
            Problem(str(row), f"has no label (column '{column}')", "label the row or delete it")
            for frame in frames.values()
            for column in self.columns
            for row in frame.index[self.unlabelled(frame[column])]
        ]
        if problems:
            raise BadRows(f"{counted(len(problems), 'labels')} {agree(len(problems), 'are')} missing:", problems)

    def unlabelled(self, column: Column) -> np.ndarray:
        """Return which cells of a label column say that the row has no label, [N] bool."""
        return blank_cells(column)

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which labelled rows have no class but those of the class list, [N] bool."""
        return np.ones(len(frame), dtype=bool)

    def check_training(self, labels: Labels) -> None:
        """Check that there is something to learn from the encoded training labels.

        Args:
            labels: Labels as `encode` gave them.

        Raises:
            DataError: There is nothing.
        """

    def remarks(self, labels: Labels) -> list[str]:
        """Tell nothing: labels are taken as they are."""
        return []

    def check_splits(self, labels: Mapping[str, Labels]) -> None:
        """Check that the splits that were given can be used.

        Args:
            labels: As `encode` gave them, by split.

        Raises:
            DataError: The target is asked of new classes, and some have rows in two splits; all are listed.
        """

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Leave labels as they are: only those of dense targets lie over their examples."""
        return labels

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> Any:
        """Leave an output that lies over no picture as it is."""
        return output

    def overlay(
        self, label: Any, output: np.ndarray, size: tuple[int, int], thresholds: Mapping[str, float] | None = None
    ) -> str:
        """Draw nothing over an example."""
        return ""

    def marked(
        self, item: Any, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Mark nothing in a text."""
        return []

    def colour_key(self) -> list[tuple[str, str]]:
        """Return nothing: nothing is drawn."""
        return []

    def cells(
        self, laid: Sequence[Any], thresholds: Mapping[str, float] | None = None, items: Sequence[Any] = ()
    ) -> dict[str, list[Any]]:
        """Make no columns: what a row is predicted does not depend on its size."""
        return {}

    def drawn(self, picture: Picture, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Picture:
        """Draw nothing."""
        return picture

    def picture(self, laid: np.ndarray) -> bytes:
        """Return nothing: labels are no files."""
        return b""

    def shown(self, label: Any, show: Show) -> Any:
        """Leave a label that lies over no picture as it is."""
        return label

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor of a batch from the labels of its rows: an array, or a list of one array a row."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(labels))

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Write labels [N, …] as the outputs that would be right, [N, outputs] float64."""
        return np.asarray(labels, dtype=np.float64).reshape(len(labels), -1)

    def strata(self, labels: Labels) -> np.ndarray | None:
        """Return the class to balance each row by in splits and folds, [N], -1 without any; None: at random."""
        return None

    def check_loss(self, options: LossOptions) -> None:
        """Check that a loss fits.

        Args:
            options: What the recipe asks for.

        Raises:
            UsageError: The loss is for another kind of task, or the number of class weights is wrong.
        """
        if options.loss != "auto" and options.loss not in self.losses:
            raise UsageError(
                f"The loss '{options.loss}' does not fit a {kind_of(self)} task. Fitting: {first_few(self.losses)}."
            )
        if options.class_weights and len(options.class_weights) != len(self.classes):
            raise UsageError(
                f"class_weights has {len(options.class_weights)} numbers; the task has {len(self.classes)} classes: "
                f"{first_few(self.classes)}."
            )
        if options.label_smoothing and not self.classes:
            raise UsageError(f"label_smoothing is for classes; this task is a {kind_of(self)}.")

    def check_imbalance(self, kind: str, options: LossOptions) -> None:
        """Check that a way of making up for rare classes fits the target and the loss.

        Args:
            kind: A value of the recipe's `imbalance`.
            options: What the objective asks the loss for.

        Raises:
            UsageError: It does not.
        """
        if kind == "none":
            return
        if not self.classes:
            raise UsageError(
                f"imbalance '{kind}' is for classes; this task is a {kind_of(self)}. Use imbalance 'none'."
            )
        if kind not in self.balances:
            fitting = first_few(("none", *self.balances))
            raise UsageError(f"imbalance '{kind}' does not fit the kind '{kind_of(self)}'. Fitting: {fitting}.")
        if options.class_weights:
            raise UsageError(f"class_weights and imbalance '{kind}' both make up for rare classes. Give one of them.")

    def choose_imbalance(self, labels: Labels, options: LossOptions) -> tuple[str, str]:
        """Choose how to make up for rare classes, for "auto".

        Args:
            labels: Labels of the training rows.
            options: What the objective asks the loss for.

        Returns:
            The choice, and why in words.
        """
        return "none", f"the task is a {kind_of(self)}"

    def cell(self, named: Any) -> Any:
        """Write a label or prediction of the table of predictions as one value, for tables without lists."""
        return named

    def describe(self) -> str:
        """Describe in words what the labels were taken for."""
        if not self.classes:
            return f"read as {kind_of(self)}"
        shown = first_few(self.classes)
        return f"{len(self.classes)} classes ({shown}), read as {kind_of(self)}"
