"""Files that could run code, that name other files, or that are damaged: refused unread, with a reason."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from headstart.core.errors import SourceError
from headstart.models.keras.backend import import_keras
from headstart.models.keras.files import check_config
from headstart.models.load import load_source, rebuild
from models.keras.nets import number_model, picture_model

CANARY = "canary"


@pytest.fixture(scope="module")
def good(tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for suffix in ("keras", "h5"):
        number_model().save(folder / f"net.{suffix}")
    return folder


def planted(path: Path, layer: dict[str, Any], out: Path) -> Path:
    """Put a layer of another kind in the place of a model's second layer."""
    if path.suffix == ".h5":
        out.write_bytes(path.read_bytes())
        with h5py.File(out, "r+") as file:
            config = json.loads(str(file.attrs["model_config"]))
            config["config"]["layers"][2] = layer
            file.attrs["model_config"] = json.dumps(config)
        return out
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][2] = layer
                content = json.dumps(config).encode()
            made.writestr(name, content)
    return out


def attacks(canary: Path) -> dict[str, tuple[dict[str, Any], str]]:
    write = f"open({str(canary)!r}, 'w').write('x')"
    lambda_layer = import_keras().layers.Lambda(lambda x: x, name="evil").get_config()
    own = {"name": "evil", "trainable": True, "dtype": "float32"}
    return {
        "lambda": ({"module": "keras.layers", "class_name": "Lambda", "config": lambda_layer}, "a Lambda"),
        "old lambda": ({"class_name": "Lambda", "config": {**own, "function": ["4wEAAA==", None, None]}}, "a Lambda"),
        "lambda in an argument": (
            {
                "module": "keras.layers",
                "class_name": "Activation",
                "config": {**own, "activation": {"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}},
            },
            "a __lambda__",
        ),
        "torch module": (
            {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {**own, "module": "gASV"}},
            "a TorchModuleWrapper",
        ),
        "function": (
            {
                "module": "keras.layers",
                "class_name": "Activation",
                "config": {**own, "activation": {"module": "os", "class_name": "function", "config": "system"}},
            },
            "the function 'os.system'",
        ),
        "dotted function": (
            {
                "module": "keras.layers",
                "class_name": "Activation",
                "config": {
                    **own,
                    "activation": {"module": "builtins", "class_name": "function", "config": "os.system"},
                },
            },
            "the function",
        ),
        "class": ({"module": "subprocess", "class_name": "Popen", "config": {"args": write}}, "'subprocess.Popen'"),
        "keras' own helper": (
            {"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}},
            "get_file",
        ),
        "keras' own function": ({"module": "keras.models", "class_name": "load_model", "config": {}}, "load_model"),
        "registered": (
            {"module": None, "class_name": "Mine", "registered_name": "my>Mine", "config": own},
            "the custom object 'my>Mine'",
        ),
    }


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", list(attacks(Path(CANARY))))
def test_code_in_a_file_is_not_run(suffix: str, name: str, good: Path, tmp_path: Path) -> None:
    canary = tmp_path / CANARY
    layer, message = attacks(canary)[name]
    path = planted(good / f"net.{suffix}", layer, tmp_path / f"bad.{suffix}")
    with pytest.raises(SourceError, match="is refused, unread") as caught:
        load_source(f"keras:{path}")
    assert message in str(caught.value) and "python:MODULE:FUNCTION" in str(caught.value)
    assert not canary.exists()


def test_a_layer_that_is_not_of_keras_is_named(good: Path, tmp_path: Path) -> None:
    path = planted(good / "net.h5", {"class_name": "MyAttention", "config": {"name": "mine"}}, tmp_path / "bad.h5")
    with pytest.raises(SourceError, match="MyAttention"):
        load_source(f"keras:{path}")


def test_the_card_of_a_saved_model_is_checked_too(good: Path, tmp_path: Path) -> None:
    card = load_source(f"keras:{good / 'net.keras'}").card
    layer, message = attacks(tmp_path / CANARY)["class"]
    architecture: Any = card.architecture
    architecture["model"]["config"]["layers"][2] = layer
    with pytest.raises(SourceError, match=message):
        rebuild(card)


@pytest.mark.slow
def test_what_keras_itself_writes_passes(good: Path) -> None:
    applications = import_keras().applications
    for name in ("MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny"):
        model = getattr(applications, name)(weights=None, include_top=False, input_shape=(64, 64, 3))
        check_config(json.loads(model.to_json()), name)


def test_an_archive_of_keras_2_names_its_classes_otherwise(tmp_path: Path) -> None:
    picture_model().save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as given, zipfile.ZipFile(tmp_path / "old.keras", "w") as made:
        for name in given.namelist():
            content = given.read(name)
            if name == "config.json":
                config = json.loads(content) | {
                    "module": "keras.src.engine.functional",
                    "registered_name": "Functional",
                }
                content = json.dumps(config).encode()
            made.writestr(name, content)
    backbone = load_source(f"keras:{tmp_path / 'old.keras'}")
    assert list(backbone.stages()) == list(load_source(f"keras:{tmp_path / 'net.keras'}").stages())


def external(file: Any, other: Path) -> None:
    file["more"] = h5py.ExternalLink(str(other), "/")


def outside(file: Any, other: Path) -> None:
    file.create_dataset("more", (4,), "f4", external=[(str(other), 0, 16)])


def virtual(file: Any, other: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(other), "x", (4,))
    file.create_virtual_dataset("more", layout)


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("link", [external, outside, virtual])
def test_links_to_other_files_are_refused(
    link: Callable[[Any, Path], None], suffix: str, good: Path, tmp_path: Path
) -> None:
    path, other, weights = tmp_path / f"net.{suffix}", tmp_path / "secret", tmp_path / "weights.h5"
    other.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    if suffix == "h5":
        path.write_bytes((good / "net.h5").read_bytes())
    else:
        with zipfile.ZipFile(good / "net.keras") as given:
            contents = {name: given.read(name) for name in given.namelist()}
        weights.write_bytes(contents.pop("model.weights.h5"))
    with h5py.File(path if suffix == "h5" else weights, "r+") as file:
        link(file, other)
    if suffix == "keras":
        with zipfile.ZipFile(path, "w") as made:
            for name, content in contents.items():
                made.writestr(name, content)
            made.write(weights, "model.weights.h5")
    with pytest.raises(SourceError, match=r"was not read: /more is (a link|kept in another file)"):
        load_source(f"keras:{path}")


def damaged_zip(path: Path) -> str:
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    return "zip archive"


def half_zip(path: Path) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
    return "damaged"


def more_in_it(path: Path) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("assets/../../evil.py", "x")
    return "evil.py"


def no_json(path: Path) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{not json")
    return "not JSON"


@pytest.mark.parametrize("damage", [damaged_zip, half_zip, more_in_it, no_json])
def test_damaged_archives(damage: Callable[[Path], str], tmp_path: Path) -> None:
    message = damage(tmp_path / "net.keras")
    with pytest.raises(SourceError, match=message):
        load_source(f"keras:{tmp_path / 'net.keras'}")


def test_other_kinds_of_files_say_how_to_convert_them(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").touch()
    (tmp_path / "net.tflite").touch()
    (tmp_path / "net.h5").write_bytes(b"no HDF5")
    for name, message in (
        ("saved", r"a SavedModel.*model.save\('NAME.keras'\)"),
        ("net.tflite", "needs TensorFlow"),
        ("net.h5", "not an HDF5 file"),
        ("none.keras", "not there"),
    ):
        with pytest.raises(SourceError, match=message):
            load_source(f"keras:{tmp_path / name}")
