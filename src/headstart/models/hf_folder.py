"""What a folder in the Hugging Face layout says, read as plain JSON; folders that are not safe to read are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from headstart.core.errors import SourceError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.storage import PICKLE_SUFFIXES
from headstart.inputs.image import Image

WEIGHTS = "model.safetensors"
LONGEST_BY_DEFAULT = 256  # tokens: attention's cost grows with the square, and few texts of a table are longer
RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
TAKEN = {"Transformer", "Pooling", "Normalize"}  # modules of sentence-transformers whose work is done or is a scale
WANTED = (
    "*.json",
    "1_Pooling/config.json",
    "model*.safetensors",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.jinja",
    "README.md",
)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON table; {} where the file is not there."""
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}. Fetch it again.") from error
    if not isinstance(plain, dict):
        raise SourceError(f"{path} is not a JSON table. Fetch it again.")
    return plain


def check_safe(folder: Path) -> list[Path]:
    """Check that a folder can be read without running anyone's code.

    Args:
        folder: A folder in the Hugging Face layout.

    Returns:
        Its weights files.

    Raises:
        SourceError: It has no config.json or no safetensors, or brings its own code.
    """
    if not (folder / "config.json").is_file():
        raise SourceError(f"{folder} has no config.json: it is not a model in the Hugging Face layout.")
    if network := timm_network(folder):
        raise SourceError(
            f"{folder} holds a network of timm. Write {option('source', f'timm:{network} weights={folder / WEIGHTS}')}."
        )
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        if "auto_map" in read_json(folder / name):
            raise SourceError(
                f"{folder / name} asks to run Python code that comes with the model (auto_map). Headstart runs no such "
                "code. Take a model of an architecture that transformers has, or build it with python:MODULE:FUNCTION."
            )
    if (folder / "adapter_config.json").is_file():
        raise SourceError(f"{folder} is an adapter for another model. Merge it into that model and save the whole.")
    index = read_json(folder / "model.safetensors.index.json").get("weight_map")
    names = sorted(set(index.values())) if index else ["model.safetensors"]
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise SourceError(f"{folder}/model.safetensors.index.json points outside of its folder: {first_few(outside)}.")
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return [folder / name for name in names]
    others = sorted(f.name for f in folder.iterdir() if f.suffix in {*PICKLE_SUFFIXES, ".msgpack", ".onnx", ".pb"})
    if others and not index:
        raise SourceError(
            f"{folder} has its weights only as {first_few(others)}, which were not read: loading such a file can run "
            "code. Convert them where you trust them, to safetensors: "
            "AutoModel.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)."
        )
    raise SourceError(f"{folder} lacks {first_few(missing)}. Fetch the folder again.")


def timm_network(folder: Path) -> str:
    """Return the name of the network of timm that a folder is of; "" where it is none of timm's."""
    config = read_json(folder / "config.json")
    return str(config.get("architecture", "")) if "pretrained_cfg" in config else ""


def pooling(folder: Path) -> Literal["cls", "mean"]:
    """Find how a text model pools its tokens: as sentence-transformers' 1_Pooling/config.json says, else the mean.

    Args:
        folder: A folder in the Hugging Face layout.

    Returns:
        The pooling.

    Raises:
        SourceError: It says something else than the first token or the mean.
    """
    plain = read_json(folder / "1_Pooling" / "config.json")
    modes = [
        key.removeprefix("pooling_mode_") for key, on in plain.items() if key.startswith("pooling_mode_") and on is True
    ]
    modes += [plain["pooling_mode"]] if isinstance(plain.get("pooling_mode"), str) else []
    if not modes or modes in (["mean_tokens"], ["mean"]):
        return "mean"
    if modes in (["cls_token"], ["cls"]):
        return "cls"
    raise SourceError(
        f"{folder}/1_Pooling/config.json asks for {' and '.join(modes)}; set the option pooling to cls or mean: "
        f"{option('source', f'hf:{folder} pooling=mean')}."
    )


