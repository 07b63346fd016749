"""Claims: the contrastive loss is what its equation says, classes come apart in the features.

Keys are kept by class.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import ForwardPass, VectorInput
from headstart.strategies.bi_tuning import BiTuning, Keys, contrast


def test_the_loss_is_the_mean_over_positives() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, 9.0]])
    positive = torch.tensor([[True, False, True, False]])
    there = torch.tensor([[True, True, True, False]])
    log_p = torch.tensor([2.0, 1.0, 0.0]).log_softmax(0)
    assert contrast(logits, positive, there).item() == pytest.approx(-(log_p[0] + log_p[2]).item() / 2)
    assert contrast(logits, torch.zeros_like(there), there).item() == 0


def test_the_queue_keeps_the_last_keys_of_each_class() -> None:
    keys = Keys(dim=2, projection=2, classes=2, queue=2)
    for number, label in enumerate([0, 0, 0, 1]):
        keys.put(torch.full((1, 3), float(number)), torch.full((1, 2), float(number)), torch.tensor([label]))
    assert keys.y.tolist() == [0, 0, 1, -1]
    assert sorted(keys.z[:2, 0].tolist()) == [1, 2] and keys.z[2, 0] == 3


def test_the_contrast_alone_brings_rows_of_a_class_together_and_classes_apart() -> None:
    data = toys.dataset(VectorInput(6))
    model = toys.make_model(toys.tiny(), data)
    torch.manual_seed(0)
    tuning = BiTuning().prepare(model)
    rows = data.splits["train"]
    x, y = torch.from_numpy(rows.inputs), torch.from_numpy(rows.y)  # pyright: ignore[reportArgumentType]

    def separation() -> float:
        pooled = torch.nn.functional.normalize(model.features(x)["pooled"].detach(), dim=1)
        cosine, same = pooled @ pooled.T, y[:, None] == y
        return (cosine[same].mean() - cosine[~same].mean()).item()

    before = separation()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        assert tuning.watch is not None
        tuning.watch([ForwardPass(x, model.features(x), {"target": y})]).backward()
        optimiser.step()
    assert separation() > before + 0.3


def test_rows_without_labels_count_nothing() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(VectorInput(6)))
    watch = BiTuning().prepare(model).watch
    x = torch.randn(4, 6)
    assert watch is not None and watch([ForwardPass(x, model.features(x))]).item() == 0


def test_the_projector_is_dropped(tmp_path: Path) -> None:
    data = toys.dataset(VectorInput(6))
    model = toys.make_model(toys.tiny(), data)
    names = toys.snapshot(model).keys()
    toys.train(tmp_path, model, data, "bi_tuning", stage=Stage(steps=3, batch_size=8, lr=1e-3))
    assert toys.snapshot(model).keys() == names


def test_what_it_needs_is_said() -> None:
    data = toys.dataset(VectorInput(6))
    with pytest.raises(UsageError, match="bi_tuning needs the head 'linear'"):
        BiTuning().prepare(toys.make_model(toys.tiny(), data, head="mlp"))
    with pytest.raises(UsageError, match="bi_tuning needs a task of one class a row"):
        BiTuning().prepare(toys.make_model(toys.tiny(), toys.dataset(VectorInput(6), "multilabel")))
