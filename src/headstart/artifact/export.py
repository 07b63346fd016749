"""Write a saved model for another library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.core.errors import UsageError, unknown
from headstart.core.interface import option
from headstart.core.storage import new_file, write_text
from headstart.core.task import kind_of
from headstart.models.cards import input_to_plain

FORMATS = ("keras", "transformers")


def export(run: str | Path, *, to: str = "keras", out: str | Path | None = None) -> Path:
    """Write a saved model for another library.

    Args:
        run: The folder of a run.
        to: "keras": a .keras file, for a run with a source `keras:`. What it takes and what its outputs mean stands
            beside it, in a JSON file of the same name (model.keras.json). "transformers": a folder with weights,
            config and tokenizer, for a causal language model that answers prompts; what LoRA learnt is in the weights.
        out: The file or folder; None is model.keras or transformers in the run's folder.

    Returns:
        The file or folder.

    Raises:
        UsageError: There is no such format, or the model cannot be written in it.
        SourceError: The library is not there in the form that is needed.
    """
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    if to == "transformers":
        return _transformers(run, Path(run) / "transformers" if out is None else Path(out))
    path = Path(run) / "model.keras" if out is None else Path(out)
    if path.suffix != ".keras":
        raise UsageError(f"{option('out', str(path))} must end in .keras.")
    from headstart.models.keras.back import keras_model

    predictor = load(run, device="cpu")
    made = keras_model(predictor.model, {name: found.temperature for name, found in predictor.calibrations.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, every=False) as temporary:
        written = temporary.with_name(f"{temporary.name}.keras")  # Keras looks at how the name ends
        try:
            made.save(written)
            written.replace(temporary)
        finally:
            written.unlink(missing_ok=True)
    write_text(about_file(path), json.dumps(_about(predictor), indent=2, ensure_ascii=False) + "\n")
    return path


def _transformers(run: str | Path, folder: Path) -> Path:
    """Write a causal language model as transformers does, whole or not at all."""
    from headstart.models.heads._continuing import Continuing

    if folder.exists():
        raise UsageError(f"{folder} is there already: name another folder ({option('out')}).")
    model = load(run, device="cpu").model
    outputs = [head.output for head in model.by_target().values()]
    if len(outputs) != 1 or not isinstance(outputs[0], Continuing):
        raise UsageError(f"{run} is no causal language model that answers prompts; others are not written for it.")
    begun = folder.with_name(f"{folder.name}.part")
    try:
        outputs[0].save(model.backbone, begun)
        begun.rename(folder)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return folder


def about_file(path: Path) -> Path:
    """Return the file beside an exported one that says what it takes and gives."""
    return path.with_name(f"{path.name}.json")


def _about(predictor: Predictor) -> dict[str, Any]:
    """Say what the model takes and gives."""
    card = predictor.model.backbone.card
    targets = {
        name: {"kind": kind_of(target), "classes": list(getattr(target, "classes", ()))}
        for name, target in predictor.task.targets.items()
    }
    order = "blue, green, red" if card.architecture["reverse"] else "as they are"
    return {"input": input_to_plain(card.input), "channels": order, "targets": targets}
