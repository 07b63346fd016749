"""Blocks: text is escaped once, whatever is in it; signs that no page may hold are replaced."""

from __future__ import annotations

import jinja2
import pytest
from markupsafe import Markup

from headstart.drawing.blocks import Card, Cell, Heading, Notes, Page, Pairs, Section, Table, Words, left
from headstart.drawing.draw import TEMPLATES, draw, fill

WILD = "<b>&\"'"
SAFE = "&lt;b&gt;&amp;&#34;&#39;"


def test_text_and_attributes_are_escaped_once():
    assert draw(Words(WILD, "soft")) == f'<p class="soft">{SAFE}</p>'
    assert draw([Words(WILD), Markup("<hr/>"), Notes([WILD])]).count(SAFE) == 2
    table = draw(Table(("name", left(WILD), "x"), [(Cell(WILD, title=WILD), Cell("2", "right", WILD, 0.5), left("x"))]))
    assert f'<th scope="row" title="{SAFE}">{SAFE}</th>' in table
    assert f'<td class="right" title="{SAFE}" style="--share:0.50">2</td>' in table
    assert f'<th scope="col" class="left">{SAFE}</th>' in table and '<td class="left">x</td>' in table
    assert f"<dt>{SAFE}</dt><dd>1</dd>" in draw(Pairs([(WILD, "1")]))


def test_signs_that_no_page_may_hold_are_replaced():
    assert (
        draw(Words("a\x00b\x1b\ud800\n"))
        == "<p>a" + "\N{REPLACEMENT CHARACTER}b" + 2 * "\N{REPLACEMENT CHARACTER}" + "\n</p>"
    )


def test_a_wide_table_says_that_it_scrolls():
    tables = [Table(("a", "b"), [("x", "y" * signs)]) for signs in (20, 40, 120)]
    assert [table.hint for table in tables] == ["", "phones", "all"]
    assert 'class="hint phones"' in draw(tables[1]) and "hint" not in draw(tables[0])
    assert Table(("a", "b" * 40), [("x", "y")]).hint == "phones"
    assert Table(("a", "b"), []).hint == ""
    matrix = ("label", *["a_long_name_of_a_class"] * 8), [("a", *"12345678")]
    assert Table(*matrix).hint == "all" and Table(*matrix, "confusion").hint == "phones"  # names stand upright there


def test_long_names_are_broken_after_their_parts():
    parts = "a_<wbr/>b/<wbr/>c.jpg"
    assert draw(Table(("x", "y"), [("a_b/c.jpg", "a_b")])).count(parts) == 1
    card = draw(Card("a_b/c.jpg", [("label", "a_b/c.jpg")], picture="data:,"))
    assert card.count(parts) == 2 and 'alt="a_b/c.jpg"' in card
    assert draw(Heading(WILD + "_a_")) == f"<h3>{SAFE}_<wbr/>a_</h3>"


def test_a_section_is_linked_to_by_a_name_of_its_own():
    sections = [Section("By class: 蚂", [Words("1")]), Section("By class: 蚁", [Words("2")]), Section("蚂", [])]
    assert [anchor for anchor, _ in Page("n", "t", [], sections).anchored] == ["by-class", "by-class-1", "section"]


def test_what_a_template_lacks_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        fill("words.html.j2")


def test_every_block_has_its_template_and_every_template_its_block():
    from headstart.drawing import blocks, charts

    names = {
        value.template for module in (blocks, charts) for value in vars(module).values() if hasattr(value, "template")
    }
    files = {path.name.removesuffix(".html.j2") for path in TEMPLATES.glob("[a-z]*.html.j2")}
    assert names == files
