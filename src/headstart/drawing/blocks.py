"""What a page is made of, as plain data: each block is drawn by the template of its name in `templates/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from headstart.drawing.charts import Chart, Forest

PHONE, SCREEN = 50, 130  # signs of a table's longest row, beyond which it does not fit
PADDING, FIRST, BAR, WORD = 2, 17, 11, 9  # signs that a column needs besides, the first column, a bar, broken words
TURNED = 3  # signs of a heading that stands upright, over a confusion matrix of long names


@dataclass(frozen=True)
class Words:
    """A paragraph; `soft` is for what explains the rest, `strong` for what must be seen."""

    template: ClassVar[str] = "words"
    text: str
    css: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    template: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Figure:
    """One figure, large, with what it is and how sure it is."""

    template: ClassVar[str] = "figure"
    name: str
    value: str
    after: str


@dataclass(frozen=True)
class Notes:
    """A list of short remarks."""

    template: ClassVar[str] = "notes"
    items: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A cell of a table that is more than its text.

    css: "left", "full" … title: is shown when the mouse rests on it. share: of a row of the confusion matrix, 0 to 1,
    shades it. bar: the length of a bar, 0 to 1; `rest` draws what it lacks, too.
    """

    text: str = ""
    css: str = ""
    title: str = ""
    share: float | None = None
    bar: float | None = None
    rest: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its first column stands left, the others right.

    Cells are texts or `Cell`. One that is too wide for a phone scrolls in its own box, and says so.
    """

    template: ClassVar[str] = "table"
    headings: Sequence[str | Cell]
    rows: Sequence[Sequence[str | Cell]]
    css: str = ""

    @property
    def heads(self) -> list[Cell]:
        """The headings as cells."""
        return [as_cell(cell) for cell in self.headings]

    @property
    def lines(self) -> list[list[Cell]]:
        """The rows as cells."""
        return [[as_cell(cell) for cell in row] for row in self.rows]

    @property
    def hint(self) -> str:
        """For which screens a row is too long: "phones", "all", or "" for none."""
        if not self.rows:
            return ""
        columns = list(zip(*([_width(cell) for cell in row] for row in self.rows), strict=True))
        heads = [self._head(cell.text) for cell in self.heads]
        signs = (
            sum(max(head, *column, 0) + PADDING for head, column in zip(heads[1:], columns[1:], strict=True)) + FIRST
        )
        return "all" if signs > SCREEN else "phones" if signs > PHONE else ""

    def _head(self, text: str) -> int:
        return TURNED if self.css == "confusion" else max(map(len, text.split()), default=0)


@dataclass(frozen=True)
class Pairs:
    """Names with their values."""

    template: ClassVar[str] = "pairs"
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text of equal width, as it is typed."""

    template: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that are opened by a click on the title."""

    template: ClassVar[str] = "folded"
    title: str
    blocks: Sequence[Any]


@dataclass(frozen=True)
class Drawing:
    """A chart with its title above, and legend and notes below; a legend is of (name, colour)."""

    template: ClassVar[str] = "drawing"
    title: str
    chart: Chart | Forest
    notes: Sequence[str] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Drawings:
    """Charts beside each other, below each other on a phone."""

    template: ClassVar[str] = "drawings"
    drawings: Sequence[Drawing]


@dataclass(frozen=True)
class Legend:
    """Names of colours, "c0" … or "#rrggbb", for several drawings at once."""

    template: ClassVar[str] = "legend"
    entries: Sequence[tuple[str, str]]


class Piece(NamedTuple):
    """A piece of an example, such as a word, and how much it speaks for the answer: -1 (against it) to 1."""

    text: str
    weight: float

    @property
    def strength(self) -> str:
        """How strongly it is shaded, 0 to 1."""
        return f"{min(abs(self.weight), 1):.2f}"

    @property
    def css(self) -> str:
        """The class of its shade; "" where it is too weak to be shown."""
        return "" if abs(self.weight) < 0.05 else "for" if self.weight > 0 else "against"


@dataclass(frozen=True)
class Card:
    """One example: a picture with a heat map over it, a sound, a text or its pieces, and lines of (name, value).

    Pictures and sounds are data URIs. marked: lines of a text, each with its name and its pieces: text, what it is
    marked as, or "", and the colour of that. verdict: "right", "wrong" or "".
    listed: the pieces stand below each other.
    """

    template: ClassVar[str] = "card"
    name: str
    lines: Sequence[tuple[str, str]]
    picture: str = ""
    tiny: bool = False
    heat: str = ""
    sound: str = ""
    text: str = ""
    pieces: Sequence[Piece] = ()
    marked: Sequence[tuple[str, Sequence[tuple[str, str, str]]]] = ()
    listed: bool = False
    verdict: str = ""


@dataclass(frozen=True)
class Cards:
    """Examples beside each other; `small` ones stand three in a row on a phone."""

    template: ClassVar[str] = "cards"
    cards: Sequence[Card]
    small: bool = False

    @property
    def texts(self) -> bool:
        """Whether they need room for texts."""
        return any(card.text or card.pieces or card.marked for card in self.cards)


@dataclass(frozen=True)
class Section:
    """A part of a page. early: it tells the result, and stands before what explains it."""

    title: str
    blocks: Sequence[Any]
    early: bool = False


@dataclass(frozen=True)
class Page:
    """A whole page: a title, blocks above everything, sections with links to them."""

    template: ClassVar[str] = "page"
    name: str
    title: str
    top: Sequence[Any]
    sections: Sequence[Section]

    @property
    def anchored(self) -> list[tuple[str, Section]]:
        """The sections, each with a name by which it is linked to; no two are the same."""
        found: dict[str, Section] = {}
        for section in self.sections:
            base = "".join(sign if sign.isascii() and sign.isalpha() else "-" for sign in section.title.lower())
            base = "-".join(filter(None, base.split("-"))) or "section"
            found[base if base not in found else f"{base}-{len(found)}"] = section
        return list(found.items())


def left(text: str) -> Cell:
    """Make a cell that stands left."""
    return Cell(text, "left")


def as_cell(cell: str | Cell) -> Cell:
    """Make a cell of a text."""
    return cell if isinstance(cell, Cell) else Cell(str(cell))


def _width(cell: str | Cell) -> int:
    found = as_cell(cell)
    return BAR if found.bar is not None else min(len(found.text), WORD if found.css == "words" else len(found.text))
