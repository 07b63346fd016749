"""Claims: the first line comes before the slow imports, and so do a path that is wrong and what the data was taken for;
`predict` imports what it needs alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

import headstart as hs

SLOW = ("torch", "pandas", "sklearn", "scipy", "pyarrow", "PIL", "timm", "torchvision", "transformers")
FIRST_WORDS = """
import os, sys
from headstart.cli.main import main


class Ends:
    def write(self, text):
        if sys.argv[2] in text and text.strip():
            slow = [name for name in sys.argv[1].split(",") if name in sys.modules]
            os.write(1, f"{slow} {text.strip()}".encode())
            os._exit(0)

    def flush(self): ...


sys.stderr = Ends()
main(sys.argv[3:])
"""

HEAVY = ("torch._dynamo", "scipy", "sklearn", "timm", "torchvision", "transformers", "matplotlib")
PREDICTED = f"""
import sys
from headstart.cli.main import main

try:
    main({{arguments}})
finally:
    import torch

    put_back = "torch._dynamo.utils" not in sys.modules and torch.compiler.disable.__module__ == "torch.compiler"
    print(*(name for name in {HEAVY} if name in sys.modules), put_back)
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fit photos", "reading photos …"),
        ("fit photo", "headstart: There is no file or folder 'photo'. Did you mean"),
        ("fit photos --unlabelled mor", "headstart: There is no file or folder 'mor'."),
        ("predict runs/3 new.jpg", "headstart: There is no folder runs/3."),
        ("evaluate photos", "headstart: photos holds no saved model"),
        ("compare runs/3 runs/4", "headstart: There is no folder runs/3."),
        ("soup runs/3 runs/4 --out soup", "headstart: There is no folder runs/3."),
    ],
)
def test_the_first_words_come_before_the_slow_imports(tmp_path: Path, command: str, said: str) -> None:
    (tmp_path / "photos" / "ants").mkdir(parents=True)
    found = first_words(tmp_path, SLOW, "", command)
    assert found.startswith(f"[] {said}"), found


def first_words(folder: Path, slow: Sequence[str], words: str, command: str) -> str:
    """Run the command until it says the words; give which slow modules were imported by then, and what was said."""
    run = [sys.executable, "-c", FIRST_WORDS, ",".join(slow), words, *command.split()]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("options", "imported"),
    [
        ("--source vector:mlp --strategy full", []),
        ("--strategy last_layers", ["torch"]),  # misspelt: the list of those that there are
    ],
)
def test_what_the_data_was_taken_for_is_told_before_torch_is_imported(
    tmp_path: Path, options: str, imported: list[str]
) -> None:
    rows = "".join(f"{place},{place % 7},{'ab'[place % 2]}\n" for place in range(40))
    (tmp_path / "table.csv").write_text(f"x,z,label\n{rows}")
    found = first_words(
        tmp_path, ["torch", "scipy", "sklearn"], "headstart: " if imported else "input: ", f"fit table.csv {options}"
    )
    assert found.partition("]")[0].startswith(str(imported)[:-1]), found
    assert ("headstart: " in found) == bool(imported), found


@pytest.mark.slow
def test_predict_imports_what_it_needs_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("ants", "bees"):
        (folder / name).mkdir(parents=True)
        for place in range(40):
            Image.new("RGB", (32, 32), (6 * place, 200 * (name == "ants"), 9)).save(folder / name / f"{place}.png")
    hs.fit(
        folder,
        source="timm:test_resnet",
        settings={"source.pretrained": False, "stages.0.steps": 1, "data.test": 0.5},
        out=tmp_path / "run",
    )
    assert (tmp_path / "run" / "model" / "reference.safetensors").is_file()  # SciPy compares, where rows are many
    script = PREDICTED.format(arguments=["predict", str(tmp_path / "run"), str(folder / "ants" / "0.png")])
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout.splitlines()[-1] == "timm torchvision True", found.stdout
