"""Claims: the relation is the mean source answer of each target class.

The source head learns these as soft labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.strategies.co_tuning import CoTuning, category_relation


def model_with_source_head() -> Model:
    backbone = toys.tiny()
    torch.manual_seed(3)
    backbone.source_classifier = (2 * torch.randn(4, 5), torch.zeros(4))
    return toys.make_model(backbone, toys.dataset(Vector(6)))


def rows() -> list[Any]:
    data = toys.dataset(Vector(6)).splits["train"]
    x, y = torch.from_numpy(data.inputs), torch.from_numpy(data.y)  # pyright: ignore[reportArgumentType]
    return [toys.batch(x[:10], y[:10]), toys.batch(x[10:], y[10:])]


def test_the_relation_is_the_mean_answer_of_each_class() -> None:
    model = model_with_source_head()
    head = torch.nn.Linear(5, 4)
    relation = category_relation(model, head, rows(), classes=3)
    x, y = torch.cat([batch.x for batch in rows()]), torch.cat([batch.y for batch in rows()])
    answers = head(model.features(x)["pooled"]).softmax(1)
    expected = torch.stack([answers[y == c].mean(0) for c in range(3)])
    assert torch.allclose(relation, expected, atol=1e-6)


def test_a_class_without_rows_has_an_even_relation() -> None:
    relation = category_relation(model_with_source_head(), torch.nn.Linear(5, 4), rows(), classes=5)
    assert torch.allclose(relation[4], torch.full((4,), 0.25))
    assert torch.allclose(relation.sum(1), torch.ones(5))


def test_the_source_head_learns_the_relation_and_is_dropped(tmp_path: Path) -> None:
    model, data = model_with_source_head(), toys.dataset(Vector(6))
    learnt: list[torch.Tensor] = []
    inner = CoTuning(weight=5.0)

    class Watched:
        defaults: ClassVar = inner.defaults

        def prepare(self, model: Model):
            tuning = inner.prepare(model)
            drop, head = tuning.merge, model.get_submodule("source_head")

            def merge() -> None:
                x, y = torch.cat([batch.x for batch in rows()]), torch.cat([batch.y for batch in rows()])
                now = head(model.features(x)["pooled"]).softmax(1).detach()
                learnt.append(torch.stack([now[y == c].std(0).mean() for c in range(3)]).mean())
                assert drop is not None
                drop()

            tuning.merge = merge
            return tuning

    start = model.backbone.source_classifier
    assert start is not None and start[1] is not None
    x, y = torch.cat([batch.x for batch in rows()]), torch.cat([batch.y for batch in rows()])
    before = (model.features(x)["pooled"] @ start[0].T + start[1]).softmax(1)
    spread = torch.stack([before[y == c].std(0).mean() for c in range(3)]).mean()
    toys.train(tmp_path, model, data, Watched(), stage=Stage(steps=150, batch_size=8, lr=1e-2))
    assert learnt[0] < 0.6 * spread, "rows of a class give more alike source answers"
    assert not hasattr(model, "source_head")


def test_what_it_needs_is_said() -> None:
    with pytest.raises(UsageError, match="co_tuning needs the source task's classifier"):
        CoTuning().prepare(toys.make_model(toys.tiny(), toys.dataset(Vector(6))))
    with pytest.raises(UsageError, match="co_tuning needs a task of one class a row"):
        CoTuning().prepare(toys.make_model(toys.tiny(), toys.dataset(Vector(6), "regression")))
