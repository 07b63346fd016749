"""Which sources are meant: names, patterns and files of these, each source once, in the order given."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.errors import UsageError
from headstart.core.offer import Offer
from headstart.core.types import Task
from headstart.models.offers import sizes_of
from headstart.selection import sources
from headstart.selection.sources import expand

TASK = Task.of("image", "multiclass", ("x",), ("y",), ("a", "b"))


def named(*patterns: str) -> list[str]:
    return [offer.source for offer in expand(patterns, TASK, [])]


def test_a_name_is_taken_as_it_is() -> None:
    assert named("timm:resnet18", "python:own:network", "timm:resnet18") == ["timm:resnet18", "python:own:network"]


def test_a_pattern_is_met_in_order_by_whole_names(zoo: Path) -> None:
    assert named(f"local:{zoo}/*") == [f"local:{zoo}/{name}" for name in ("other", "resnet", "vit")]
    assert named(f"local:{zoo}/?i[tx]") == [f"local:{zoo}/vit"]
    assert named(f"local:{zoo}/vit", f"local:{zoo}/*")[0] == f"local:{zoo}/vit"


def test_a_family_of_timm_is_a_pattern() -> None:
    found = named("timm:test_resnet*")
    assert found and all(name.startswith("timm:test_resnet") for name in found)


def test_a_file_holds_names_and_patterns_with_remarks(zoo: Path, tmp_path: Path) -> None:
    file = tmp_path / "sources.txt"
    file.write_text(f"# mine\n\n  local:{zoo}/v*  \ntimm:resnet18\n", encoding="utf-8")
    assert named(str(file)) == [f"local:{zoo}/vit", "timm:resnet18"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "names no source: write one a line"), ("# none\n", "names no source"), ("resnet18", "does not say where")],
)
def test_a_file_that_names_none_is_told(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "sources.txt"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        named(str(file))


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither a source \(SOURCE:NAME\) nor a text file.*No such file"):
        named(str(tmp_path / "sources.txt"))
    binary = tmp_path / "sources.txt"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="nor a text file that can be read"):
        named(str(binary))


def test_a_pattern_that_meets_nothing_says_what_there_is(zoo: Path) -> None:
    with pytest.raises(UsageError, match=r"meets no source; there is: .*other.*resnet.*vit"):
        named(f"local:{zoo}/*n?t_there*")
    with pytest.raises(UsageError, match=f"there is: no model that begins with '{zoo}/no'"):
        named(f"local:{zoo}/no*")
    with pytest.raises(UsageError, match=r"(?i)no source .*'nowhere'"):
        named("nowhere:*")


def test_without_a_name_the_sources_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [Offer("package:one"), Offer("vector:columns", pretrained=False)]
    monkeypatch.setattr(sources, "gather", lambda task, inputs: offers)
    assert expand((), TASK, []) == offers
    monkeypatch.setattr(sources, "gather", lambda task, inputs: offers[1:])
    with pytest.raises(
        UsageError, match=r"No pretrained source for image data is on this machine. Name some: sources="
    ):
        expand((), TASK, [])


def test_the_size_of_a_source_is_that_of_its_weights(zoo: Path) -> None:
    names = [f"local:{zoo}/vit", f"local:{zoo}/resnet", f"local:{zoo}/none", "timm:resnet18", "nowhere:x"]
    assert list(sizes_of(names).values()) == [
        (zoo / "vit.safetensors").stat().st_size,
        (zoo / "resnet.safetensors").stat().st_size,
        0,
        0,
        0,
    ]