def left_out(folder: Path) -> str:
    """Say which modules of a sentence-transformers folder stand behind the encoder and its pooling, in words.

    Args:
        folder: A folder in the Hugging Face layout.

    Returns:
        "" where there is none that changes what a linear head could learn.
    """
    path = folder / "modules.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}. Fetch it again.") from error
    modules = [module for module in listed if isinstance(module, dict)] if isinstance(listed, list) else []
    kinds = [(str(module.get("path") or "?"), str(module.get("type")).rpartition(".")[2]) for module in modules]
    others = [f"{place} ({kind})" for place, kind in kinds if kind not in TAKEN]
    return f"without its {first_few(others, ' and ')}: features are what comes before" if others else ""


def max_length(folder: Path, limit: int | None, asked: int | None) -> int:
    """Choose the most tokens of a text that are kept.

    Args:
        folder: A folder in the Hugging Face layout.
        limit: The most tokens that the model's positions allow; None where they allow any number.
        asked: What the user wants; None is the least of the model's positions, what the folder's
            sentence-transformers file says, and 256.

    Returns:
        The number of tokens.

    Raises:
        UsageError: More is asked for than the model has positions.
    """
    if asked is not None:
        if asked < 1 or (limit is not None and asked > limit):
            raise UsageError(f"max_length must be from 1 to {limit or 'any number'} for {folder.name}, not {asked}.")
        return asked
    stated = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    return min(n for n in (limit, stated, LONGEST_BY_DEFAULT) if n)


def image_input(folder: Path, channels: int) -> Image:
    """Read what a vision model expects from preprocessor_config.json.

    Args:
        folder: A folder in the Hugging Face layout.
        channels: Colour channels of the model.

    Returns:
        The input; the mean and std are for pixels in [0, 1].

    Raises:
        SourceError: The file is missing, gives no size, or is for other channels.
    """
    path = folder / "preprocessor_config.json"
    plain = read_json(path)
    size, crop_size = plain.get("size"), plain.get("crop_size") if plain.get("do_center_crop") else None
    height, width = _sides(crop_size or size)
    if not height or not width:
        raise SourceError(f"{path} is missing or gives no size: it must say how images are prepared for this model.")
    resized = _sides(size)[0] or height
    crop = float(plain.get("crop_pct") or 1.0) if crop_size is None else min(1.0, height / resized)
    scale = 255 * plain.get("rescale_factor", 1 / 255) if plain.get("do_rescale", True) else 255.0
    normalise = plain.get("do_normalize", True)
    mean, std = ([0.0] * channels, [1.0] * channels) if not normalise else _norms(path, plain, channels)
    if not len(mean) == len(std) == channels:
        raise SourceError(
            f"{path} gives {len(mean)} means and {len(std)} stds, and config.json says num_channels = {channels}: "
            "they are of two models. Put the preprocessor's file of the same model there."
        )
    return Image(
        height,
        width,
        channels,
        tuple(round(m / scale, 12) for m in mean),
        tuple(round(s / scale, 12) for s in std),
        RESAMPLE.get(plain.get("resample", 2), "bilinear"),
        crop,
    )


def _norms(path: Path, plain: dict[str, Any], channels: int) -> tuple[list[float], list[float]]:
    """Read mean and std, one for each channel or one for all; what is absent or none is refused."""
    found = []
    for name in ("image_mean", "image_std"):
        value = plain.get(name)
        values = value if isinstance(value, list) else [value] * channels
        least = -math.inf if name == "image_mean" else 0.0
        if not all(isinstance(each, int | float) and least < each < math.inf for each in values):
            what = "is absent" if value is None else f"= {value} is none"
            raise SourceError(
                f"{path}: {name} {what}, so that images cannot be prepared as they were for this model. Put the "
                "preprocessor's file of the same model there, or write do_normalize = false into it."
            )
        found.append(values)
    return found[0], found[1]


def licence(folder: Path) -> str:
    """Read the licence from the head of README.md; "" where it says none."""
    return str(model_card(folder).get("license", ""))


def model_card(folder: Path) -> dict[str, Any]:
    """Read the head of README.md, which says licence and languages; {} where there is none that can be read."""
    import yaml

    readme = folder / "README.md"
    parts = readme.read_text(encoding="utf-8", errors="replace").split("---", 2) if readme.is_file() else []
    if len(parts) < 3 or parts[0].strip():
        return {}
    try:
        plain = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}
    return plain if isinstance(plain, dict) else {}


def _sides(size: Any) -> tuple[int | None, int | None]:
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge")
        return size.get("height", edge), size.get("width", edge)
    return (size, size) if isinstance(size, int) else (None, None)
