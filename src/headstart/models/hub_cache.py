"""What the cache of the Hugging Face hub holds, read from its small files. Imports no torch and uses no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.offer import EVERY, Stored
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models import hf_folder

LARGE = 700 << 20  # bytes of weights: what is larger is not offered unasked
MOST = 3  # models offered
MANY = 20  # languages that a model card lists, from which on the model is taken to know every one


@dataclass(frozen=True)
class Cached:
    """A model in the cache, with its weights.

    network: its name in timm; "" where it is not timm's. takes: its modality, None where that is not seen. sentences:
    whether it gives one vector for a text, in the layout of sentence-transformers.
    """

    name: str
    folder: Path
    size: int
    network: str
    takes: type[Text] | type[Image] | None
    sentences: bool
    languages: tuple[str, ...]

    def stored(self, source: str) -> Stored:
        """Describe it for a list."""
        modality = self.takes.__module__.rpartition(".")[2] if self.takes else ""
        return Stored(source, modality, self.size, hf_folder.licence(self.folder), self.languages)


def models() -> list[Cached]:
    """List the models in the cache whose weights are there as safetensors."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = (_read(folder) for folder in sorted(Path(HF_HUB_CACHE).glob("models--*")))
    return [model for model in found if model is not None]


def _read(repository: Path) -> Cached | None:
    """Look at the revision that the main branch pointed to when it was fetched last, else at any."""
    main = repository / "refs" / "main"
    snapshots = repository / "snapshots"
    folders = [snapshots / main.read_text(encoding="utf-8").strip()] if main.is_file() else snapshots.glob("*")
    for folder in folders:
        size = sum(file.stat().st_size for file in folder.glob("model*.safetensors") if file.exists())
        config = hf_folder.read_json(folder / "config.json")
        network = hf_folder.timm_network(folder)
        name = repository.name.removeprefix("models--").replace("--", "/", 1)
        if name.startswith("timm/") and not network:
            network = name.removeprefix("timm/")  # timm's networks are used without their config.json
        elif network and (tag := config["pretrained_cfg"].get("tag")):
            network = f"{network}.{tag}"
        if size and (config or network):
            sentences = (folder / "modules.json").is_file()
            return Cached(name, folder, size, network, _takes(folder, network), sentences, _languages(folder))
    return None


def _takes(folder: Path, network: str) -> type[Text] | type[Image] | None:
    if network or (folder / "preprocessor_config.json").is_file():
        return Image
    return Text if (folder / "tokenizer_config.json").is_file() or (folder / "tokenizer.json").is_file() else None


def _languages(folder: Path) -> tuple[str, ...]:
    """Read the languages from the head of README.md."""
    stated: Any = hf_folder.model_card(folder).get("language")
    codes = stated if isinstance(stated, list) else [stated]
    listed = ["no" if code is False else str(code) for code in codes if code is not None]  # Norwegian, to YAML
    return (EVERY,) if "multilingual" in listed or len(listed) >= MANY else tuple(listed)
