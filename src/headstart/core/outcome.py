"""What comes out of a target: decisions, figures, tables and drawings, as a kind of target gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Picture

    from headstart.core.task import Labels


@dataclass(frozen=True)
class Calibration:
    """What a target's probabilities go through. `temperature` None leaves them; `thresholds` are by class.

    `rows` counts the validation rows that it was chosen on; `notes` say why something was not chosen.
    """

    temperature: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    notes: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "temperature": self.temperature,
            "thresholds": dict(self.thresholds),
            "rows": self.rows,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Measurements:
    """What a target's sections of the report are made of.

    split: the one that was measured, with its domain in brackets where there are domains. labels, outputs: those of
    its rows; the outputs are calibrated. metrics: the evaluations by split, as in metrics.json. units: the unit of
    each metric. calibration: what was chosen on validation rows. interval: gives both ends of the interval of a
    share, from how many rows are right and of how many.
    """

    split: str
    labels: Labels
    outputs: np.ndarray
    metrics: Mapping[str, Mapping[str, Any]]
    units: Mapping[str, str]
    calibration: Calibration
    interval: Callable[[float, float], tuple[float, float]]


class Wrong(NamedTuple):
    """A row in words: its label, the prediction, and how sure or how wrong that is."""

    label: str
    prediction: str
    how: str


class Colours(NamedTuple):
    """What colours rows on a map: a place in `names` for each, [N] (-1 for none), or where there are none a number."""

    groups: np.ndarray
    names: tuple[str, ...]


class Outcomes(Protocol):
    """What comes out of a target. Outputs are what its head's `decode` gives: [N, outputs].

    title: the kind in words. form: what labels and outputs look like, by which metrics know what they can measure:
    "classes" (one class a row), "labels" (any number of classes a row), "values" (numbers), or a form of one's own.
    primary: the metric that comes first. hub: the word of the Hugging Face hub for it. loss_unit: the unit of the
    training loss. pictured: the column of the table of predictions that holds a picture, as a PNG; "" without one.
    """

    title: ClassVar[str]
    form: ClassVar[str]
    primary: ClassVar[str]
    hub: ClassVar[str]
    loss_unit: ClassVar[str]
    pictured: ClassVar[str]

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are of: classes, or columns."""
        ...

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check labels and outputs before they are measured.

        Args:
            labels: Labels of N rows.
            outputs: Outputs of the same rows, [N, outputs].

        Returns:
            Both, in the number formats that metrics expect.

        Raises:
            DataError: A shape is wrong, there is no row, or rows hold impossible values; every such row is listed.
        """
        ...

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Write labels of N rows as the outputs that would be right, [N, outputs]: shares of 0 and 1, or the values."""
        ...

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray | None:
        """Turn outputs into decisions that look like labels; None where there is nothing to decide.

        Args:
            outputs: [N, outputs].
            thresholds: By class, from `calibrate`: a class is decided from there on.

        Returns:
            Decisions, int64.

        Raises:
            UsageError: A threshold is for a class that has none.
        """
        ...

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[Any]:
        """Turn outputs into predictions as Python values, one a row."""
        ...

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose temperature and thresholds on validation rows, never on test rows; None where there are none."""
        ...

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Soften (above 1) or sharpen (below 1) probabilities; no decision of the likeliest class changes."""
        ...

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The columns of the table of predictions from which labels and outputs are read back."""
        ...

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns of the table of predictions; without labels, those are left out."""
        ...

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read labels and outputs from the columns that `table` made.

        Args:
            table: With at least `table_columns`.

        Returns:
            Labels and outputs.

        Raises:
            DataError: A label is none of the target's.
        """
        ...

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Put labels and outputs of another class order into this target's."""
        ...

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the places of the rows that were predicted wrongly, the worst first."""
        ...

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Put one row in words: right or wrong."""
        ...

    def explain_rows(
        self,
        labels: Labels,
        outputs: np.ndarray,
        places: Sequence[int],
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Wrong]:
        """Put rows at these places in words; a target whose answers depend on the other rows looks at all of them."""
        ...

    def overlay(
        self, label: Any, output: np.ndarray, size: tuple[int, int], thresholds: Mapping[str, float] | None = None
    ) -> str:
        """Draw a row's output and label as a picture that lies over its example, of this width and height, as a data
        URI; "" where none can.
        """
        ...

    def marked(
        self, item: Any, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Mark label and output in an example that is a text: lines, each with its name and its pieces, which are text,
        what it is marked as ("" for nothing), and the colour of that; nothing where nothing is marked.
        """
        ...

    def colour_key(self) -> list[tuple[str, str]]:
        """Return name and colour of what `overlay` draws; nothing where it draws nothing."""
        ...

    def cells(
        self, laid: Sequence[Any], thresholds: Mapping[str, float] | None = None, items: Sequence[Any] = ()
    ) -> dict[str, list[Any]]:
        """Make the columns of a user's table that need outputs of the size of their examples, or these themselves;
        nothing where none do.
        """
        ...

    def drawn(self, picture: Picture, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Picture:
        """Draw the output of a dense target into a copy of its picture."""
        ...

    def picture(self, laid: np.ndarray) -> bytes:
        """Write what `laid` gave as the file that labels are read from, in bytes; b"" where labels are no files."""
        ...

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Return the place of the output that one row is explained by: what in the example speaks for it is shown."""
        ...

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Return the sentence above the worst mistakes: so many rows of a split are wrong, so many are shown."""
        ...

    def colours(self, labels: Labels) -> Colours:
        """Find what colours each row on the embedding map."""
        ...

    def fold_strata(self, labels: Labels) -> np.ndarray | None:
        """Return the class by which folds are stratified, [N]; None where rows have no single class."""
        ...

    def counts(self, labels: Labels) -> dict[str, int]:
        """Count the rows of each class; empty where there are no classes."""
        ...

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Find the least, the mean and the greatest label by column; empty where labels are no numbers."""
        ...

    def notes(self, labels: Labels) -> list[str]:
        """Describe what of these labels leaves metrics undefined or of little use."""
        ...

    def selection(self, labels: Labels) -> str:
        """Name the metric by which training chooses its best step, where these are the validation labels."""
        ...

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute the loss by which steps are chosen where several targets are learnt together; lower is better."""
        ...

    def sections(self, measured: Measurements) -> list[Any]:
        """Make the target's own sections of the report, in order: each a `headstart.drawing.blocks.Section`."""
        ...
