"""Check labels and outputs before anything is measured on them."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import DataError, Problem

SUM_TOLERANCE = 1e-2  # rows of half-precision probabilities sum to 1 only about
IN_RANGE = "probabilities lie in 0 to 1"


def check_shapes(what: str, labels: np.ndarray, outputs: np.ndarray, width: int, *, single: bool) -> None:
    """Check the shapes of labels and outputs.

    Args:
        what: The kind of target, for messages.
        labels: [N] with `single`, else [N, width].
        outputs: [N, width].
        width: Numbers a row.
        single: Whether a label is one number.

    Raises:
        DataError: A shape is wrong, or there is no row.
    """
    if outputs.ndim != 2 or outputs.shape[1] != width:
        raise DataError(f"Predictions of this {what} task have the shape [N, {width}]; got {list(outputs.shape)}.")
    if labels.shape != (outputs.shape[:1] if single else outputs.shape):
        expected = f"[{len(outputs)}]" if single else f"[{len(outputs)}, {width}]"
        raise DataError(f"Labels for {len(outputs)} predictions have the shape {expected}; got {list(labels.shape)}.")
    if not len(outputs):
        raise DataError("There is no row to evaluate on.")


def bad_labels(labels: np.ndarray, wrong: np.ndarray | np.bool, mend: str) -> list[Problem]:
    """List the rows [N] with labels that cannot be."""
    return [Problem(f"row {row}", f"label {labels[row].tolist()}", mend) for row in np.flatnonzero(wrong)]


def bad_outputs(outputs: np.ndarray, wrong: np.ndarray | np.bool | None = None, mend: str = "") -> list[Problem]:
    """List the rows whose outputs are not finite; where there are none, those that are wrong otherwise, [N] bool."""
    infinite = ~np.isfinite(outputs).all(axis=1)
    if infinite.any() or wrong is None:
        wrong, mend = infinite, "the model gave a value that is not finite"
    return [Problem(f"row {row}", f"prediction {outputs[row].tolist()}", mend) for row in np.flatnonzero(wrong)]


def refuse(problems: list[Problem]) -> None:
    """Refuse rows that cannot be measured.

    Args:
        problems: All of them.

    Raises:
        DataError: There are any.
    """
    if problems:
        raise DataError("Labels or predictions cannot be evaluated:", problems)
