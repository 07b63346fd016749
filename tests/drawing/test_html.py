"""HTML: text is escaped once, whatever is done with it; signs that no page may hold are replaced."""

from __future__ import annotations

import markupsafe

from headstart.drawing.html import Left, escape, join, pairs, table, tag

WILD = "<b>&\"'"
SAFE = "&lt;b&gt;&amp;&#34;&#39;"


def test_text_and_attributes_are_escaped_once():
    inner = tag("i", WILD, attributes={"title": WILD})
    assert inner == f'<i title="{SAFE}">{SAFE}</i>'
    assert tag("p", inner, WILD) == f"<p>{inner!s}{SAFE}</p>"
    assert join([inner, 3, WILD]) == f"{inner!s}3{SAFE}"


def test_what_is_put_to_an_element_by_plain_python_is_escaped_too():
    element = tag("p", "a")
    assert isinstance(element, markupsafe.Markup)
    assert element + WILD == f"<p>a</p>{SAFE}"


def test_elements_without_content_have_no_end_tag():
    assert tag("img", attributes={"src": "x"}) == '<img src="x"/>'


def test_signs_that_no_page_may_hold_are_replaced():
    assert escape("a\x00b\x1b\ud800\n") == "a\N{REPLACEMENT CHARACTER}b" + 2 * "\N{REPLACEMENT CHARACTER}" + "\n"


def test_tables_and_pairs_escape_their_cells():
    made = table(("name", Left(WILD)), [(WILD, tag("td", "whole"), Left("left"))])
    assert f'<th class="left" scope="col">{SAFE}</th>' in made
    assert f'<th scope="row">{SAFE}</th><td>whole</td><td class="left">left</td>' in made
    assert f"<dt>{SAFE}</dt><dd>1</dd>" in pairs([(WILD, 1)])
