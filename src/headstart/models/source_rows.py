"""Start a linear head from the rows of the source's classifier, found by class name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.core.types import Target, kind_of
from headstart.models.model import Backbone, Head


def match_classes(classes: Sequence[str], labels: Sequence[str], names: Sequence[str] = ()) -> dict[str, int]:
    """Find each class among the source's labels.

    Args:
        classes: Class names of the target task.
        labels: Class names of the source task; synonyms in one label are separated by commas.
        names: Pairs "CLASS=LABEL" or "CLASS=ROW", which go before.

    Returns:
        The row of each class that was found.

    Raises:
        UsageError: A pair names no class, label or row, a class fits several labels, or no class was found.
    """
    found = _match(classes, labels, names)
    if not found:
        raise _none_known(classes)
    return found


def start_rows(heads: Mapping[str, Head], backbone: Backbone) -> dict[str, dict[str, int]]:
    """Copy the rows into linear heads; classes without one start as the source's average class.

    Args:
        heads: Heads by target; changed in place. Those of targets without classes, or none of whose classes the source
            knows where others are known, stay as they are.
        backbone: Holds the classifier, its labels and the names asked for.

    Returns:
        By target, the row that each found class starts from.

    Raises:
        UsageError: A head is not linear, or no target has classes.
    """
    assert backbone.source_classifier is not None
    found = rows_for(backbone, {name: head.target for name, head in heads.items()})
    weight, bias = backbone.source_classifier
    for target, rows in found.items():
        layer = heads[target].trunk
        if not isinstance(layer, nn.Linear) or layer.in_features != backbone.dim:
            raise UsageError("adapt_output needs the head 'linear': only its rows can start from the source's.")
        with torch.no_grad():
            for place, name in enumerate(heads[target].target.classes):
                row = rows.get(name)
                layer.weight[place] = weight.mean(dim=0) if row is None else weight[row]
                if bias is not None:
                    layer.bias[place] = bias.mean() if row is None else bias[row]
    return found


def rows_for(backbone: Backbone, targets: Mapping[str, Target]) -> dict[str, dict[str, int]]:
    """Find the rows that `start_rows` will take.

    Args:
        backbone: Says its labels, and by which names the rows are asked for.
        targets: Targets by name.

    Returns:
        By target, the row of each class that was found; without targets none of whose classes was.

    Raises:
        UsageError: No target has an output for each of its classes, or none of the classes was found.
    """
    fitting = {
        name: target for name, target in targets.items() if target.classes and target.outputs == len(target.classes)
    }
    if not fitting:
        kinds = first_few(dict.fromkeys(kind_of(target) for target in targets.values()))
        raise UsageError(f"adapt_output is for classes; this task is a {kinds}.")
    labels, names = backbone.card.labels, backbone.kept_rows or ()
    classes = [name for target in fitting.values() for name in target.classes]
    _told(names, classes, len(labels))  # refuses pairs that fit no target at all
    found = {}
    for name, target in fitting.items():
        own = [pair for pair in names if pair.partition("=")[0] in target.classes]
        found[name] = _match(target.classes, labels, own)
    if not any(found.values()):
        raise _none_known(classes)
    return {name: rows for name, rows in found.items() if rows}


def _match(classes: Sequence[str], labels: Sequence[str], names: Sequence[str]) -> dict[str, int]:
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
            several = first_few(f"{row} ({labels[row]})" for row in sorted(fitting))
            raise UsageError(f"adapt_output: '{name}' fits several rows: {several}. Choose: names='{name}=ROW'.")
        if fitting:
            found[name] = next(iter(fitting))
        elif name in told:
            near = difflib.get_close_matches(_plain(wanted), rows, n=3, cutoff=0.5)
            raise UsageError(f"adapt_output: the source has no label '{wanted}'. Nearest: {first_few(near) or 'none'}.")
    return found


def _none_known(classes: Sequence[str]) -> UsageError:
    return UsageError(
        f"adapt_output: the source knows none of the classes {first_few(classes)} by name. Say which are "
        "which with names='CLASS=LABEL,…', or leave the operation out."
    )


def _told(names: Sequence[str], classes: Sequence[str], rows: int) -> Mapping[str, str | int]:
    told: dict[str, str | int] = {}
    for pair in names:
        name, _, label = pair.partition("=")
        if name not in classes:
            raise UsageError(f"adapt_output: there is no class '{name}'. Classes: {first_few(classes)}.")
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
