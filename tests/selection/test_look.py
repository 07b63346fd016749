"""One pass of a source shows its scores, a probe on rows that it was not fitted on, and its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart as hs
import headstart.inputs.image as images
from headstart.core.errors import DataError
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine import predict as predict_module
from headstart.engine.predict import embed
from headstart.features.frozen import KnownFeatures
from headstart.runs.choose import with_offer
from headstart.runs.network import build_model, load_backbone
from headstart.runs.shown import blurred
from headstart.selection import look as look_module
from headstart.selection.look import Looked, Probe, best_layer, look, measured_probe, score_all, told
from headstart.selection.rank import labelled


@pytest.fixture(scope="module")
def data(photos: Path) -> Dataset:
    return hs.read(photos)


@pytest.fixture(scope="module")
def rows(data: Dataset) -> Rows:
    return labelled(data, 0, 500)[0]


@pytest.fixture(scope="module")
def seen(data: Dataset, rows: Rows, zoo: Path) -> Looked:
    return look(Recipe(), data, Offer(f"local:{zoo}/resnet"), rows, layers=True)[0]


def test_a_source_is_scored_probed_and_timed(seen: Looked, rows: Rows) -> None:
    assert seen.ok and not seen.error and seen.rows == len(rows) and seen.params > 0
    assert {"logme", "ridge"} <= set(seen.scores) and all(np.isfinite(value) for value in seen.scores.values())
    assert seen.probe is not None and seen.probe.metric == "accuracy" and (seen.probe.figure.value or 0) > 0.6
    assert seen.cost is not None and min(seen.cost.look, seen.cost.learn) > 0
    assert 0 < seen.scoring < seen.seconds


def test_the_probe_answers_for_each_row_and_has_an_interval(seen: Looked, rows: Rows) -> None:
    assert seen.probe is not None
    outputs, figure = seen.probe.outputs["target"], seen.probe.figure
    assert outputs.shape == (len(rows), 3) and np.isfinite(outputs).all()
    assert figure.low is not None and figure.high is not None and figure.low <= (figure.value or 0) <= figure.high
    assert len(seen.probe.score.parts) == 20 and seen.probe.score.higher_is_better
    assert told(seen.probe) == f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def test_each_stage_is_scored_as_the_whole_is(seen: Looked) -> None:
    assert next(iter(seen.layers)) == "stem" and set(seen.layers["stem"]) <= set(seen.scores)
    last = list(seen.layers.values())[-1]
    assert last["ridge"] == pytest.approx(seen.scores["ridge"], abs=1e-6)  # the whole is pooled as the stages are


def test_the_best_stage_is_by_ridge_and_of_equal_ones_the_later() -> None:
    layers = {"a": {"ridge": 0.5, "logme": 9.0}, "b": {"ridge": 0.8}, "c": {"ridge": 0.8}, "d": {"logme": 10.0}}
    assert best_layer(Looked(Offer("x:y"), layers=layers)) == "c"
    assert not best_layer(Looked(Offer("x:y")))


def test_labels_by_chance_are_not_learnt(data: Dataset, rows: Rows, zoo: Path) -> None:
    """The figure is of rows that the probe was not fitted on: more features than rows would fit any labels."""
    labels = np.random.default_rng(0).permutation(np.asarray(rows.labels["target"]))
    shuffled = Rows(rows.ids, rows.inputs, {"target": labels}, rows.digests)
    found, _ = look(Recipe(), data, Offer(f"local:{zoo}/vit"), shuffled)
    assert found.probe is not None and (found.probe.figure.value or 0) < 0.6


def test_networks_that_see_the_same_pixels_are_decoded_for_once(
    data: Dataset, rows: Rows, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    real = images.open_image
    monkeypatch.setattr(images, "open_image", lambda item, **more: (opened.append(item), real(item, **more))[1])
    _, kept = look(Recipe(), data, Offer(f"local:{zoo}/vit"), rows)
    assert kept is not None and len(opened) == len(rows)
    _, other = look(Recipe(), data, Offer(f"local:{zoo}/other"), rows)  # of another mean
    assert other is not None and other.expects != kept.expects and len(opened) == len(rows)
    look(Recipe(), data, Offer(f"local:{zoo}/resnet"), rows)  # of another size
    assert len(opened) == 2 * len(rows)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("digits:cnn", "it has no pretrained weights: there is nothing to score"),
        ("local:nowhere/vit", "nowhere/vit.json is not there: weights in a folder need a card"),
        ("vector:mlp dim=3", "The network takes vector input; the data is image"),
        ("timm:no_such_network", "There is no timm model 'no_such_network'"),
    ],
)
def test_what_cannot_be_used_says_why_in_a_line(source: str, error: str, data: Dataset, rows: Rows) -> None:
    found, transform = look(Recipe(), data, Offer(source), rows)
    assert error in found.error and "\n" not in found.error and not found.ok and transform is None


def test_a_damaged_file_is_told(data: Dataset, rows: Rows, saved) -> None:
    path = saved("torn")
    weights = path.with_suffix(".safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "SHA-256" in look(Recipe(), data, Offer(f"local:{path}"), rows)[0].error


def test_a_head_without_a_solution_gives_no_probe(data: Dataset, rows: Rows, zoo: Path) -> None:
    found, _ = look(Recipe(), data, Offer(f"local:{zoo}/resnet", head="mlp"), rows)
    assert found.error == "the head 'mlp' has no solution for this loss" and found.scores and not found.ok


def test_wrong_rows_are_wrong_for_every_source(
    data: Dataset, rows: Rows, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("rows")

    monkeypatch.setattr(look_module, "measure_cost", refuse)
    with pytest.raises(DataError, match="rows"):
        look(Recipe(), data, Offer(f"local:{zoo}/resnet"), rows)


def test_rows_that_no_fold_answered_for_are_not_measured(data: Dataset, rows: Rows) -> None:
    outputs = np.full((len(rows), 3), np.nan)
    answered = np.arange(30)
    outputs[answered] = np.eye(3)[np.asarray(rows.labels["target"])[answered]]
    found: Probe = measured_probe(data, rows, [{"target": outputs}], 0)
    assert found.figure.value == 1.0 and len(found.outputs["target"]) == 30


def test_figures_are_means_over_divisions_and_their_noise_is_that_of_the_rows(data: Dataset, rows: Rows) -> None:
    right = np.eye(3)[np.asarray(rows.labels["target"])]
    wrong = np.roll(right, 1, axis=1)
    some = [{"target": np.where(np.arange(len(rows))[:, None] % 3 == place, wrong, right)} for place in (0, 1)]
    alone = [measured_probe(data, rows, [each], 0) for each in some]
    both, twice = measured_probe(data, rows, some, 0), measured_probe(data, rows, [some[0]] * 2, 0)
    assert both.score.value == pytest.approx(np.mean([each.score.value for each in alone]))
    assert both.figure.low == pytest.approx(np.mean([each.figure.low or 0 for each in alone]))
    assert both.score.parts == pytest.approx(np.mean([each.score.parts for each in alone], axis=0))
    assert twice.figure == alone[0].figure and twice.score == alone[0].score  # no narrower for being seen again


def test_few_rows_are_divided_into_folds_several_times(
    data: Dataset, rows: Rows, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = look_module.measured_probe
    monkeypatch.setattr(
        look_module,
        "measured_probe",
        lambda data, rows, found, seed: asked.append(len(found)) or plain(data, rows, found, seed),
    )
    for few in (len(rows), len(rows) - 1):
        monkeypatch.setattr(look_module, "FEW", few)
        look(Recipe(), data, Offer(f"local:{zoo}/resnet"), rows)
    assert asked == [5, 1]


def test_a_score_that_is_not_finite_is_left_out(data: Dataset, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    class Undefined:
        forms = ("classes",)

        def score(self, seen: object) -> float:
            return float("nan")

    monkeypatch.setattr(look_module.plugins, "names", lambda kind: ["undefined"])
    monkeypatch.setattr(look_module.plugins, "build", lambda *_: Undefined())
    assert score_all(data, np.ones((len(rows), 2)), rows)[0] == {}


def test_whether_views_blur_is_seen_without_computing_plain_features_again(
    data: Dataset, rows: Rows, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, recipe = KnownFeatures(), with_offer(Recipe(), Offer(f"local:{zoo}/resnet"))
    backbone, target = load_backbone(recipe, data), data.task.targets["target"]
    embed(build_model(recipe, data, backbone), rows, make_transform(backbone.card.input), known=known)
    without = blurred("mirror", backbone, rows, target, 0)

    def refuse(*_: object) -> None:
        raise AssertionError("plain rows are computed again")

    monkeypatch.setattr(predict_module, "_run", refuse)
    assert blurred("mirror", backbone, rows, target, 0, known) == without
