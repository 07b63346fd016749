"""Pages in a real browser, as wide as a screen and as a phone: nothing is wider, nothing is empty, all is drawn."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.evaluation.report.comparison import render as render_comparison
from headstart.evaluation.report.page import render
from headstart.evaluation.report.sides import Side, Sides
from headstart.evaluation.results import Comparison, Interval
from headstart.inputs._evidence import overlay

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENS = (1200, 390)
LONG = "a rather long name of a class"
NO_PICTURE = {"the-data", "what-was-learnt-from-what", "recipe", "cost", "how-to-run-again"}  # words alone
MEASURE = """
const found = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const inside = e => e.closest(".scroll, pre") !== null;
  const seen = e => view.getComputedStyle(e).display !== "none";
  found.push({
    page: frame.name, screen: root.clientWidth, width: root.scrollWidth,
    wider: [...page.body.querySelectorAll("*")]
      .filter(e => !inside(e) && e.getBoundingClientRect().right > root.clientWidth + 1)
      .map(e => e.outerHTML.slice(0, 80)),
    silent: [...page.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1
      && !(e.previousElementSibling?.matches(".hint") && seen(e.previousElementSibling)))
      .map(e => e.innerText.slice(0, 80)),
    broken: [...page.images].filter(e => !(e.complete && e.naturalWidth > 0)).length,
    flat: [...page.querySelectorAll("svg")].filter(e => e.getBoundingClientRect().height < 40
      || !e.querySelector("path, rect, circle")).length,
    empty: [...page.querySelectorAll("section")].filter(e => e.children.length < 2).map(e => e.id),
    drawn: Object.fromEntries([...page.querySelectorAll("section")].map(e => [e.id,
      e.querySelectorAll("svg, img, .card, table").length])),
    columns: new Set([...page.querySelectorAll("#what-the-network-sees .cards .card")]
      .map(e => e.getBoundingClientRect().left)).size,
    paper: view.getComputedStyle(page.body).backgroundColor,
  });
}
const text = document.createElement("pre");
text.id = "found";
text.textContent = JSON.stringify(found);
document.body.append(text);
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: no page is looked at")


