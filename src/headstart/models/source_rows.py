"""Start a linear head from the rows of the source's classifier, found by class name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Task
from headstart.models.model import Backbone, Head


def match_classes(classes: Sequence[str], labels: Sequence[str], names: Sequence[str] = ()) -> dict[str, int]:
    """Find each class among the source's labels.

    Args:
        classes: Of the target task.
        labels: Of the source task; synonyms in one label are separated by commas.
        names: Pairs "CLASS=LABEL" or "CLASS=ROW", which go before.

    Returns:
        The row of each class that was found.

    Raises:
        UsageError: A pair names no class, label or row, a class fits several labels, or no class was found.
    """
    rows: dict[str, set[int]] = {}
    for row, label in enumerate(labels):
        for synonym in {label, *label.split(",")}:
            rows.setdefault(_plain(synonym), set()).add(row)
    told = _told(names, classes, len(labels))
    found: dict[str, int] = {}
    for name in classes:
        wanted = told.get(name, name)
        if isinstance(wanted, int):
            found[name] = wanted
            continue
        fitting = next((rows[form] for form in _forms(wanted) if form in rows), set())
        if len(fitting) > 1:
            several = ", ".join(f"{row} ({labels[row]})" for row in sorted(fitting))
            raise UsageError(f"adapt_output: '{name}' fits several rows: {several}. Choose: names='{name}=ROW'.")
        if fitting:
            found[name] = next(iter(fitting))
        elif name in told:
            near = difflib.get_close_matches(_plain(wanted), rows, n=3, cutoff=0.5)
            raise UsageError(f"adapt_output: the source has no label '{wanted}'. Nearest: {', '.join(near) or 'none'}.")
    if not found:
        raise UsageError(
            f"adapt_output: the source knows none of the classes {', '.join(classes[:10])} by name. Say which are "
            "which with names='CLASS=LABEL,…', or leave the operation out."
        )
    return found


def start_rows(head: Head, backbone: Backbone, task: Task) -> dict[str, int]:
    """Copy the rows into a linear head; classes without one start as the source's average class.

    Args:
        head: Changed in place.
        backbone: Holds the classifier, its labels and the names asked for.
        task: Of the head.

    Returns:
        The row that each found class starts from.

    Raises:
        UsageError: The head is not linear, or the task has no classes.
    """
    assert backbone.source_classifier is not None and backbone.kept_rows is not None
    found = rows_for(backbone, task)
    layer = head.trunk
    if not isinstance(layer, nn.Linear) or layer.in_features != backbone.dim:
        raise UsageError("adapt_output needs the head 'linear': only its rows can start from the source's.")
    weight, bias = backbone.source_classifier
    with torch.no_grad():
        for place, name in enumerate(task.classes):
            row = found.get(name)
            layer.weight[place] = weight.mean(dim=0) if row is None else weight[row]
            if bias is not None:
                layer.bias[place] = bias.mean() if row is None else bias[row]
    return found


def rows_for(backbone: Backbone, task: Task) -> dict[str, int]:
    """Find the rows that `start_rows` will take.

    Args:
        backbone: Says its labels, and by which names the rows are asked for.
        task: Of the head.

    Returns:
        The row of each class that was found.

    Raises:
        UsageError: The task has no classes, or none was found.
    """
    if not task.classes:
        raise UsageError("adapt_output is for classes; this task is a regression.")
    return match_classes(task.classes, backbone.card.labels, backbone.kept_rows or ())


def _told(names: Sequence[str], classes: Sequence[str], rows: int) -> Mapping[str, str | int]:
    told: dict[str, str | int] = {}
    for pair in names:
        name, _, label = pair.partition("=")
        if name not in classes:
            raise UsageError(f"adapt_output: there is no class '{name}'. Classes: {', '.join(classes)}.")
        if label.isdigit() and int(label) >= rows:
            raise UsageError(f"adapt_output: there is no row {label}; the source's classifier has {rows}.")
        told[name] = int(label) if label.isdigit() else label
    return told


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _forms(name: str) -> list[str]:
    """Return the spellings to look for: as it is, then as the singular of an English plural."""
    plain = _plain(name)
    forms = [plain]
    for ending, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if plain.endswith(ending) and len(plain) > len(ending) + 1:
            forms.append(plain.removesuffix(ending) + singular)
    return forms
