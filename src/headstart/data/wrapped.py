"""Enter the folder that the data lies in, where what was named holds nothing but that folder, as archives unpack."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from headstart.data.formats import is_table
from headstart.data.readers._box_folders import holds_boxes
from headstart.data.readers._conll_files import conll_files
from headstart.data.tables import SPLITS
from headstart.data.walk import files_below, files_in, folders_in
from headstart.inputs import of_file

OTHERS = {".npz", ".npy", ".arrow"}


def inner_folder(folder: Path) -> Path:
    """Find the folder that holds the data.

    Args:
        folder: What the user named.

    Returns:
        The folder itself; where it holds no data but in a single folder that is divided again, that one.
    """
    while not any(map(_is_data, files_in(folder))) and not holds_boxes(folder) and not conll_files(folder):
        having = (sub for sub in folders_in(folder) if any(_is_data(found.path) for found in files_below(sub)))
        holding = list(islice(having, 2))
        if len(holding) != 1 or holding[0].name.lower() in SPLITS:
            break
        if not folders_in(holding[0]) and any(of_file(file.name) for file in files_in(holding[0])):
            break  # a class folder
        folder = holding[0]
    return folder


def _is_data(file: Path) -> bool:
    return is_table(file) or file.suffix.lower() in OTHERS or of_file(file.name) is not None
