"""What an HDF5 file may hold: numbers that lie in the file itself."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from headstart.core.errors import SourceError
from headstart.models.keras.weight_files import opened, read


def _spoilt(tmp_path, spoil):
    path = tmp_path / "w.h5"
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(3)
    with h5py.File(path, "w") as file:
        file.create_group("a")["kernel"] = np.ones((2, 2), np.float32)
        spoil(file, tmp_path)
    return path


def _external_link(file, folder):
    file["a/far"] = h5py.ExternalLink(str(folder / "other.h5"), "secret")


def _soft_link(file, folder):
    file["a/far"] = h5py.SoftLink("/a/kernel")


def _external_storage(file, folder):
    (folder / "raw").write_bytes(bytes(24))
    file.create_dataset("a/far", (3,), "f8", external=[(str(folder / "raw"), 0, 24)])


def _virtual(file, folder):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", (3,))
    file.create_virtual_dataset("a/far", layout)


def _text(file, folder):
    file["a/far"] = ["cos\nsystem"]


def _opaque(file, folder):
    file["a/far"] = np.array([b"\x80\x04"], dtype="V2")


def _datatype(file, folder):
    file["a/far"] = np.dtype("f8")


def _circle(file, folder):
    file["a/far"] = file["a"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_external_link, "is a link"),
        (_soft_link, "is a link"),
        (_external_storage, "is kept in another file"),
        (_virtual, "is kept in another file"),
        (_text, "holds object, not numbers"),
        (_opaque, r"holds \|V2, not numbers"),
        (_circle, "is a second name of a group"),
        (_datatype, "is neither a group nor numbers"),
    ],
)
def test_what_is_not_numbers_in_the_file_itself_is_refused_unread(tmp_path, spoil, said):
    with pytest.raises(SourceError, match=f"was not read: /a/far {said}"), opened(_spoilt(tmp_path, spoil)):
        pass


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x04", "is not an HDF5 file; nothing of it was run"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "is damaged"),
    ],
)
def test_a_file_of_another_kind(tmp_path, content, said):
    path = tmp_path / "w.h5"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said), opened(path):
        pass
    with pytest.raises(SourceError, match="is not there"), opened(tmp_path / "none.h5"):
        pass


def test_a_torn_file(tmp_path):
    whole = tmp_path / "whole.h5"
    with h5py.File(whole, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.arange(10_000, dtype=np.float32))
    (tmp_path / "w.h5").write_bytes(whole.read_bytes()[:-20_000])
    with pytest.raises(SourceError, match="is damaged"), opened(tmp_path / "w.h5"):
        pass


@pytest.mark.parametrize("put", ["group", "empty", "nothing"])
def test_a_layer_without_its_numbers(tmp_path, put):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"fc1"]
        group = file.create_group("fc1")
        group.attrs["weight_names"] = [b"kernel:0"]
        if put == "group":
            group.create_group("kernel:0")
        if put == "empty":
            group["kernel:0"] = h5py.Empty("f4")
    with pytest.raises(SourceError, match=r"is damaged: .*kernel:0"), opened(tmp_path / "w.h5"):
        pass


def test_layers_of_keras_3_go_by_their_own_names_in_order(tmp_path):
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        for place in range(11):
            file[f"layers/functional/layers/dense_3/vars/{place}"] = np.full(2, place, np.float64)
        file["layers/functional/layers/dense_3/vars"].attrs["name"] = "fc1"
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
        file["optimizer/vars/0"] = np.zeros(2, np.float32)
        file.create_group("vars")
    with opened(tmp_path / "w.weights.h5") as layers:
        assert list(layers) == ["fc1"]
        values = [read(array, tmp_path) for array in layers["fc1"]]
    assert [value[0] for value in values] == list(range(11))
    assert values[0].dtype == np.float32
