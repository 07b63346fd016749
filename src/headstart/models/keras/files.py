"""Read Keras model files: what a file may hold is checked before Keras sees it, as some content can run code.

A `Lambda` layer and a wrapped torch module hold code, a custom object is code that is not there, and a link of HDF5
names another file. None of these is read.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.core.errors import SourceError, first_few, reason_of
from headstart.models.keras import weight_files
from headstart.models.keras.backend import import_keras

MOST_CONFIG = 64 * 2**20  # bytes of an architecture as JSON
ARCHIVE, HDF5 = (".keras",), (".h5", ".hdf5")
COMPILED = "compile_config"  # how it was trained, which is not read
CODE = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing")  # they need TensorFlow
MODULES = re.compile(
    r"keras(\.src)?(\.(layers|models|engine|initializers|regularizers|constraints|activations|ops|dtype_policies|random"
    r"|losses|metrics|optimizers|backend\.(torch|tensorflow|jax)\.optimizers)(\.\w+)*)?"
)
OF_APPLICATIONS = (
    "keras.src.applications.convnext.LayerScale",
    "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
)
SAFE_WAY = (
    "Load the file where you trust it, replace these by layers of Keras (keras.layers.Rescaling, keras.ops …), "
    "and save it again; or build the network by a function of your own and take python:MODULE:FUNCTION."
)


def load_model(path: Path, architecture: Path | None) -> Any:
    """Load a model with its weights.

    Args:
        path: A `.keras` or `.h5` file, or weights alone.
        architecture: The JSON of the model's architecture (`model.to_json()`), where `path` has weights alone.

    Returns:
        The Keras model.

    Raises:
        SourceError: The file is missing, damaged, of another kind, or holds what could run code.
    """
    check_kind(path)
    named = architecture is not None
    config = _beside(architecture) if named else _config(path)
    config = {key: value for key, value in config.items() if key != COMPILED}
    check_config(config, path)
    keras = import_keras()
    try:
        with keras.device("cpu"), all_weights():
            if not named:
                return keras.models.load_model(path, _older(keras), compile=False, safe_mode=True)
            model = keras.models.model_from_json(json.dumps(config), _older(keras))
            model.load_weights(path)
            return model
    except Exception as error:  # whatever Keras makes of a damaged file
        raise SourceError(f"{path}: Keras {keras.__version__} cannot load it: {reason_of(error)}") from error


@contextmanager
def all_weights() -> Iterator[None]:
    """Have no layer keep its random weights because a file has none for it, of which Keras only warns.

    Raises:
        ValueError: Keras warned so inside.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping nested container")
        try:
            yield
        except UserWarning as warning:
            raise ValueError("it has no weights for some of the model's layers") from warning


def _beside(architecture: Path) -> dict[str, Any]:
    """Read an architecture from a file of its own. SourceError: it cannot be read, or is none."""
    try:
        text = architecture.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{architecture} cannot be read: {reason_of(error)}. It is to hold what model.to_json() gives."
        ) from error
    return architecture_of(text, architecture)


def _older(keras: Any) -> dict[str, Any]:
    """Give what Keras 2 wrote otherwise: where the class of models is, and an option that says nothing."""

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            if config.get("groups") == 1:
                config = {key: value for key, value in config.items() if key != "groups"}
            return keras.layers.DepthwiseConv2D.from_config(config)

    empty = keras.Input((1,))
    return {"DepthwiseConv2D": DepthwiseConv2D, "Functional": type(keras.Model(empty, empty))}


