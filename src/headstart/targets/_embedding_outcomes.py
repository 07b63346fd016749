"""What comes out of a target of embeddings: labels [N] say which rows are of one class, outputs are vectors [N, D]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.seeding import numpy_generator
from headstart.core.task import kind_of
from headstart.drawing.blocks import Section, Table, Words
from headstart.metrics._neighbours import Neighbours, neighbours
from headstart.targets import _checks

SHARPNESS = 18.0  # of cosines, by which the loss of validation rows is computed
SHOWN = 20  # classes in the report
DIGITS = 5  # of an embedding's numbers in a table of text


class EmbeddingOutcomes:
    """A target of vectors that are compared by their angle; a row is looked for among all others of its split."""

    columns: tuple[str, ...]
    identities: tuple[str, ...]
    form: ClassVar[str] = "embeddings"
    primary: ClassVar[str] = "recall_at_1"
    title: ClassVar[str] = "retrieval"
    hub: ClassVar[str] = "image-feature-extraction"
    loss_unit: ClassVar[str] = "nats, of finding the class among the proxies"

    @property
    def names(self) -> tuple[str, ...]:
        """The column of class names: no output is of a class."""
        return self.columns

    def name_of(self, label: int) -> str:
        """Name the class of a label; one that came later has a number."""
        return self.identities[label] if label < len(self.identities) else f"new class {label}"

    def check(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check labels and vectors; return them as int64 and float64. Vectors may be of any width."""
        y, p = np.asarray(labels), np.asarray(outputs, dtype=np.float64)
        _checks.check_shapes(kind_of(self), y, p, p.shape[-1], single=True)
        problems = _checks.bad_labels(y, y < 0, "labels are whole numbers from 0 on")
        _checks.refuse(problems + _checks.bad_outputs(p))
        return y.astype(np.int64), p

    def as_outputs(self, labels: np.ndarray) -> np.ndarray:
        """Write classes [N] as vectors that would be right: a direction of its own for each."""
        directions = {label: numpy_generator("direction", label).normal(size=16) for label in {*labels.tolist()}}
        return np.stack([directions[label] for label in labels.tolist()])

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: there is nothing to decide."""

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[list[float]]:
        """Give the embedding of each row."""
        return outputs.tolist()

    def calibrate(self, labels: np.ndarray | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave vectors as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The label and the embedding."""
        return ("label", "prediction")

    def table(
        self, labels: np.ndarray | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label` and `prediction`, a list of numbers."""
        given = {} if labels is None else {"label": [self.name_of(label) for label in labels.tolist()]}
        return {**given, "prediction": self.predictions(outputs)}

    def read_table(self, table: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Read classes [N] and vectors [N, D]."""
        new = sorted({*table["label"]} - {*self.identities})
        places = {name: place for place, name in enumerate((*self.identities, *new))}
        labels = np.array([places[name] for name in table["label"]], dtype=np.int64)
        return labels, np.stack([np.asarray(cell) for cell in table["prediction"]])

    def cell(self, named: Any) -> Any:
        """Write an embedding as its numbers with spaces between them; a label stays."""
        return named if isinstance(named, str) else " ".join(f"{number:.{DIGITS}g}" for number in named)

    def reorder(self, classes: Sequence[str], labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Leave both as they are: no output is of a class."""
        return labels, outputs

    def mistakes(
        self, labels: np.ndarray, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows to which one of another class is nearest; those with most of such before a right one first."""
        found = neighbours(labels, outputs)
        wrong = np.flatnonzero(found.asked & (found.before > 0))
        return wrong[np.argsort(-found.before[wrong], kind="stable")]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Name the class of a row; what it is taken for depends on the others (`explain_rows`)."""
        return Wrong(self.name_of(int(label)), "", "")

    def explain_rows(
        self,
        labels: np.ndarray,
        outputs: np.ndarray,
        places: Sequence[int],
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Wrong]:
        """Take each row for what the nearest of all others is; of equally near ones, one of another class."""
        unit = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-12)
        told = []
        for place in places:
            near = np.round(unit @ unit[place], 12)
            near[place] = -np.inf
            first = int(np.lexsort((labels == labels[place], -near))[0])
            name, found = self.name_of(int(labels[place])), self.name_of(int(labels[first]))
            told.append(Wrong(name, found, f"as the nearest other row is, cosine {near[first]:.2f}"))
        return told

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the greatest number of the embedding: what in the example makes it so is shown."""
        return int(np.abs(output).argmax())

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"To {wrong:,} of the {split} rows one of another class is nearest; of these {shown} are shown."

    def colours(self, labels: np.ndarray) -> Colours:
        """Colour each row by its class."""
        present, places = np.unique(labels, return_inverse=True)
        return Colours(places, tuple(self.name_of(label) for label in present.tolist()))

    def fold_strata(self, labels: np.ndarray) -> None:
        """Return None: folds are of whole classes."""

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Return nothing: the classes of training are no others'."""
        return {}

    def ranges(self, labels: np.ndarray) -> dict[str, list[float]]:
        """Return nothing: labels are no numbers."""
        return {}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Tell how many rows have no other of their class to be found."""
        alone = int((np.unique(labels, return_counts=True)[1] == 1).sum())
        found = f"{counted(alone, 'rows', len(labels))} {agree(alone, 'are')}"
        return [f"{found} alone in the class, with none to be found: such a row is not looked for."] if alone else []

    def selection(self, labels: np.ndarray) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Compute the loss of neighbourhood components (Goldberger et al. 2004), in nats: each row finds its class."""
        unit = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-12)
        near = np.exp(SHARPNESS * (unit @ unit.T - 1))
        np.fill_diagonal(near, 0.0)
        right = (near * (labels[:, None] == labels)).sum(axis=1)
        asked = neighbours(labels, outputs).asked
        return float(-np.log(np.maximum(right[asked], 1e-300) / near.sum(axis=1)[asked]).mean()) if asked.any() else 0.0

    def sections(self, measured: Measurements) -> list[Section]:
        """Show the classes that are found worst."""
        found = neighbours(measured.labels, measured.outputs)
        present = [label for label in np.unique(measured.labels) if found.asked[measured.labels == label].any()]
        rows = sorted((self._found(found, measured.labels == label), label) for label in present)[:SHOWN]
        cells = [
            (self.name_of(int(label)), f"{share:.0%}", f"{(measured.labels == label).sum():,}") for share, label in rows
        ]
        what = f"How often the nearest other row of {measured.split} is of the same class, by class"
        told = f"{what}: the {len(rows)} classes of {len(present)} where it is least often."
        return [Section("By class", [Words(told), Table(("class", "recall at 1", "rows"), cells)])] if rows else []

    def _found(self, found: Neighbours, among: np.ndarray) -> float:
        return float((found.before[among & found.asked] == 0).mean())
