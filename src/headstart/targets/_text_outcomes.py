"""What comes out of texts: labels are [n] uint8 a row, outputs [N, width] uint8 that zeros fill up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.errors import DataError
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.types import Labels
from headstart.drawing.blocks import Section
from headstart.metrics._texts import edits
from headstart.targets._text_tables import sections
from headstart.targets._written_texts import filled, packed, scores_of, texts_of


class TextOutcomes:
    """A target of one text a row."""

    columns: tuple[str, ...]
    form: ClassVar[str] = "texts"
    primary: ClassVar[str] = "chrf"
    title: ClassVar[str] = "texts as answers"
    hub: ClassVar[str] = "text2text-generation"
    loss_unit: ClassVar[str] = "negative log-likelihood of the label, by its usual length in tokens"

    @property
    def names(self) -> tuple[str, ...]:
        """The column."""
        return self.columns

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read labels and answers as texts, [N] each. DataError: there are not as many of both."""
        if not len(labels) or len(labels) != len(outputs):
            raise DataError(f"There are {len(labels)} labels and {len(outputs)} answers: each row needs both.")
        return _texts(labels), _texts(outputs)

    def likelihoods(self, outputs: np.ndarray) -> np.ndarray | None:
        """Read the nats and the tokens of each label, [N, 2]; None where the network gives texts alone."""
        return scores_of(outputs)

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Say nothing, [N, 1]: texts have no mean that would be an answer to all."""
        return np.zeros((len(labels), 1), dtype=np.uint8)

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: a text is more or less right."""

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[Any]:
        """Give the text of each row."""
        return texts_of(outputs)

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave texts as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The label and the answer."""
        return ("label", "prediction")

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label` and `prediction`, and where it is known `nats` and `tokens`."""
        found = {} if labels is None else {"label": texts_of(labels)}
        known = self.likelihoods(outputs)
        likely = {} if known is None else {"nats": known[:, 0], "tokens": known[:, 1].astype(int)}
        return {**found, "prediction": texts_of(outputs), **likely}

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read labels, and answers [N, width]."""
        labels, answers = ([packed(str(cell)) for cell in table[name]] for name in self.table_columns)
        return labels, filled(answers)

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Leave both as they are: there are no classes."""
        return labels, outputs

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows whose answer is not the label, by the share of its characters that are wrong, most first."""
        pairs = zip(*self.check(labels, outputs), strict=True)
        wrong = np.array([edits(label, answer) / max(1, len(label)) for label, answer in pairs])
        order = np.argsort(-wrong, kind="stable")
        return order[wrong[order] > 0]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Show both texts, and count the words that differ."""
        wanted, found = texts_of([label, output])
        words = wanted.split()
        return Wrong(wanted, found, f"{edits(words, found.split())} edits, {len(words)} words")

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the first byte: no single number decides."""
        return 0

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"Of the {split} rows, {wrong} have another text. In these {shown} most characters are wrong."

    def colours(self, labels: Labels) -> Colours:
        """Colour each row by the characters of its label."""
        return Colours(np.array([len(text) for text in texts_of(labels)], dtype=np.float64), ())

    def fold_strata(self, labels: Labels) -> None:
        """Return None: rows have no class."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """Return nothing: there are no classes."""
        return {}

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Find the least, the mean and the most characters of a label."""
        lengths = self.colours(labels).groups
        return {f"characters of {self.columns[0]}": [float(find(lengths)) for find in (np.min, np.mean, np.max)]}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Say that all measured rows have the same label, where it is so."""
        return ["All rows have the same label."] if len(labels) > 1 and len(set(labels)) == 1 else []

    def selection(self, labels: Labels) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute 1 minus chrF as a share."""
        from headstart.metrics._measured import Measured
        from headstart.metrics.chrf import Chrf

        measured = Measured(self.form, self.names, *self.check(labels, outputs))
        return 1.0 - float(Chrf().weighted(measured)(measured.unit)[0]) / 100

    def sections(self, measured: Measurements) -> list[Section]:
        """Show the figures of short, usual and long labels."""
        return sections(*self.check(measured.labels, measured.outputs))


def _texts(rows: Any) -> np.ndarray:
    """Read texts into an array, [N] of str."""
    found = np.empty(len(rows), dtype=object)
    found[:] = texts_of(rows)
    return found
