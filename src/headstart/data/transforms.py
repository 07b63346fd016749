"""Make what a network expects of the rows: tensors of pixels, token ids or numbers, shown in one or more views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from headstart import views as known_views
from headstart.core.counting import counted
from headstart.core.errors import BadRows, Problem, UsageError, first_few
from headstart.core.kept import Kept
from headstart.core.seeding import torch_seeded
from headstart.core.task import Show
from headstart.core.types import Input, Task, View
from headstart.data.rows import Rows, concatenate
from headstart.inputs import modality
from headstart.views.plain import Plain

if TYPE_CHECKING:
    import numpy as np

MOSTLY = 0.5  # share of what is unknown from which on it is told
LOOKED_AT = 2000  # rows, for what is cut of them
KEPT_BYTES = 256 << 20  # of examples that are kept, for inputs that share them, in each process that makes them
PLAIN = Plain()


class Draw(NamedTuple):
    """One of the ways in which a view shows a row: its number, and what decides all that is random in it."""

    number: int
    seed: int


@dataclass(frozen=True)
class Transform:
    """From rows to batches: `prepare` once, `example` for each row and view, `collate` for each batch and view.

    What evaluation sees is kept for the next time. Transforms of inputs that make the same of a row (`Input.plainly`)
    share it, as long as one of them lives.

    expects: what the network expects. views: how training shows a row, by key. once: the rows do not come again, so
    that nothing is kept of them.
    """

    expects: Input
    views: Mapping[str, View]
    once: bool = False

    def prepare(self, inputs: Any) -> Sequence[Any]:
        """Do once for all rows what depends on no randomness.

        Args:
            inputs: Inputs of the rows.

        Returns:
            An item for each row.

        Raises:
            UsageError: The network does not take such inputs.
        """
        refusal = self._workshop.expects.refuses(inputs)
        if refusal:
            raise UsageError(f"The network {refusal}.")
        return self._workshop.expects.prepare(inputs)

    def forget(self) -> None:
        """Let go of what is kept of rows that were seen, where they do not come again."""
        if self.once:
            self._workshop.expects.forget()

    @property
    def ragged(self) -> bool:
        """Whether examples differ in length."""
        return self._workshop.expects.ragged

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Count the tokens of prepared rows, [N], so that batches hold rows of like length; None if all are alike."""
        return self._workshop.expects.lengths(prepared)

    def example(self, item: Any, key: str, draw: Draw | None) -> Any:
        """Make one example.

        Args:
            item: One of what `prepare` gave.
            key: The view, by its key in `views`.
            draw: Decides what is random in the view. None is for evaluation, which sees every row plainly.

        Returns:
            What `collate` takes.
        """
        view = PLAIN if draw is None else self.views[key]
        if draw is None or view == PLAIN:
            return self._workshop.plain(item, keep=not self.once)
        raw = self._workshop.expects.open(item)
        with torch_seeded(draw.seed):
            return view.show(raw, self._workshop.expects)

    def beside(self, item: Any, key: str, draw: Draw | None) -> Show:
        """Return what shows a picture that lies over a row as `example` shows the row; arguments are the same."""
        expects, view = self._workshop.expects, PLAIN if draw is None else self.views[key]
        raw = None if view == PLAIN else expects.open(item)

        def show(picture: Any) -> Any:
            with torch_seeded(*(() if draw is None else (draw.seed,))):
                return expects.beside(raw, picture, view)

        return show

    @property
    def lays(self) -> bool:
        """Whether the labels of rows are laid behind their examples."""
        return self.expects.lays

    def behind(self, example: Any, label: Any) -> Any:
        """Lay a row's label behind its example."""
        return self._workshop.expects.behind(example, label)

    def collate(self, examples: list[Any]) -> Any:
        """Make a batch's x."""
        return self._workshop.expects.collate(examples)

    @cached_property
    def _workshop(self) -> _Workshop:
        return _workshop(self.expects)