def browse(folder: Path, pages: dict[str, str], *options: str) -> list[dict[str, Any]]:
    """Show each page in frames as wide as each screen, and measure what is there."""
    frames = [
        f'<iframe name="{name}" style="width:{screen}px;height:900px" srcdoc="{escape(page)}"></iframe>'
        for name, page in pages.items()
        for screen in SCREENS
    ]
    script = f"<script>window.onload = () => {{ {MEASURE} }}</script>"
    path = folder / "frames.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{script}{''.join(frames)}", encoding="utf-8")
    quiet = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    flags = [f"--{name}" for name in f"{quiet} disable-component-update disable-sync hide-scrollbars dump-dom".split()]
    command = [str(BROWSER), *flags, f"--user-data-dir={folder / 'profile'}", *options, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr[-500:]
    return json.loads(unescape(told[1]))


def check(found: list[dict[str, Any]]) -> None:
    """Nothing is wider than the screen or empty; a table that scrolls says so; every section has its picture."""
    for one in found:
        where = one["page"], one["screen"]
        assert one["screen"] in SCREENS and one["width"] <= one["screen"], where
        assert not one["wider"] and not one["silent"] and not one["empty"], (where, one)
        assert one["broken"] == 0 and one["flat"] == 0, (where, one)
        bare = {name for name, count in one["drawn"].items() if not count}
        assert bare <= NO_PICTURE, (where, bare)


def with_pictures(facts: Any) -> Any:
    """Give the mistakes pictures with heat, and show some of them as examples."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)).save(buffer, "JPEG")
    picture = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    heat = overlay(np.eye(7), (160, 90), (35, 0, 125, 90))
    mistakes = [{**one, "image": picture, "heat": heat, "id": "a/long/path/to/a/picture_with_a_long_name.jpg"}
                for one in facts.observed["mistakes"]]  # fmt: skip
    examples = {"target": [{**one, "verdict": "right"} for one in mistakes]}
    shown = seen({view: {"image": picture} for view in ("as it is", "plain", "weak", "strong")})
    more = {"mistakes": mistakes, "examples": examples, "shown": shown}
    return dataclasses.replace(facts, observed={**facts.observed, **more})


def seen(views: dict[str, Any]) -> dict[str, Any]:
    """Make what a network sees of two rows."""
    row = {"id": "a/long/path/to/a/file_with_a_long_name.jpg", "label": LONG, "views": views}
    return {"of": 90, "examples": [row, row], "walked": row["id"], "steps": [("file", "a/path" * 20), (LONG, "x" * 90)]}


def with_pieces(facts: Any) -> Any:
    """Give the mistakes words that mattered."""
    pieces = [("these", 0.2), (" words", -1.0), (f" {'and-a-very-long-one' * 9}", 1.0)]
    mistakes = [{**one, "pieces": pieces} for one in facts.observed["mistakes"]]
    shown = seen({"as it is": {"text": "a b " * 60}, "plain": {"text": f"[CLS] {'a b ' * 60}", "cut": "9 tokens, b a"}})
    return dataclasses.replace(facts, observed={**facts.observed, "mistakes": mistakes, "shown": shown})


def compared(runs: int, seeds: int = 1) -> str:
    """Compare runs that never were, of which so many differ in the seed alone."""
    names = [f"runs/a-run-of-a-long-name-{number}" for number in range(runs)]
    metrics = {name: {m: Interval(0.5, 0.41, 0.63) for m in ("accuracy", "macro_f1")} for name in names}
    change = Comparison("accuracy", {"accuracy": Interval(0.1, 0.01, 0.2)}, None, {"accuracy": True}, 90, 0.95)
    groups = [names[start : start + seeds] for start in range(0, runs, seeds)]
    side = Side(
        "target", "accuracy", metrics, dict.fromkeys(names[1:], change), {"accuracy": "share of rows"}, groups, 90
    )
    settings = {"stages.0.strategy.name": dict.fromkeys(names, "linear_probe"), "source.name": {names[0]: "x" * 90}}
    return render_comparison(Sides("test", 90, [side], settings))


def test_pages_fit_the_screen_and_every_section_has_its_picture(make_facts, tmp_path):
    pages = {
        "image": render(with_pictures(make_facts("multiclass", 80, 7, name=LONG))),
        "text": render(with_pieces(make_facts("binary", 80, 2, name="x"))),
        "regression": render(make_facts("regression", 80, 1, name=LONG)),
        "multilabel": render(make_facts("multilabel", 80, 5, name=LONG)),
        "many": render(make_facts("multiclass", 900, 300, name=LONG)),
        "comparison": compared(5),
        "comparison of groups": compared(5, 2),
    }
    found = browse(tmp_path, pages)
    check(found)
    columns = [one["columns"] for one in found if one["page"] == "image"]
    assert columns == [4, 3]  # the views of a row stand beside each other
    assert [one["page"] for one in found] == [name for name in pages for _ in SCREENS]
    assert {one["paper"] for one in found} == {"rgb(255, 255, 255)"}


def test_a_page_is_dark_where_the_system_is_and_faults_are_found(make_facts, tmp_path):
    faults = {
        "wide": "<div style='width:1300px'>x</div>",
        "silent": "<div class=scroll style='overflow-x:auto'><div style='width:1300px'>x</div></div>",
        "empty": "<section id=a><h2>A</h2></section>",
        "broken": "<img src='data:image/png;base64,AAAA'>",
        "flat": "<svg viewBox='0 0 9 9'><line/></svg>",
        "bare": "<section id=metrics><h2>A</h2><p>x</p></section>",
        "right": "<section id=cost><h2>A</h2><p>x</p></section>",
    }
    pages = {name: f"<!doctype html><body style='margin:0'>{body}</body>" for name, body in faults.items()}
    pages["dark"] = render(with_pictures(make_facts("binary", 60, 2)))
    found = browse(tmp_path, pages, "--blink-settings=preferredColorScheme=0")
    for name in faults:
        own = [one for one in found if one["page"] == name]
        if name == "right":
            check(own)
        else:
            with pytest.raises(AssertionError):
                check(own)
    check(found[-2:])
    assert {one["paper"] for one in found[-2:]} == {"rgb(20, 24, 31)"}


@pytest.mark.slow
def test_three_thousand_classes_fit_the_screen_and_a_megabyte(make_facts, tmp_path):
    page = render(make_facts("multiclass", 12_000, 3000, name=LONG))
    assert len(page) < 1_000_000
    check(browse(tmp_path, {"many": page}))
