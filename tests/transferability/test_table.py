"""Every score stands in the table of docs/transferability.md, as it declares itself."""

from __future__ import annotations

from pathlib import Path

from headstart.core import plugins

PAGE = Path(__file__).parents[2] / "docs" / "transferability.md"


def test_the_table_has_each_score_with_its_forms_and_whether_it_needs_the_classes_of_the_source() -> None:
    page, _, _ = PAGE.read_text().partition("## How well")  # from there on stands what was measured
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    said = {cells[0].strip("`"): tuple(cells[1:3]) for cells in lines}
    found = {}
    for name in plugins.names("transferability"):
        score = plugins.build("transferability", name, {})
        found[name] = (", ".join(score.forms), "yes" if score.asks_source else "no")
    assert said == found
    assert all(len(cells) == 5 and all(cells) for cells in lines)