class _Workshop:
    """What transforms of equal inputs share: a copy of the input, which may hold a tokenizer, and kept examples.

    The examples are shared by all inputs whose `plainly` is the same. It dies with the last transform, and a copy of it
    in another process starts empty.
    """

    def __init__(self, expects: Input) -> None:
        self.expects: Any = replace(expects)  # pyright: ignore[reportArgumentType]  # a dataclass, as all plug-ins are
        self.kept = _kept(expects.plainly())

    def plain(self, item: Any, *, keep: bool) -> Any:
        """Make the example that evaluation sees, or take the one that was kept; keep it where memory allows."""
        key = self.expects.key(item)
        found = None if key is None else self.kept.get(key)
        if found is None:
            found = PLAIN.show(self.expects.open(item), self.expects)
            if keep and key is not None:
                self.kept.put(key, found, found.nbytes)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _workshop, (self.expects,)


_WORKSHOPS: WeakValueDictionary[Input, _Workshop] = WeakValueDictionary()
_KEPT: WeakValueDictionary[Input, Kept] = WeakValueDictionary()


def _workshop(expects: Input) -> _Workshop:
    found = _WORKSHOPS.get(expects)
    if found is None:
        found = _WORKSHOPS[expects] = _Workshop(expects)
    return found


def _kept(plainly: Input) -> Kept:
    found = _KEPT.get(plainly)
    if found is None:
        found = _KEPT[plainly] = Kept(KEPT_BYTES)
    return found


def make_transform(expects: Input, views: Mapping[str, str] | None = None, *, once: bool = False) -> Transform:
    """Make the transform for a network.

    Args:
        expects: What the network expects.
        views: Names of views by key; None shows every row plainly, as evaluation does, under the key "x".
        once: Whether the rows do not come again: nothing is kept of them.

    Returns:
        The transform.

    Raises:
        UsageError: There is no such view, or it cannot show this input.
    """
    chosen = views or {"x": known_views.PLAIN}
    for name in chosen.values():
        known_views.check_shows(name, expects)
    return Transform(expects, {key: known_views.build(name) for key, name in chosen.items()}, once)


def check_examples(rows: Rows, expects: Input) -> None:
    """Check that a network takes each row, before any slow work.

    Args:
        rows: Of the modality that it takes.
        expects: What the network expects.

    Raises:
        UsageError: It takes no such rows at all.
        DataError: Some rows do not fit; all are listed.
    """
    if refusal := expects.refuses(rows.inputs):
        raise UsageError(f"The network {refusal}.")
    problems = [Problem(str(rows.ids[place]), what, "correct it") for place, what in expects.wrong(rows.inputs)]
    if problems:
        raise BadRows("Cells that the model cannot use:", problems)


def told_cut(parts: Sequence[Rows], expects: Input, *, advise: bool = True) -> str:
    """Tell how many examples the network sees only in part.

    Args:
        parts: Rows, of which a few thousand are looked at.
        expects: What the network expects.
        advise: Whether to name what would show more: it is a setting of `fit`, which a saved model cannot take.

    Returns:
        The number, what is cut, some rows by name, and what would show more; "" where nothing is cut.
    """
    rows = sum(map(len, parts))
    step = max(1, -(-rows // LOOKED_AT))
    some = [part.unlabelled().take(range(0, len(part), step)) for part in parts]
    ids = [row for part in some for row in part.ids]
    found = expects.cut(concatenate(some).inputs) if ids else None
    if found is None:
        return ""
    looked = f" looked at, of {rows:,}," if step > 1 else ""
    named = first_few((ids[place] for place in found.places), most=2)
    told = f"{counted(len(found.places), expects.plural, len(ids))}{looked} {found.what}: {named}"
    return f"{told}; {found.mend} shows more" if advise and found.mend else told


def told_unknown(rows: Rows, expects: Input) -> str:
    """Tell that a network does not know most of what rows hold, such as texts of another language; "" where it does."""
    share = expects.unknown(rows.inputs)
    if share < MOSTLY:
        return ""
    return (
        f"{share:.0%} of the {expects.parts} of these {expects.plural} are unknown to the network: answers mean little"
    )


def check_fits(task: Task, expects: Input) -> None:
    """Check that a network takes what the task's rows hold.

    Args:
        task: The target task.
        expects: What the network expects.

    Raises:
        UsageError: It takes another modality.
    """
    takes = modality(expects)
    if takes != task.modality:
        columns = first_few(f"'{name}'" for name in task.inputs)
        raise UsageError(
            f"The network takes {takes} input; the data is {task.modality} (column {columns}). "
            f"Choose a source for {task.modality}."
        )
