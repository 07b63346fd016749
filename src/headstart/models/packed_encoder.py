"""A text encoder from a package: a folder in the Hugging Face layout, or one written from the container E5S1."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.core.storage import kept_folder
from headstart.models.e5_container import read_container, write_folder
from headstart.models.model import Backbone
from headstart.models.sources.hf import Hf

if TYPE_CHECKING:
    from headstart.models.packages import Blocks, Folder, Shipped


def load_folder(shipped: Folder) -> Backbone:
    """Load the encoder of a package that holds a folder in the Hugging Face layout."""
    return _named(Hf().load(str(shipped.installed().parent)), shipped)


def load_blocks(shipped: Blocks) -> Backbone:
    """Load the encoder of a package that holds it in 4-bit blocks; it is unpacked once, into the cache.

    Args:
        shipped: Says which package.

    Returns:
        The backbone, whose input puts the encoder's prefix before each text.

    Raises:
        SourceError: The package is not installed, or its file is not the known one.
        StorageError: The unpacked weights cannot be written to the cache.
    """
    shipped.installed()

    def unpack(folder: Path) -> None:
        write_folder(read_container(shipped.content()), folder)

    folder = kept_folder(f"{shipped.package}-{shipped.sha256[:16]}", unpack)
    return _named(Hf(prefix=shipped.prefix).load(str(folder)), shipped)


def _named(backbone: Backbone, shipped: Shipped) -> Backbone:
    backbone.card = dataclasses.replace(
        backbone.card,
        name=f"package:{shipped.package}",
        source_task=shipped.what,
        licence=shipped.terms(),
        sha256=shipped.sha256,
        revision=shipped.version,
    )
    return backbone
