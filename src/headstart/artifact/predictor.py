"""A saved model in use: predictions, probabilities and features of new examples."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.artifact.nearest import Nearest, search
from headstart.artifact.reference import Compared
from headstart.artifact.tent import tented
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import LEAST_TO_COMPARE, Calibration, Task
from headstart.data.left_out import Bad, without_bad
from headstart.data.left_out import advice as skip_advice
from headstart.data.rows import Rows
from headstart.data.transforms import Transform, check_examples, make_transform, told_cut, told_unknown
from headstart.data.unlabelled import one_row, read_unlabelled
from headstart.engine.fast import Fast
from headstart.engine.feed import Feed, Workers
from headstart.engine.machine import choose_threads, threads
from headstart.engine.predict import FEATURES, PART, embed, predict, predict_in_parts
from headstart.features.frozen import KnownFeatures
from headstart.inputs import by_name
from headstart.models.model import Model

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger("headstart")


@dataclass(frozen=True)
class Asked:
    """Examples to predict for: the rows that can be read, the names of all, and what is wrong with the others."""

    rows: Rows
    names: Sequence[str]
    left_out: Bad

    def in_place(self, found: Iterable[Any], blank: Any) -> list[Any]:
        """Put what was found for the rows in the order of all, with a blank for each of the others."""
        left = iter(found)
        return [blank if name in self.left_out else next(left) for name in self.names]


@dataclass(frozen=True, repr=False)
class Predictor:
    """A model with its task.

    Every method raises `DataError` where examples cannot be read, and names all of them. `data` below is what
    `headstart.read` takes, without labels: a folder, a table, or a list of paths, images, texts, pairs of texts or
    rows of numbers.
    """

    model: Model
    task: Task
    recipe: Recipe
    precision: str
    fingerprint: str
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    reference: np.ndarray | None = None

    def __repr__(self) -> str:
        """Describe in a sentence what is predicted by what."""
        return f"Predictor: {self.task.sentence()}. {self.model}"

    def predict(self, data: Any, *, skip_bad: bool = False) -> Any:
        """Predict for each example a class name, a tuple of them (multi-label), a number (or several), or a mask.

        Args:
            data: Examples.
            skip_bad: Give None for examples that cannot be read; else they are refused.

        Returns:
            A list; where there are several targets, a list for each by name. For a pandas frame a series or a frame
            with its index. A mask is [H, W] uint8 of the size of the picture: places in `classes`.

        Raises:
            UsageError: The model was pretrained without labels.
        """
        data = one_row(data, self.task)
        asked = self._told(data, skip_bad=skip_bad)
        laid = self.laid(asked.rows, self.outputs(asked.rows))
        decided = {name: asked.in_place(found, None) for name, found in self.decide(laid).items()}
        index = getattr(data, "index", None)
        return self._by_target(decided) if index is None or callable(index) else self._framed(decided, index)

    def predict_proba(self, data: Any, *, skip_bad: bool = False) -> Any:
        """Predict the calibrated probability of each class.

        Args:
            data: Examples.
            skip_bad: Give NaN for examples that cannot be read; else they are refused.

        Returns:
            Probabilities [N, C] in the order of `classes`; where there are several targets, those of each by name. For
            a pandas frame, frames with its index and a column for each class.

        Raises:
            ValueError: There are no classes.
            UsageError: The model was pretrained without labels.
        """
        if self.task.predicted and not any(t.classes and not t.dense for t in self.task.targets.values()):
            raise ValueError("Numbers, masks and texts have no probabilities; use predict.")
        data = one_row(data, self.task)
        asked = self._told(data, skip_bad=skip_bad)
        found = self.outputs(asked.rows)
        shares: dict[str, Any] = {
            name: np.stack(asked.in_place(found[name], np.full(target.outputs, np.nan)))
            for name, target in self.task.targets.items()
            if target.classes and not target.dense
        }
        index = getattr(data, "index", None)
        if index is not None and not callable(index):
            import pandas as pd

            shares = {
                name: pd.DataFrame(values, index=index, columns=list(self.task.targets[name].classes))
                for name, values in shares.items()
            }
        return self._by_target(shares)

    def alone(self, task: str) -> Predictor:
        """Answer for one of several targets alone, from the columns of its own data.

        Args:
            task: Its name.

        Returns:
            A predictor for it; this one stays as it is.

        Raises:
            UsageError: There is none of that name; the nearest one is given.
        """
        lone, heads = self.task.alone(task), self.model.by_target()
        calibrations = {name: found for name, found in self.calibrations.items() if name == task}
        model = Model(self.model.backbone, {task: heads[task]}).eval()
        return replace(self, model=model, task=lone, recipe=self.recipe.of_task(task), calibrations=calibrations)

    def adapted(self, rows: Rows) -> Predictor:
        """Adapt to the rows that are to be predicted, without their labels (TENT, `headstart.artifact.tent`).

        Args:
            rows: From `rows`.

        Returns:
            A predictor for these rows; this one stays as it is.

        Raises:
            UsageError: The network has no norm layers, or the model does not predict one class a row.
        """
        return replace(self, model=tented(self.model, rows), reference=None)

    def search(self, data: Any, among: Any, *, k: int = 10, workers: int = 0) -> list[Nearest]:
        """Find the examples that are nearest to others by the cosine of their embeddings, exactly.

        Of a retrieval model the embedding is its answer, of others the features that the head sees. Features that took
        long are kept on disk, as those of runs are.

        Args:
            data: Examples to look for.
            among: Examples to look among; one that is looked for and is there finds itself.
            k: How many are found for each.
            workers: Processes that open images.

        Returns:
            What was found for each.

        Raises:
            UsageError: k is below 1.
        """
        return search(self, self._told(data), self._told(among), k, workers)

    def embed(self, data: Any) -> np.ndarray:
        """Compute the features that the head sees, [N, D]."""
        return self.features(self._told(data).rows)

    @property
    def classes(self) -> Any:
        """The class list, empty for a regression; where there are several targets, the list of each by name."""
        return self._by_target({name: target.classes for name, target in self.task.targets.items()})

    @property
    def calibration(self) -> Calibration:
        """What the probabilities of the only target go through."""
        assert len(self.task.targets) == 1, f"the task has {len(self.task.targets)} targets"
        return self.calibrations.get(next(iter(self.task.targets)), Calibration())

    def rows(self, data: Any) -> Rows:
        """Read examples without labels."""
        return self.ask(data).rows

    def ask(self, data: Any, *, skip_bad: bool = False) -> Asked:
        """Read examples without labels, and keep account of those that cannot be read.

        Args:
            data: Examples.
            skip_bad: Leave out what cannot be read; else it is refused.

        Returns:
            The examples.

        Raises:
            DataError: Some, or with `skip_bad` all, cannot be read; all are named.
        """

        def read(bad: Bad) -> tuple[Rows, Sequence[str]]:
            rows, names = read_unlabelled(data, self.recipe.reading, self.task, bad)
            if bad and not len(rows):
                raise DataError("No example can be read:", bad.values())
            if not len(rows):
                raise DataError("There are no examples: the data has no rows.")
            check_examples(rows, self.model.backbone.card.input)
            return rows, names

        (rows, names), bad = without_bad(read, skip_bad, {}, skip_advice())
        return Asked(rows, names, bad)

    def cut(self, rows: Rows) -> str:
        """Tell of how many examples the network sees only a part, and what it does not know; "" where all is well."""
        expects = self.model.backbone.card.input
        told = told_cut([rows], expects, advise=False), told_unknown(rows, expects)
        return "; ".join(filter(None, told))

    def _told(self, data: Any, *, skip_bad: bool = False) -> Asked:
        """Read examples, and warn where the network sees only a part of them."""
        asked = self.ask(data, skip_bad=skip_bad)
        if told := self.cut(asked.rows):
            LOG.warning(told)
        return asked

    def outputs(self, rows: Rows, *, workers: int = 0) -> dict[str, np.ndarray]:
        """Compute calibrated probabilities [N, C] or values [N, T] of rows, by target.

        Args:
            rows: The examples.
            workers: Processes that open images.

        Returns:
            Outputs by target.

        Raises:
            UsageError: The model was pretrained without labels.
        """
        self._check_predicts()
        return self.calibrate(self.raw_outputs(rows, workers=workers))

    def compared(self, count: int) -> Compared | None:
        """Begin to compare so many new rows with rows that were not learnt; None where there are too few of either."""
        if self.reference is None or min(count, len(self.reference)) < LEAST_TO_COMPARE:
            return None
        return Compared(self.model, self.task, self.reference, count, self.recipe.seed)

    def unlike(self, rows: Rows) -> str:
        """Tell whether rows look unlike those that the model was tested on; "" where not, or where it cannot be told.

        Args:
            rows: From `rows`; features of at most 300 of them are computed.

        Returns:
            What `headstart predict` would warn of.
        """
        if (compared := self.compared(len(rows))) is None:
            return ""
        compared.sample(rows, self.features)
        return compared.told()

    def outputs_in_parts(
        self, rows: Rows, workers: Workers, size: int = PART, *, compared: Compared | None = None
    ) -> Iterator[tuple[Rows, dict[str, np.ndarray]]]:
        """Compute outputs as `raw_in_parts` does; of each part, its rows and what `outputs` gives for them."""
        for own, raw in self.raw_in_parts(rows, workers, size, compared=compared):
            yield own, self.calibrate(raw)

    def raw_in_parts(
        self, rows: Rows, workers: Workers, size: int = PART, *, compared: Compared | None = None
    ) -> Iterator[tuple[Rows, dict[str, np.ndarray]]]:
        """Compute outputs of any number of rows in bounded memory, a part at a time, each when it is asked for.

        Args:
            rows: The examples.
            workers: Processes that open images; where one is lost, the pass goes on with the part that it was in.
            size: Rows in a part, a multiple of 64.
            compared: Takes the features of the rows.

        Yields:
            Of each part in order, its rows and what `raw_outputs` gives for them.

        Raises:
            UsageError: The model was pretrained without labels.
        """
        self._check_predicts()

        def begun(count: int, part: int) -> Iterator[dict[str, np.ndarray]]:
            left = rows.take(range(part * size, len(rows))) if part else rows
            how: Any = {"size": size, "workers": count, "precision": self.precision, "fast": self._fast}
            how["features"] = compared is not None
            return predict_in_parts(self.model, left, self._transform, **how)

        found = Feed(begun, workers, 0)
        with threads(choose_threads(self.model.backbone.card.params)):
            for start in range(0, len(rows), size):
                own = rows.take(range(start, min(start + size, len(rows))))
                raw = next(found)
                if compared is not None:
                    compared.add(raw.pop(FEATURES))
                yield own, raw

    def calibrate(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Scale outputs by target as the network gives them."""
        return {
            name: self.task.targets[name].scale(outputs, self.calibrations.get(name, Calibration()).temperature)
            for name, outputs in raw.items()
        }

    def raw_outputs(self, rows: Rows, *, workers: int = 0, known: KnownFeatures | None = None) -> dict[str, np.ndarray]:
        """Compute probabilities [N, C] as the network gives them, or values [N, T], by target.

        Args:
            rows: The examples.
            workers: Processes that open images.
            known: Features of rows that need not be computed again; takes those that are computed now.

        Returns:
            Outputs by target.
        """
        if not self.task.predicted:
            return {}
        with threads(choose_threads(self.model.backbone.card.params)):
            how: Any = {"workers": workers, "precision": self.precision, "known": known, "fast": self._fast}
            return predict(self.model, rows, self._transform, **how)

    def features(self, rows: Rows, *, workers: int = 0, known: KnownFeatures | None = None) -> np.ndarray:
        """Compute the features [N, D] of rows that the head sees; arguments as of `raw_outputs`."""
        with threads(choose_threads(self.model.backbone.card.params)):
            how: Any = {"workers": workers, "precision": self.precision, "known": known, "fast": self._fast}
            return embed(self.model, rows, self._transform, **how)

    def decide(self, outputs: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
        """Turn calibrated outputs by target into predictions, by the model's own thresholds where it has some."""
        return {
            name: target.predictions(outputs[name], self.calibrations.get(name, Calibration()).thresholds)
            for name, target in self.task.predicted.items()
        }

    def laid(self, rows: Rows, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Bring outputs that lie over pictures to the size of these, in a list; others stay as they are."""
        kind = by_name(self.task.modality)
        return {
            name: [target.laid(each, kind.size_of(item) or each.shape[::-1], item) for each, item in pairs]
            if (target := self.task.targets[name]).dense and (pairs := zip(found, rows.inputs, strict=True))
            else found
            for name, found in outputs.items()
        }

    def _check_predicts(self) -> None:
        if not self.task.predicted:
            raise UsageError("This model was pretrained without labels and predicts nothing. Use embed: its features.")

    def _framed(self, decided: Mapping[str, Sequence[Any]], index: Any) -> pd.Series | pd.DataFrame:
        """Put predictions beside the rows of a frame: a column for each label column."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name, values in decided.items():
            labels = self.task.targets[name].columns
            columns |= (
                {labels[0]: values} if len(labels) == 1 else dict(zip(labels, zip(*values, strict=True), strict=True))
            )
        frame = pd.DataFrame(columns, index=index)
        return frame if len(columns) > 1 else frame[next(iter(columns))]

    def _by_target(self, values: dict[str, Any]) -> Any:
        """Return the value of the only target, or where there are several, all of them."""
        return next(iter(values.values()), ()) if len(self.task.targets) < 2 else values

    @cached_property
    def _fast(self) -> Fast:
        return Fast(self.model)

    @cached_property
    def _transform(self) -> Transform:
        return make_transform(self.model.backbone.card.input, once=True)
