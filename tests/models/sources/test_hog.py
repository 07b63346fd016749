"""Claim: `hog:colour` gives the histograms of Dalal & Triggs (2005) and of colours, and beats chance by far alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from sklearn.datasets import load_digits

import headstart as hs
from headstart.core.errors import UsageError
from headstart.core.types import Task
from headstart.models.load import load_source, rebuild
from headstart.models.offers import gather
from headstart.models.sources.hog import CLIPPED, DIM, FLAT, Hog, colours, gradients


def by_hand(picture: np.ndarray) -> np.ndarray:
    """Compute the histograms of gradients of one picture [3, H, W], pixel by pixel."""
    roots = np.sqrt(picture)
    _, height, width = picture.shape
    cells = np.zeros((height // 8, width // 8, 9))
    for i in range(height):
        for j in range(width):
            across = roots[:, i, min(j + 1, width - 1)] - roots[:, i, max(j - 1, 0)]
            down = roots[:, min(i + 1, height - 1), j] - roots[:, max(i - 1, 0), j]
            best = int(np.argmax(across**2 + down**2))
            turn = (np.degrees(np.arctan2(down[best], across[best])) % 180) / 20
            size = float(np.hypot(across[best], down[best])) / 64
            cells[i // 8, j // 8, int(turn) % 9] += size * (1 - turn % 1)
            cells[i // 8, j // 8, (int(turn) + 1) % 9] += size * (turn % 1)
    blocks = []
    for i in range(height // 8 - 1):
        for j in range(width // 8 - 1):
            block = cells[i : i + 2, j : j + 2].transpose(2, 0, 1).ravel()
            block = np.minimum(block / np.sqrt((block**2).sum() + FLAT**2), CLIPPED)
            blocks.append(block / max(np.sqrt((block**2).sum()), 1e-12))
    return np.stack(blocks, axis=1).ravel() / np.sqrt(len(blocks))


def test_gradients_are_those_of_the_paper() -> None:
    picture = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    picture[0, :, :12] *= 0.01  # nearly plain
    found = gradients(picture).numpy()
    for row, one in zip(found, picture.double().numpy(), strict=True):
        np.testing.assert_allclose(row, by_hand(one), atol=2e-5)


def test_direction_counts_and_neither_brightness_nor_the_sign_of_an_edge() -> None:
    ramp = torch.linspace(0.3, 1, 64).expand(1, 3, 64, 64)
    found = gradients(ramp)
    torch.testing.assert_close(gradients(0.5 * ramp), found, atol=1e-3, rtol=0)
    torch.testing.assert_close(gradients(ramp.flip(3)).sort().values, found.sort().values, atol=1e-3, rtol=0)
    across = found.view(9, 4, 49).sum(dim=(1, 2))
    down = gradients(ramp.transpose(2, 3)).view(9, 4, 49).sum(dim=(1, 2))
    assert across.argmax() == 0 and set(down.topk(2).indices.tolist()) == {4, 5}  # 90 degrees lie between two of 20
    assert not gradients(torch.full((1, 3, 64, 64), 0.4)).any()


def test_colours_are_shares_of_the_picture_and_of_its_quarters() -> None:
    picture = torch.zeros(1, 3, 64, 64)
    picture[0, 0, :32, 32:] = 1  # the upper right quarter is red
    found = colours(picture).view(5, 64).square() * 5
    red = 3 * 16
    assert found[0, 0] == pytest.approx(0.75) and found[0, red] == pytest.approx(0.25)
    assert [int(row.argmax()) for row in found[1:]] == [0, red, 0, 0] and found.sum() == pytest.approx(5)


def test_the_backbone_has_no_weights_and_is_offered_for_pictures_alone() -> None:
    backbone = load_source("hog:colour")
    x = torch.rand(3, 3, 64, 64)
    found = backbone(x)["pooled"]
    assert found.shape == (3, DIM) and backbone.dim == DIM and not list(backbone.parameters())
    assert torch.equal(rebuild(backbone.card)(x)["pooled"], found)
    pictures, texts = (Task.of(kind, "binary", ("x",), ("y",), ("a", "b")) for kind in ("image", "text"))
    assert [offer.source for offer in Hog.offers(pictures, [])] == ["hog:colour"] and Hog.offers(texts, ["a"]) == []
    assert gather(pictures, [])[-1].source == "hog:colour"
    with pytest.raises(UsageError, match="Did you mean"):
        load_source("hog:colours")


def digits(folder: Path) -> tuple[dict[str, Any], list[int]]:
    """Take some pictures of two digits: training rows in memory, test rows in files."""
    found: Any = load_digits(n_class=2)
    pictures = [Pillow.fromarray((array * 15).astype(np.uint8)) for array in found.images[:80]]
    paths = []
    for number, picture in enumerate(pictures[40:]):
        picture.save(folder / f"{number}.png")
        paths.append(folder / f"{number}.png")
    labels = found.target[:80].tolist()
    return {"train": (pictures[:40], labels[:40]), "test": (paths, labels[40:])}, labels[40:]


@pytest.mark.slow
def test_it_stands_beside_a_network_and_predicts_where_it_is_kept(tmp_path: Path) -> None:
    data, expected = digits(tmp_path)
    settings = {"data.validation": 0.5, "stages.0.steps": 1, "keep_better": "yes"}
    run = hs.fit(data, source="digits:cnn", settings=settings, out=tmp_path / "run")
    assert run.gain is not None and run.gain.kept == "hog:colour" and not run.gain["hog:colour"].pretrained
    found = hs.load(run.folder).predict(data["test"][0])
    assert np.mean([str(one) == str(other) for one, other in zip(found, expected, strict=True)]) > 0.9