def architecture_of(text: bytes, where: Path | str) -> dict[str, Any]:
    """Read an architecture as JSON. SourceError: it is too large, or none."""
    try:
        config = json.loads(text) if len(text) <= MOST_CONFIG else None
    except ValueError as error:
        raise SourceError(f"{where}: its architecture is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise SourceError(f"{where}: its architecture is no table, or of more than {MOST_CONFIG // 2**20} MiB.")
    return config


def check_config(config: Any, where: Path | str) -> None:
    """Refuse an architecture with anything but objects of Keras that are data.

    Args:
        config: As Keras writes it.
        where: The file, for the message.

    Raises:
        SourceError: It names code, a custom object or a module of anything else; all are listed.
    """
    wrong = list(dict.fromkeys(_unsafe(config)))
    if wrong:
        raise SourceError(
            f"{where} is refused, unread: it holds {first_few(wrong)}, and loading this could run code. {SAFE_WAY}"
        )
    lookups = sorted({kind for kind in _classes(config) if kind in LOOKUPS})
    if lookups:
        raise SourceError(
            f"{where}: its layers {first_few(lookups)} run on TensorFlow alone. Save the network without them."
        )


def _unsafe(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _unsafe(part)
    if not isinstance(value, dict):
        return
    kind, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
    if isinstance(kind, str) and kind.rpartition(">")[2] in (*CODE, "__lambda__"):
        yield f"a {kind.rpartition('>')[2]}"
    elif isinstance(kind, str) and ">" in kind:
        yield f"the custom object '{kind}'"
    elif isinstance(registered, str) and ">" in registered:
        yield f"the custom object '{registered}'"
    elif kind == "function" and (module not in (None, "builtins") or "." in str(value.get("config"))):
        yield f"the function '{module}.{value.get('config')}'"
    elif isinstance(module, str) and kind is not None and kind != "function" and not _of_keras(module, str(kind)):
        yield f"the custom object '{module}.{kind}'"
    for part in value.values():
        yield from _unsafe(part)


def _of_keras(module: str, kind: str) -> bool:
    return (MODULES.fullmatch(module) is not None and kind[:1].isupper()) or f"{module}.{kind}" in OF_APPLICATIONS


def _classes(value: Any) -> Iterator[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        yield value["class_name"]
    for part in parts:
        yield from _classes(part)


def check_kind(path: Path) -> None:
    """Refuse, unread, what is no file of Keras that can be read. SourceError: says why, and how to convert it."""
    convert = "Where TensorFlow is installed, load it there and write it with model.save('NAME.keras')."
    if path.is_dir():
        kind = "a SavedModel" if (path / "saved_model.pb").is_file() else "a folder"
        raise SourceError(f"{path} is {kind}; keras: reads .keras and .h5 files. {convert}")
    if path.suffix in (".tflite", ".pb"):
        raise SourceError(f"{path}: a {path.suffix} file needs TensorFlow to read. {convert}")
    if path.suffix not in (*ARCHIVE, *HDF5):
        raise SourceError(f"{path}: keras: reads files that end in .keras, .h5 or .weights.h5.")
    if not path.is_file():
        raise SourceError(f"{path} is not there.")
    if path.suffix in ARCHIVE and not zipfile.is_zipfile(path):
        raise SourceError(f"{path} is damaged: a .keras file is a zip archive, and this is none. Fetch it again.")
    if path.suffix in HDF5:
        with weight_files.checked(path):
            pass


def _config(path: Path) -> dict[str, Any]:
    """Read the architecture that a model's file holds."""
    if path.suffix in ARCHIVE:
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo("config.json").file_size > MOST_CONFIG:
                    raise SourceError(f"{path}: its architecture is of more than {MOST_CONFIG // 2**20} MiB.")
                _check_members(archive, path)
                for name in archive.namelist():
                    if name.endswith(".h5"):
                        with archive.open(name) as content, weight_files.checked(path, content):
                            pass
                return architecture_of(archive.read("config.json"), path)
        except (KeyError, zipfile.BadZipFile, OSError, RuntimeError) as error:
            raise SourceError(f"{path} is damaged: {reason_of(error)}. Fetch it again.") from error
    with weight_files.checked(path) as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise SourceError(
            f"{path} has weights alone. Name its architecture, as model.to_json() writes it: architecture=FILE.json; "
            "or the application that they are of: keras:NAME weights=FILE."
        )
    return architecture_of(text if isinstance(text, bytes) else str(text).encode(), path)


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    known = re.compile(r"metadata\.json|config\.json|model\.weights(\.h5|_?\d*\.(json|h5))")
    others = [name for name in archive.namelist() if not name.endswith("/") and not known.fullmatch(name)]
    if others:
        raise SourceError(f"{path}: it holds {first_few(others)}, files that a network of layers alone does not have.")
