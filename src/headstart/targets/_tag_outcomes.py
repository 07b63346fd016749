"""What comes out of tags: labels are [W] places a row; outputs [N, T, 2] uint8, of each word the place of its tag plus
1 (0 where it was not seen) and the tag's probability in 255ths.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, first_few
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.types import Labels
from headstart.drawing.blocks import Section
from headstart.inputs._words import word_spans
from headstart.metrics._of_entities import f1
from headstart.targets._by_class import absent
from headstart.targets._mask_pictures import colours
from headstart.targets._schemes import spans, written
from headstart.targets._tag_tables import sections

TAGS, ENTITIES = "tags", "entities"  # columns of what was decided
NOT_SEEN = "_"  # the tag of a word that was not seen, where O is none
SURE = 255
MOST_WORDS = 120  # of a text that are shown


class Place(NamedTuple):
    """Where an entity stands: what it is called there, its first sign, and the sign behind its last."""

    text: str
    start: int
    end: int


class TagOutcomes:
    """A target of a tag for each word."""

    classes: tuple[str, ...]
    scheme: str
    tags: Any
    form: ClassVar[str] = "tags"
    title: ClassVar[str] = "tags of words"
    hub: ClassVar[str] = "token-classification"
    loss_unit: ClassVar[str] = "nats a word"

    @property
    def primary(self) -> str:
        """The metric that comes first: of entities where there are some."""
        return "entity_f1" if self.scheme else "token_accuracy"

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count by row, [N, C + 1, 3], labelled, decided and both: entities of each class, then words, of which those
        count as decided that were seen. Return these as both of the two. Without a scheme there are no entities.
        """
        if not len(labels) or len(labels) != len(outputs):
            raise DataError(
                f"There are {len(labels)} rows of tags and {len(outputs)} predictions: one for each is needed."
            )
        found = np.zeros((len(labels), len(self.classes) + 1, 3), dtype=np.int64)
        for row, (label, output) in enumerate(zip(labels, outputs, strict=True)):
            decided = _decided(output, len(label))
            found[row, -1] = len(label), (decided >= 0).sum(), (decided == label).sum()
            for place, own in enumerate(self._entities(label, decided)) if self.scheme else ():
                for *_, name in own:
                    found[row, name, place] += 1
        return found, found

    def _entities(self, label: np.ndarray, decided: np.ndarray) -> tuple[Any, ...]:
        """Return the entities that are labelled, decided, and both."""
        own, found = ({*spans(each.astype(np.int64))} for each in (label, decided))
        return own, found, own & found

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> np.ndarray:
        """Keep what was decided for the words of a text, [W, 2]."""
        words = size[0]
        return np.pad(output, ((0, max(0, words - len(output))), (0, 0)))[:words]

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Give each word the tag that most words have, [N, W, 2]: the best guess without a model."""
        every = np.sum([np.bincount(label, minlength=len(self.tags)) for label in labels], axis=0)
        found = np.zeros((len(labels), max(1, *map(len, labels)), 2), dtype=np.uint8)
        found[..., 0], found[..., 1] = int(every.argmax()) + 1, SURE
        return found

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: a row as a whole is neither right nor wrong."""

    def predictions(self, outputs: Any, thresholds: Mapping[str, float] | None = None) -> list[list[str]]:
        """Predict for each row the tags of its words, in the scheme of the labels."""
        return [self._written(_decided(output, len(output))) for output in outputs]

    def _written(self, decided: np.ndarray) -> list[str]:
        if not self.scheme:
            return [self.classes[place] if place >= 0 else NOT_SEEN for place in decided]
        entities = [(start, end, self.classes[name]) for start, end, name in spans(decided)]
        return written(entities, len(decided), self.scheme)

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave decisions as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The tags of labels and of decisions."""
        return ("label", TAGS)

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `prediction` (how many entities of each class, or tags, were found) and `tags` (uint8
        [W, 2] as bytes), with labels `label`, too: places as bytes.
        """
        found: dict[str, Any] = {} if labels is None else {"label": [label.tobytes() for label in labels]}
        found["prediction"] = [self._named(_decided(output, len(output))) for output in outputs]
        return found | {TAGS: [np.ascontiguousarray(output).tobytes() for output in outputs]}

    def cells(
        self, laid: Sequence[np.ndarray], thresholds: Mapping[str, float] | None = None, items: Sequence[str] = ()
    ) -> dict[str, list[Any]]:
        """Write the tags of each word as labels are written, and entities as JSON: text, start, end, class, score."""
        found = {TAGS: [" ".join(tags) for tags in self.predictions(laid)]}
        if self.scheme:
            entities = [self._told(*each) for each in zip(laid, items, strict=True)]
            said = [
                first_few(f"{text[each['start'] : each['end']]} ({each['class']})" for each in own)
                for own, text in zip(entities, items, strict=True)
            ]
            found["prediction"] = [words or "nothing" for words in said]
            found[ENTITIES] = [json.dumps(own, ensure_ascii=False) for own in entities]
        return found

    def _told(self, output: np.ndarray, text: str) -> list[dict[str, Any]]:
        """List the entities of a text; the score is the mean probability of its tags."""
        words, found = word_spans(text), []
        for first, last, name in spans(_decided(output, len(output))):
            start, end = words[first][0], words[last - 1][1]
            score = round(float(output[first:last, 1].mean()) / SURE, 3)
            place = Place(text[start:end], start, end)._asdict()
            found.append({**place, "class": self.classes[name], "score": score})
        return found

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read the tags of labels and of decisions, [N, W, 2]."""
        labels, found = ([np.frombuffer(cell, dtype=np.uint8) for cell in table[name]] for name in self.table_columns)
        rows = [own.reshape(-1, 2) for own in found]
        most = max(1, *map(len, rows))
        return labels, np.stack([self.laid(own, (most, 1)) for own in rows])

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Put labels and outputs of another class order into this one's."""
        place = np.array([self.classes.index(name) for name in classes])
        if self.scheme:
            place = np.concatenate([[0], *([2 * own + 1, 2 * own + 2] for own in place)])
        outputs = outputs.copy()
        outputs[..., 0] = np.concatenate([[0], place + 1])[outputs[..., 0]]
        return [place.astype(np.uint8)[label] for label in labels], outputs

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows with entities, or tags, that are missing or false, by how many these are, most first."""
        wrong = np.array([sum(self._counted(*each)[1:]) for each in zip(labels, outputs, strict=True)])
        order = np.argsort(-wrong, kind="stable")
        return order[wrong[order] > 0]

    def _counted(self, label: np.ndarray, output: np.ndarray) -> tuple[int, int, int]:
        """Count what is right, missing and false in a row."""
        decided = _decided(output, len(label))
        if not self.scheme:
            right = int((decided == label).sum())
            return right, 0, len(label) - right
        own, found, both = self._entities(label, decided)
        return len(both), len(own) - len(both), len(found) - len(both)

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Count the entities, or tags, of both by class, and those that are right, missing and false."""
        right, missing, false = self._counted(label, output)
        how = f"{right} right, {missing} missing, {false} false" if self.scheme else f"{right} right, {false} wrong"
        decided = _decided(output, len(label))
        return Wrong(self._named(label.astype(np.int64)), self._named(decided), how)

    def marked(
        self, item: str, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Mark the entities of a text, or where there is no scheme the tags, as labelled and as predicted."""
        words = item.split()[:MOST_WORDS]
        shades = [colour for _, colour in self.colour_key()]
        lines = []
        for line, places in (("label", label.astype(np.int64)), ("predicted", _decided(output, len(label)))):
            own = spans(places) if self.scheme else [(n, n + 1, int(p)) for n, p in enumerate(places) if p >= 0]
            pieces, last = [], 0
            for start, end, name in own:
                if start < len(words):
                    pieces += [(" ".join(words[last:start]), "", "")] if start > last else []
                    pieces.append((" ".join(words[start:end]), self.classes[name], shades[name]))
                    last = end
            rest = " ".join(words[last:]) + (" …" if len(words) < len(label) else "")
            lines.append((line, [*pieces, *([(rest, "", "")] if rest else [])]))
        return lines

    def colour_key(self) -> list[tuple[str, str]]:
        """Return each class with its colour."""
        shades = colours(len(self.classes))
        return [(name, f"#{bytes(shade.tolist()).hex()}") for name, shade in zip(self.classes, shades, strict=True)]

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the tag of the first word."""
        return max(0, int(output[0, 0]) - 1)

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        what = "entities that are missing or false" if self.scheme else "wrong tags"
        return f"Of the {split} rows, {wrong} {agree(wrong, 'have')} {what}. These {shown} have the most."

    def colours(self, labels: Labels) -> Colours:
        """Colour each row by the class that most of its entities, or words, have."""
        counts = [self._by_class(label.astype(np.int64)) for label in labels]
        return Colours(np.array([int(own.argmax()) if own.any() else -1 for own in counts]), self.classes)

    def _by_class(self, places: np.ndarray) -> np.ndarray:
        """Count the entities, or words, of a row by class, [C]."""
        own = [name for *_, name in spans(places)] if self.scheme else places[places >= 0]
        return np.bincount(np.asarray(own, dtype=np.int64), minlength=len(self.classes))

    def _named(self, places: np.ndarray) -> str:
        """Say how many entities, or words, of each class there are."""
        named = Counter(dict(zip(self.classes, self._by_class(places).tolist(), strict=True)))
        return first_few(f"{count} {name}" for name, count in (+named).most_common()) or "nothing"

    def fold_strata(self, labels: Labels) -> None:
        """Return None: rows have no single class."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """Count the entities, or words, of each class."""
        every = np.sum([self._by_class(label.astype(np.int64)) for label in labels], axis=0)
        return dict(zip(self.classes, every.tolist(), strict=True))

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Return nothing: labels are no numbers."""
        return {}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Name the classes without an entity among the measured rows, [N, C + 1, 3], and count words without answer."""
        words, seen, _ = labels[:, -1].sum(axis=0).tolist()
        each = labels[:, :-1, 0].sum(axis=0).tolist()
        notes = absent(dict(zip(self.classes, each, strict=True))) if self.scheme else []
        if seen < words:
            lost = counted(words - seen, "words", words)
            notes.append(
                f"{lost} {agree(words - seen, 'are')} beyond the tokens that the network takes, or have none: wrong"
            )
        return notes

    def selection(self, labels: Labels) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute 1 minus the F1 of entities, or minus the share of right tags."""
        counts = self.check(labels, outputs)[0].sum(axis=0).astype(np.float64)
        if not self.scheme:
            return 1.0 - float(counts[-1, 2] / max(1, counts[-1, 0]))
        return 1.0 - float(np.nan_to_num(f1(*counts[:-1].sum(axis=0)[:, None])[0]))

    def sections(self, measured: Measurements) -> list[Section]:
        """Show F1, precision and recall of each class, with an interval over texts."""
        counts = self.check(measured.labels, measured.outputs)[0][:, :-1]
        if not self.scheme:
            counts = np.stack([self._words(*each) for each in zip(measured.labels, measured.outputs, strict=True)])
        return sections(counts, self.classes, "entities" if self.scheme else "words")

    def _words(self, label: np.ndarray, output: np.ndarray) -> np.ndarray:
        """Count the words of a row by class, [C, 3]: labelled, decided and both."""
        own, decided = label.astype(np.int64), _decided(output, len(label))
        return np.stack([self._by_class(each) for each in (own, decided, own[own == decided])], axis=1)


def _decided(output: np.ndarray, words: int) -> np.ndarray:
    """Return the place of the tag of each of so many words, [words] int64; -1 where none was seen."""
    own = np.asarray(output)[:words, 0].astype(np.int64) - 1
    return np.pad(own, (0, words - len(own)), constant_values=-1)
