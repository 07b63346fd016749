"""Damaged and hostile weights give one clear error, and nothing in them is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from headstart.core.errors import SourceError
from headstart.models.weights import check_finite, check_sha256, classifier_in, load_exactly, read_safetensors


def _raw(path: Path, header: dict, data: bytes, *, length: int | None = None) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def _entry(shape: list[int], start: int, end: int, kind: str = "F32") -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def test_reads_what_was_saved(tmp_path):
    saved = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.int64)}
    save_file(saved, tmp_path / "good.safetensors")
    read = read_safetensors(tmp_path / "good.safetensors")
    assert read.keys() == saved.keys()
    assert all(torch.equal(read[name], saved[name]) for name in saved)


BAD_HEADERS = {
    "more bytes than the data": ({"a": _entry([4], 0, 16)}, bytes(8)),
    "data without a tensor": ({"a": _entry([1], 0, 4)}, bytes(64)),
    "overlap": ({"a": _entry([2], 0, 8), "b": _entry([2], 4, 12)}, bytes(12)),
    "hole": ({"a": _entry([1], 0, 4), "b": _entry([1], 8, 12)}, bytes(12)),
    "shape that is not the bytes": ({"a": _entry([100], 0, 8)}, bytes(8)),
    "shape that overflows": ({"a": _entry([2**62, 2**62], 0, 8)}, bytes(8)),
    "unknown number type": ({"a": _entry([1], 0, 4, "X9")}, bytes(4)),
    "not a table of tensors": ({"a": [1, 2]}, bytes(4)),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_lying_header_is_an_error_that_names_the_file(tmp_path, case):
    path = _raw(tmp_path / "bad.safetensors", *BAD_HEADERS[case])
    with pytest.raises(SourceError, match=r"bad\.safetensors"):
        read_safetensors(path)


@pytest.mark.parametrize("length", [10**8, 2**63, 2**64 - 1, 33 * 2**20])
def test_a_huge_header_is_refused_before_it_is_read(tmp_path, length):
    path = _raw(tmp_path / "bad.safetensors", {"a": _entry([1], 0, 4)}, bytes(4), length=length)
    with pytest.raises(SourceError, match="says that its header"):
        read_safetensors(path)


def test_a_header_that_really_is_huge_is_refused(tmp_path):
    path = tmp_path / "bad.safetensors"
    with path.open("wb") as file:
        file.write((10**8).to_bytes(8, "little") + b"{")
        file.truncate(10**8 + 8)  # a sparse file: nothing of it is written
    with pytest.raises(SourceError, match="at most"):
        read_safetensors(path)


@pytest.mark.parametrize("keep", [0, 1, 8, 9, 40, -1])
def test_a_truncated_file_is_an_error(tmp_path, keep):
    path = tmp_path / "cut.safetensors"
    save_file({"a": torch.ones(8)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError, match=r"cut\.safetensors"):
        read_safetensors(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="not there"):
        read_safetensors(tmp_path / "none.safetensors")


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".pkl", ".ckpt", ".npy", ".safetensors"])
def test_a_pickle_is_refused_unread(tmp_path, suffix):
    canary = tmp_path / "canary"
    path = tmp_path / f"evil{suffix}"
    if suffix == ".npy":
        np.save(path, np.array([_Canary(canary)], dtype=object), allow_pickle=True)
    elif suffix in {".pt", ".pth", ".ckpt"}:
        torch.save({"a": _Canary(canary)}, path)
    else:
        path.write_bytes(pickle.dumps(_Canary(canary)))
    with pytest.raises(SourceError, match=f"evil{suffix}"):
        read_safetensors(path)
    assert not canary.exists()


def test_the_canary_sings_where_a_pickle_is_read(tmp_path):
    pickle.loads(pickle.dumps(_Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


def test_numbers_that_are_not_finite_are_named_all(tmp_path):
    save_file(
        {"a": torch.tensor([1.0, torch.nan]), "b": torch.tensor([torch.inf]), "c": torch.ones(1)},
        tmp_path / "w.safetensors",
    )
    with pytest.raises(SourceError, match=r"NaN or infinity: a, b\."):
        read_safetensors(tmp_path / "w.safetensors")
    check_finite({"whole": torch.ones(2, dtype=torch.int64), "large": torch.full((9,), 3e38)}, "here")


def test_load_exactly_lists_every_difference():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    tensors = {
        "0.weight": torch.ones(9, 2),
        "1.weight": torch.ones(1, 3),
        "1.bias": torch.ones(1),
        "2.bias": torch.ones(1),
    }
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(SourceError) as caught:
        load_exactly(net, tensors, "the file")
    for part in ("the file", "0.bias: missing", "2.bias: unexpected", "0.weight: shape [9, 2] instead of [3, 2]"):
        assert part in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_load_exactly_drops_by_whole_name():
    net = nn.Linear(2, 1)
    tensors = {
        "weight": torch.ones(1, 2),
        "bias": torch.ones(1),
        "fc.weight": torch.ones(5),
        "fc2.weight": torch.ones(5),
    }
    with pytest.raises(SourceError, match=r"fc2\.weight: unexpected"):
        load_exactly(net, tensors, "the file", drop=("fc",))
    del tensors["fc2.weight"]
    load_exactly(net, tensors, "the file", drop=("fc",))
    assert torch.equal(net.weight, torch.ones(1, 2))


def test_a_flipped_bit_is_caught_by_the_hash(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(8)}, path)
    from headstart.core.storage import sha256

    stated = sha256(path)
    check_sha256(path, stated.upper(), "w.json")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    read_safetensors(path)  # safetensors itself does not notice
    with pytest.raises(SourceError, match=r"w\.json describes"):
        check_sha256(path, stated, "w.json")


def test_the_source_classifier_is_found_whatever_its_form() -> None:
    weight, bias = torch.randn(3, 5), torch.randn(3)
    found = classifier_in({"fc.weight": weight, "fc.bias": bias}, ("classifier", "fc"), 5)
    assert found is not None and found[0].equal(weight) and found[1] is bias
    found = classifier_in({"classifier.weight": weight.reshape(3, 5, 1, 1)}, ("classifier",), 5)
    assert found is not None and found[0].equal(weight) and found[1] is None
    assert classifier_in({"fc.weight": weight}, ("fc",), 7) is None and classifier_in({}, ("fc",), 5) is None
