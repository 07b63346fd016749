"""The contract of a modality (a file in `inputs/`), and of a view of its examples (a file in `views/`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from headstart.core.errors import UsageError
from headstart.core.told import told

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from headstart.core.offer import Offer

EMPTY = "is empty: nothing of it is left for the network"  # of a row


@dataclass(frozen=True)
class Cut:
    """Examples of which the network sees only a part: their places, what happens to them, and what would show more.

    what: in words that follow "12 of 80 texts". mend: a setting; "" where there is none.
    """

    places: Sequence[int]
    what: str
    mend: str = ""


class Input(Protocol):
    """One modality. The class knows what the data looks like; an instance is what one network expects of it.

    A file in `inputs/` holds one frozen dataclass that derives from this; its fields are what a model card keeps, and
    they are hashable. The modality's name is the file's. What has a body here is right for many modalities; needed
    are `holds`, `read`, `preview`, `collate` and `blank`.

    order: columns are offered to the modalities in this order, the least first. plural: the examples in messages.
    shared: what equal examples have in common, in messages. suffixes: the endings of files that hold one example
    each, such as ".jpg". tabular: an example may be several columns of numbers. label_like: its cells could as well
    be labels, as the names of classes are text. copies_together: rows of equal content stay on one side of every
    split. ragged: examples differ in length. hub: the words of the Hugging Face hub for its models. files: fields
    that are paths of what the network needs. parts: what examples consist of, in messages. broad: a source of the
    widest kind, such as one of many languages, by its full name; "" where none is known.
    """

    order: ClassVar[int] = 50
    plural: ClassVar[str] = "examples"
    shared: ClassVar[str] = "content"
    suffixes: ClassVar[frozenset[str]] = frozenset()
    tabular: ClassVar[bool] = False
    label_like: ClassVar[bool] = False
    copies_together: ClassVar[bool] = False
    ragged: ClassVar[bool] = False
    hub: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[str] = "parts"
    broad: ClassVar[str] = ""

    @property
    def lays(self) -> bool:
        """Whether a row's label is laid behind its example by `behind(example, label)`, for a network that goes on."""
        return False

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether a column holds such examples; none of its cells is blank, and few may be wrong."""
        ...

    @classmethod
    def columns(cls, frame: pd.DataFrame, own: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
        """Choose the input among the columns of a table.

        Args:
            frame: The columns beside the labels.
            own: The columns that hold such examples.
            numbers: The columns that hold one number a cell.

        Returns:
            The input's columns; () where none is fit.
        """
        return tuple(own[:1])

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> Any:
        """Make `Rows.inputs`: an array [N, …] or a sequence of N.

        Args:
            frame: Cells by column, each row under its name.
            columns: The input's.

        Returns:
            The inputs.

        Raises:
            DataError: Cells are missing or of another kind; every one is listed.
        """
        ...

    @classmethod
    def taken(cls, column: Any, where: str) -> str:
        """Say how cells of the input are taken that could mean several things; "" where all is plain."""
        return ""

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Make columns of examples that come without: as `read` takes them, under the names of `columns` or others.

        Args:
            items: A list, a tuple or an array of examples.
            columns: The input's.

        Returns:
            Cells by column.

        Raises:
            DataError: The examples are of another kind.
        """
        return {columns[0]: list(items)}

    @classmethod
    def check(cls, ids: Sequence[str], items: Sequence[Any]) -> tuple[Sequence[bytes], list[str]]:
        """Look at all examples once, before any slow work.

        Args:
            ids: The name of each row.
            items: What `read` made.

        Returns:
            The SHA-256 of each row's content, and notes in words.

        Raises:
            DataError: Examples cannot be used; all are listed.
        """
        from headstart.core.cells import DIGEST, digest
        from headstart.core.packed import Packed

        return Packed.of_bytes(map(digest, items), DIGEST), []

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Show one example in the report, as plain data (see `headstart.inputs.PICTURE` and `WORDS`)."""
        ...

    @classmethod
    def pieces(cls, item: Any, columns: Sequence[str], rows: Any) -> list[tuple[str, Any]]:
        """Cut an example into pieces, by each of which is measured what spoke for the answer.

        Args:
            item: One of what `read` made.
            columns: The input's.
            rows: Inputs of the same split, to find what is usual in.

        Returns:
            Each piece in words with the example without it; nothing where examples have no such pieces.
        """
        return []

    @classmethod
    def weighed(cls, pieces: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """Show pieces with their weights, from -1 (against the answer) to 1, as plain data beside the preview's."""
        return {"pieces": list(pieces)}

    def heated(self, item: Any, heat: np.ndarray) -> dict[str, Any]:
        """Show where in an example the network found what spoke for the answer, as plain data beside the preview's.

        Args:
            item: One of what `read` made.
            heat: Over what the network sees, [h, w], from 0 to 1.

        Returns:
            See `headstart.inputs.HEAT`; nothing where examples are no pictures.
        """
        return {}

    @classmethod
    def unfit(cls, name: str, column: Any) -> str:
        """Return why `columns` left out a column that is beside the labels, in a few words; "" where there is none."""
        return ""

    @classmethod
    def measure(cls, inputs: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Find what a source is told of the training rows, by the name of its option, if it has such an option.

        What is costly is not computed here: a source that wants more of the rows has an option for the rows themselves.

        Args:
            inputs: What `read` made of them.
            columns: The input's.

        Returns:
            Values by option.
        """
        return {}

    def notes(self) -> list[str]:
        """Tell what is made of the data, where that is not plain to see."""
        return []

    @classmethod
    def surgeries(cls, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Name the surgeries that a backbone which stays as it is should be tried with for such data.

        Args:
            columns: The input's.

        Returns:
            Operations for each try, as `headstart fit --surgery` takes them; () is none.
        """
        return ((),)

    def in_parts(self) -> Self | None:
        """Return this input with both parts of an example shown one by one, tensors [B, 2, …]; None without parts."""

    def by_words(self) -> Self | None:
        """Return this input with the place of the first token of each word beside the tokens; None without words."""

    def by_context(self) -> Self | None:
        """Return this input with the places in the second text of a pair that tokens stand for; None without pairs."""

    def with_terms(self, by: str, texts: Any) -> tuple[Self, int] | None:
        """Return this input with the weights of terms beside each example, and the number of terms.

        Args:
            by: What is a term.
            texts: The training rows', from which the terms are learnt.

        Returns:
            The input and the number; None where examples have no terms.
        """
        return None

    @classmethod
    def baselines(cls, inputs: Any) -> tuple[Offer, ...]:
        """Name the starts without pretraining that a run on such inputs is compared with, the plainest first.

        Args:
            inputs: The training rows'.

        Returns:
            Starts whose head is solved.
        """
        return ()

    @classmethod
    def additions(cls, inputs: Any) -> tuple[str, ...]:
        """Name the surgeries that put more beside the features of a backbone that stays as it is.

        Args:
            inputs: The training rows'.

        Returns:
            Operations, as `headstart fit --surgery` takes them, each to be tried by itself.
        """
        return ()

    @classmethod
    def size_of(cls, item: Any) -> tuple[int, int] | None:
        """Return over what labels of places lie: an image's width and height, the words of a text and 1; or None."""

    @classmethod
    def languages(cls, inputs: Any) -> tuple[str, ...]:
        """Tell the languages of the inputs, as `headstart.inputs._language` does; () where they have none."""
        return ()

    def forget(self) -> None:
        """Let go of what is kept of rows for the next time that they come; an input that keeps nothing does nothing."""
        return

    def refuses(self, inputs: Any) -> str:
        """Return why the network cannot take these inputs, in words that follow "The network"; "" where it can."""
        return ""

    def wrong(self, inputs: Any) -> list[tuple[int, str]]:
        """Find rows that the network cannot take although it takes such inputs: the place of each, and why.

        Of examples that differ in length, those of which nothing is left.
        """
        lengths = self.lengths(self.prepare(inputs)) if self.ragged else None
        return [] if lengths is None else [(place, EMPTY) for place, length in enumerate(lengths) if not length]

    def cut(self, inputs: Any) -> Cut | None:
        """Find examples of which the network sees only a part; None where it sees all of each."""
        return None

    def unknown(self, inputs: Any) -> float:
        """Measure the share of the inputs' parts that the network does not know, such as words."""
        return 0.0

    def prepare(self, inputs: Any) -> Any:
        """Do once for all rows what depends on no randomness and stays small; what costs more may be `Lazy`."""
        return inputs

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Count the tokens of some prepared rows, [N], so that batches can hold rows of like length.

        Only of inputs that are `ragged`; None of others, all of which are alike.
        """
        return None

    def key(self, item: Any) -> Hashable | None:
        """Return by what an item's example, which has `nbytes`, is kept: equal keys, equal content. None: it is not."""
        return None

    def plainly(self) -> Self:
        """Return this input without what its plain examples do not depend on: inputs that return equal ones share them.

        What `collate` alone needs is left out; as what it returns is only compared, it need not be complete.
        """
        return self

    def open(self, item: Any) -> Any:
        """Open one prepared item for a view."""
        return item

    def example(self, raw: Any) -> Any:
        """Make the example that evaluation sees of what `open` gave."""
        return raw

    def beside(self, raw: Any, picture: Any, view: View) -> Any:
        """Show a mask that lies over an opened example by a view that `moves`: [H, W, …]. UsageError: none can."""
        raise UsageError(f"A picture lies over an image, not over {self.plural}: choose another kind of target.")

    def collate(self, examples: list[Any]) -> Any:
        """Make a batch's x: tensors [B, …]."""

    def blank(self, rows: int) -> Any:
        """Make a batch's x of empty examples, for dry runs."""
        ...

    def trial(self) -> Any:
        """Make a batch's x of the one example that asks most of a network: the longest, with the last of the words."""
        return self.blank(1)

    def seen(self, example: Any, inputs: Any) -> dict[str, Any]:
        """Show an example as the network sees it, as plain data: as `preview` gives, and what is cut of it.

        Args:
            example: What a view or `example` made.
            inputs: What `read` made of this one row.

        Returns:
            See `headstart.inputs`: `PICTURE`, `WORDS`, `CUT`; {} tells its shape and range.
        """
        return {}

    def walk(self, inputs: Any) -> list[tuple[str, str]]:
        """Tell the way of one row, which is all that `inputs` has, into the network: each step, and what it gave."""
        item = self.prepare(inputs)[0]
        raw = self.open(item)
        example = self.example(raw)
        steps = {"read": inputs[0], "prepared": item, "opened": raw, "example": example}
        steps["batch of one"] = self.collate([example])
        return [(name, told(value)) for name, value in steps.items()]

    def describe(self) -> str:
        """Describe what is expected, beyond the modality, in words; "" where there is no more to say."""
        return ""

    def pack(self, folder: Path) -> Self:
        """Write the files that the network needs into the folder of a saved model.

        Args:
            folder: The saved model's.

        Returns:
            The input with its `files` relative to the folder.
        """
        return self


class View(Protocol):
    """A way to show an example in training: a file in `views/`. The fields of its frozen dataclass are its options.

    inputs: the classes of inputs that it can show; () is every one. offered: those that it shows where nobody asked for
    it, as what is usual or as what a search draws; None is all of them. ways: how many ways of showing a row take
    turns, by epoch, the first of which is plain; 0 where each epoch may have a new one. moves: whether it does no more
    than move pixels, so that a mask can be shown likewise (`Input.beside`).
    """

    inputs: ClassVar[tuple[type, ...]] = ()
    offered: ClassVar[tuple[type, ...] | None] = None
    ways: ClassVar[int] = 0
    moves: ClassVar[bool] = False

    def show(self, raw: Any, expects: Any) -> Any:
        """Make one example.

        Args:
            raw: What `expects.open` gave.
            expects: What the network expects.

        Returns:
            What `expects.collate` takes. All that is random comes from torch's global generator, which is seeded.
        """
        ...
