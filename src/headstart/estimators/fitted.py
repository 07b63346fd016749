"""The model of a fitted estimator. It is copied and pickled as the files of its artefact: safetensors and JSON."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.artifact.save import save


@dataclass
class Fitted:
    """A predictor that can be copied, sent to another process and stored."""

    predictor: Predictor

    def save(self, folder: Path) -> None:
        """Write the artefact.

        Args:
            folder: The folder to make.

        Raises:
            StorageError: The folder exists, or the disk refuses.
        """
        p = self.predictor
        save(folder, p.model, p.task, p.recipe, fingerprint=p.fingerprint, precision=p.precision)

    def __getstate__(self) -> dict[str, Any]:
        """Return the artefact's files by name, as bytes."""
        with TemporaryDirectory(prefix="headstart-") as scratch:
            folder = Path(scratch) / "model"
            self.save(folder)
            files = {
                str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
            }
        return {"files": files, "device": self.predictor.recipe.device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the model from the files of an artefact, checked by their hashes.

        Args:
            state: What `__getstate__` gave.

        Raises:
            StorageError: The files do not belong together.
        """
        folder = Path(mkdtemp(prefix="headstart-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)  # until then a tokenizer is read from it
        for name, content in state["files"].items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.predictor = load(folder, device=state["device"])
