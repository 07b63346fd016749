"""`keras:FILE.keras`, `keras:VGG16`: a model that Keras saved, or one of its applications, as a torch network."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headstart.core.counting import agree, counted
from headstart.core.errors import SourceError, UsageError, first_few, reason_of
from headstart.core.storage import sha256
from headstart.core.types import Card, Input
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector

if TYPE_CHECKING:
    from headstart.models.keras.backbone import KerasBackbone
    from headstart.models.keras.graph import Built

SUFFIXES = (".keras", ".h5", ".hdf5")
SIDE = 224  # of pictures, where a model takes any size
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = "ResNet50"  # an application that wants pixels so
FAILURES = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OSError,
    RuntimeError,
)  # of a file that misfits
ARITHMETIC = ("Rescaling", "Normalization", "Multiply", "Add", "Subtract", "TrueDivide", "Divide", "GetItem", "Cast")


@dataclass(frozen=True)
class Keras:
    """A model that Keras saved (.keras, .h5), or one of its applications.

    The name is a file, or an application: VGG16, ResNet50, InceptionV3, MobileNetV2, EfficientNetB0 …
    weights: a .h5 file for an application, which Keras would fetch otherwise; pretrained: false gives random weights.
    architecture: the JSON of the architecture (model.to_json()) of a file that has weights alone.
    include_top: whether the last classifier stays, so that its answers are the features.
    size: height and width of pictures, where the model takes any (224). pixels: how it wants them: "caffe" (BGR minus a
    mean), "tf" (-1 to 1), "torch" (ImageNet's mean and deviation), "unit" (0 to 1), "raw" (0 to 255); "auto" takes
    what the application says that it is, raw for a model that begins with arithmetic, and else unit.
    """

    weights: str | None = None
    pretrained: bool = True
    architecture: str | None = None
    include_top: bool = False
    size: int | None = None
    pixels: Literal["auto", "caffe", "tf", "torch", "unit", "raw"] = "auto"

    def names(self, query: str) -> list[str]:
        """List the files in the folder that the query names, or the applications whose name contains it."""
        folder = Path(query)
        if query and folder.is_dir():
            return sorted(str(path) for path in folder.iterdir() if path.suffix in SUFFIXES)
        from headstart.models.keras import applications

        try:
            return [name for name in applications.names() if query.lower() in name.lower()]
        except UsageError:  # without Keras there are none
            return []

    def load(self, name: str) -> KerasBackbone:
        """Load a file or an application.

        Args:
            name: The file, or the application's name.

        Returns:
            The backbone.

        Raises:
            UsageError: Keras is not installed, or there is no such application.
            SourceError: The file is missing, damaged, of another kind, or holds what could run code.
        """
        from headstart.models.keras import backbone

        path = Path(name)
        is_file = path.suffix.lower() in (*SUFFIXES, ".tflite", ".pb") or path.exists()
        model = self._of_file(path) if is_file else self._of_application(name)
        graph = backbone.functional(model)
        reverse, expected = self._input(graph, name)
        card = Card(
            name=f"keras:{path.stem if is_file else name}",
            family=model.name,
            params=0,
            input=expected,
            builder="keras",
            architecture={
                "model": json.loads(model.to_json()),
                "include_top": self.include_top,
                "reverse": reverse,
            },
            sha256=sha256(path) if is_file else sha256(Path(self.weights)) if self.weights else "",
        )
        made, built = backbone.of_model(model, card)
        made.card = replace(made.card, source_task=self._said(model.name, built, is_file=is_file))
        backbone.check_equal(made, model)
        return made

    def rebuild(self, card: Card) -> KerasBackbone:
        """Build the network of a card with random weights."""
        from headstart.models.keras import backbone
        from headstart.models.keras.backend import import_keras
        from headstart.models.keras.files import check_config

        check_config(card.architecture["model"], card.name)
        keras = import_keras()
        with keras.device("cpu"):
            model = keras.models.model_from_json(json.dumps(card.architecture["model"]))
        return backbone.of_model(model, card)[0]

    def _of_file(self, path: Path) -> Any:
        from headstart.models.keras import files

        if self.weights is not None:
            raise UsageError(
                f"{path} has weights of its own; weights=FILE goes with an application (keras:VGG16), "
                "and architecture=FILE.json with a file that has weights alone."
            )
        return files.load_model(path, None if self.architecture is None else Path(self.architecture))

    def _of_application(self, name: str) -> Any:
        from headstart.models.keras import applications, files

        if self.weights is None:
            fetched = "imagenet" if self.pretrained else None
            return applications.make(name, fetched, self.size is None, self.size)
        path = Path(self.weights)
        files.check_kind(path)
        reasons, size = [], self.size
        for with_top in (True, False):
            model = applications.make(name, None, with_top, size)
            size = model.inputs[0].shape[1]  # the application's own where none was asked for
            try:
                with files.all_weights():
                    model.load_weights(path)
            except FAILURES as error:
                reasons.append(reason_of(error))
                continue
            return model
        raise SourceError(f"{path} does not fit keras:{name}: {reasons[-1]}")

    def _input(self, graph: Any, name: str) -> tuple[bool, Input]:
        """Say what the model takes, and whether channels go blue first."""
        value = graph.inputs[0]
        shape = tuple(value.shape)[1:]
        if len(shape) == 1 and shape[0] is not None and value.dtype.startswith("float"):
            return False, Vector(shape[0])
        if len(shape) != 3 or shape[2] not in (1, 3, 4):
            raise SourceError(
                f"keras:{name} takes {value.dtype} of shape {list(value.shape)}. keras: takes over models of pictures "
                "[H, W, C] and of rows of numbers [D]; for others, python:MODULE:FUNCTION."
            )
        side = self.size or SIDE
        reverse, mean, std = self._pixels(graph, shape[2])
        return reverse, Image(shape[0] or side, shape[1] or side, shape[2], mean, std, "bilinear")

    def _pixels(self, graph: Any, channels: int) -> tuple[bool, tuple[float, ...], tuple[float, ...]]:
        from headstart.models.keras import applications
        from headstart.models.keras.graph import nodes_of

        kind = self.pixels
        if kind == "auto":
            begins = nodes_of(graph)[0].operation
            known = applications.of_model(graph.name) or applications.of_model(begins.name)
            if known and channels == 3:
                return applications.pixels(known)
            kind = "raw" if type(begins).__name__ in ARITHMETIC else "unit"
        if kind in ("caffe", "torch") and channels != 3:
            raise UsageError(f"pixels={kind} is for pictures of 3 channels; the model takes {channels}.")
        if kind == "caffe":
            return applications.pixels(CAFFE)
        mean, std = {"tf": (0.5, 0.5), "unit": (0.0, 1.0), "raw": (0.0, 1 / 255)}.get(kind, (0.0, 0.0))
        return (False, *IMAGENET) if kind == "torch" else (False, (mean,) * channels, (std,) * channels)

    def _said(self, name: str, built: Built, *, is_file: bool) -> str:
        """Say what the model is, and what it asks for beside its weights."""
        if not is_file and self.weights is None and not self.pretrained:
            return "none: random weights"
        penalised, fixed = sum(hasattr(part, "regularisers") for part in built.module.modules()), len(built.fixed)
        said = [f"the Keras model '{name}'"]
        said += (
            [f"{counted(penalised, 'layers')} with penalties of {agree(penalised, 'their')} own"] if penalised else []
        )
        said += [f"{counted(fixed, 'layers')} that {agree(fixed, 'do')} not learn"] if fixed else []
        said += [f"penalties that are neither L1 nor L2 of weights are not kept: {first_few(built.unkept)}"] * bool(
            built.unkept
        )
        said += [f"left out, as views of a run vary pictures: {first_few(built.left_out)}"] if built.left_out else []
        return "; ".join(said)
