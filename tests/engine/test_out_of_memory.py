"""Claims where memory runs out: smaller micro-batches, the same step; at one row it stops with advice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.errors import TrainingError
from headstart.core.recipe import Stage
from headstart.core.types import Event, Loss
from headstart.data.transforms import make_transform
from headstart.engine import predict as predicting
from headstart.engine.memory import is_out_of_memory
from headstart.engine.predict import predict
from headstart.inputs.vector import Vector
from headstart.objectives.supervised import Supervised

STAGE = Stage(steps=5, batch_size=8, lr=1e-2, optimiser="sgd")


def too_much() -> Exception:
    """Return what torch raises where the machine has not the memory."""
    try:
        torch.empty(1 << 60, dtype=torch.uint8)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("this machine has 1 EiB of memory")


@dataclasses.dataclass(frozen=True)
class Hungry(Supervised):
    """Runs out of memory where a batch has more rows than `most`."""

    most: int = 8
    error: Exception = dataclasses.field(default_factory=MemoryError)

    def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> dict[str, Loss]:
        if len(batches["train"]) > self.most:
            raise self.error
        return super().losses(model, extra, batches, progress)


def train(folder: Path, objective: Any, **options: Any) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    toys.train(folder, model, data, objective=objective, stage=STAGE, **options)
    return toys.snapshot(model)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), too_much()], ids=repr)
def test_smaller_pieces_give_the_same_steps(tmp_path: Path, error: Exception) -> None:
    whole = train(tmp_path, "supervised")
    seen: list[Event] = []
    pieces = train(tmp_path, Hungry(most=3, error=error), listen=seen.append)
    assert all(torch.allclose(whole[name], pieces[name], atol=1e-6) for name in whole)
    said = [event.message for event in seen if event.kind == "warning"]
    assert len(said) == 2 and "2 micro-batches" in said[0] and "4 micro-batches" in said[1]  # it stays at 4


def test_one_row_that_does_not_fit_stops_with_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"a single row on cpu.*linear_probe"):
        train(tmp_path, Hungry(most=0))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False),
        (RuntimeError("my layer: out of memory slots"), False),
        (ValueError("CUBLAS_STATUS_ALLOC_FAILED"), False),
    ],
    ids=repr,
)
def test_a_lack_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_another_error_is_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        train(tmp_path, Hungry(most=3, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied")))


@pytest.mark.parametrize("most", [5, 1, 0])
def test_predictions_are_made_in_smaller_pieces_too(most: int) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    rows, transform = data.splits["train"], make_transform(Vector(6))
    whole = predict(model, rows, transform)["target"]
    forward = model.backbone.forward

    def hungry(x: torch.Tensor) -> Any:
        if len(x) > most:
            raise MemoryError
        return forward(x)

    model.backbone.forward = hungry  # type: ignore[method-assign]
    if most:
        assert predict(model, rows, transform)["target"] == pytest.approx(whole, abs=1e-6)
    else:
        with pytest.raises(TrainingError, match="a single row"):
            predict(model, rows, transform)


def test_a_cpu_computes_few_large_examples_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    rows, transform = data.splits["train"], make_transform(Vector(6))
    whole, forward, seen = predict(model, rows, transform)["target"], model.backbone.forward, []

    def counted(x: torch.Tensor) -> Any:
        seen.append(len(x))
        return forward(x)

    model.backbone.forward = counted  # type: ignore[method-assign]
    monkeypatch.setattr(predicting, "PIECE", 5 * 6 * 4)  # five rows of six numbers of four bytes
    assert predict(model, rows, transform)["target"] == pytest.approx(whole, abs=1e-6)
    assert max(seen) == 5 and sum(seen) == len(rows)
