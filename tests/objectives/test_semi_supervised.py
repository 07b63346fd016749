"""Claims: thresholds, weights, averages and directions are those of the papers' equations; guesses have no gradient."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.learning import AUGMENTED
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Batch, Event, Stream
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.engine.job import Outcome
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives._averages import Averages
from headstart.objectives._unlabelled import Guessing, noisy
from headstart.runs.plan import make_plan

GUESSING = ("fixmatch", "flexmatch", "freematch", "softmatch")
ALL = (*GUESSING, "entropy_minimisation", "mean_teacher", "pseudo_label", "vat")
STAGE = Stage(steps=4, batch_size=6, lr=1e-2, evaluate=2, patience=0, augment="weak")


def built(name: str, **options: Any) -> Any:
    return plugins.build("objectives", name, options)


def model_of(kind: str = "multiclass") -> Model:
    return toys.make_model(toys.tiny(), toys.dataset(Vector(6), kind))


def state_of(objective: Guessing, model: Model, **averages: Any) -> Averages:
    """Make the averages of the only target, and set some."""
    state: Any = objective.modules(model)
    for name, value in averages.items():
        state["target"][name].copy_(torch.tensor(value))
    return state["target"]


def rows(*likely: float, classes: int = 3, label: int = 0) -> torch.Tensor:
    """Make answers [B, C] that are so sure of a class."""
    answers = torch.tensor([[(1 - p) / (classes - 1)] * classes for p in likely])
    answers[:, label] = torch.tensor(likely)
    return answers


def sure(objective: Guessing, state: Averages, answers: torch.Tensor) -> list[float]:
    return objective.sure(state, answers, answers.amax(dim=1)).tolist()


def test_fixmatch_is_the_cross_entropy_of_the_strong_view_where_the_weak_one_is_sure() -> None:
    """Of two rows one is sure: eq. 4 divides by both."""
    model, objective = model_of(), built("fixmatch", threshold=0.9)
    state = state_of(objective, model)
    out = torch.tensor([[1.0, 2.0, 0.0], [5.0, 0.0, 0.0]])
    losses = objective.parts(model.head, state, rows(0.95, 0.85), out)
    first = math.log(math.exp(1) + math.exp(2) + math.exp(0)) - 1
    assert math.isclose(losses["guessed"].item(), first / 2, rel_tol=1e-6)
    assert sure(objective, state, rows(0.9, 0.8999)) == [1, 0]


def test_fixmatch_of_several_labels_counts_each_label_that_is_sure() -> None:
    model, objective = model_of("multilabel"), built("fixmatch", threshold=0.9)
    answers = torch.tensor([[0.95, 0.5, 0.05]])  # yes, not sure, no
    losses = objective.parts(model.head, state_of(objective, model), answers, torch.tensor([[0.0, 7.0, 1.0]]))
    wanted = (math.log(2) + math.log(1 + math.e)) / 3
    assert math.isclose(losses["guessed"].item(), wanted, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("learnt", "thresholds"),
    [
        ([0.5, 0.1, 0.0], [0.95, 0.95 * 0.2 / 1.8, 0.0]),  # beta = 1, 0.2, 0
        ([0.2, 0.1, 0.0], [0.95 * (2 / 7) / (2 - 2 / 7), 0.95 * (1 / 7) / (2 - 1 / 7), 0.0]),  # 0.7 are not sure yet
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_flexmatch_has_a_threshold_for_each_class_which_rows_that_are_not_sure_warm_up(
    learnt: list[float], thresholds: list[float]
) -> None:
    objective = built("flexmatch")
    state = state_of(objective, model_of(), learnt=learnt)
    for label, threshold in enumerate(thresholds):
        answers = torch.zeros(2, 3)
        answers[:, label] = torch.tensor([threshold + 1e-4, threshold - 1e-4])
        answers[:, label - 1] = -1  # less likely, whatever the threshold is
        assert sure(objective, state, answers) == [1, 0]


def test_flexmatch_counts_what_is_above_the_whole_threshold() -> None:
    model, objective = model_of(), built("flexmatch", decay=0.9)
    state = state_of(objective, model)
    answers = torch.cat([rows(0.96, 0.94), rows(0.99, label=2)])
    objective.parts(model.head, state, answers, torch.zeros(3, 3))
    assert state["learnt"].tolist() == [0, 0, 0], "it moves after the step"
    state.follow(0.9)
    assert torch.allclose(state["learnt"], 0.1 * torch.tensor([1 / 3, 0, 1 / 3]))


def test_freematch_scales_the_global_threshold_by_the_answers_of_each_class() -> None:
    objective = built("freematch")
    state = state_of(objective, model_of(), likely=0.8, answers=[0.5, 0.25, 0.25])
    assert sure(objective, state, rows(0.81, 0.79)) == [1, 0]
    assert sure(objective, state, torch.tensor([[0.29, 0.41, 0.3], [0.3, 0.39, 0.31]])) == [1, 0]
    state = state_of(objective, model_of())
    assert state["likely"].item() == pytest.approx(1 / 3) and state["answers"].tolist() == pytest.approx([1 / 3] * 3)
    objective.parts(model_of().head, state, rows(0.9, 0.5), torch.zeros(2, 3))
    state.follow(0.75)
    assert state["likely"].item() == pytest.approx(0.75 / 3 + 0.25 * 0.7)
    assert state["answers"].tolist() == pytest.approx([0.75 / 3 + 0.25 * 0.7, *[0.75 / 3 + 0.25 * 0.15] * 2])
    assert state["labels"].tolist() == pytest.approx([0.75 / 3 + 0.25, 0.25, 0.25])


def test_the_fairness_of_freematch() -> None:
    """Eq. 11: two strong answers, both guessed as class 0 and 1; the third class is never guessed."""
    model, objective = model_of(), built("freematch", fairness=0.5)
    state = state_of(objective, model, likely=0.1, answers=[0.6, 0.3, 0.1], labels=[0.5, 0.25, 0.25])
    out = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]).log().requires_grad_()
    fairness = objective.parts(model.head, state, rows(0.9, 0.9), out)["fairness"]
    expected = [1.2 / 2.8, 1.2 / 2.8, 0.4 / 2.8]
    given = [0.4 / 0.5 / 1.6, 0.4 / 0.5 / 1.6, 0.0]  # the mean answers 0.4, 0.4 over the shares of guesses 0.5, 0.5
    wanted = 0.5 * sum(e * math.log(g + 1e-12) for e, g in zip(expected, given, strict=True))
    assert fairness.item() == pytest.approx(wanted, rel=1e-5)
    state = state_of(objective, model, likely=0.95)
    assert "fairness" not in objective.parts(model.head, state, rows(0.9, 0.9), out), "no row is sure"


def test_softmatch_weighs_by_a_gaussian_below_the_mean() -> None:
    objective = built("softmatch", align=False)
    state = state_of(objective, model_of(), likely=0.7, spread=0.04)
    assert sure(objective, state, rows(0.5, 0.7, 0.9)) == pytest.approx([math.exp(-0.5), 1, 1])
    state = state_of(objective, model_of(), likely=0.7, spread=0.1)
    objective.parts(model_of().head, state, rows(0.4, 0.6, 0.8), torch.zeros(3, 3))
    state.follow(0.5)
    assert state["likely"].item() == pytest.approx(0.65)
    assert state["spread"].item() == pytest.approx(0.5 * 0.1 + 0.5 * 0.04, rel=1e-4)  # (0.04 + 0 + 0.04) / 2


def test_softmatch_judges_answers_as_if_classes_were_as_frequent() -> None:
    """0.6 / 0.5 : 0.3 / 0.25 : 0.1 / 0.25 are 1.2, 1.2, 0.4: the largest is 3/7."""
    objective = built("softmatch")
    state = state_of(objective, model_of(), likely=5 / 7, spread=0.1, answered=[0.5, 0.25, 0.25])
    assert sure(objective, state, torch.tensor([[0.6, 0.3, 0.1]])) == pytest.approx([math.exp(-((2 / 7) ** 2) / 0.2)])


def test_guesses_are_aligned_to_the_classes_of_labelled_rows() -> None:
    """0.5 * 0.5 / 0.5 : 0.3 * 0.25 / 0.25 : 0.2 * 0.25 / 0.1 are 0.5, 0.3, 0.5."""
    objective, model = built("fixmatch"), model_of()
    state = state_of(objective, model, answered=[0.5, 0.25, 0.1], labelled=[0.5, 0.25, 0.25])
    answers = torch.tensor([[0.5, 0.3, 0.2]])
    assert objective.aligned(state, answers)[0].tolist() == pytest.approx([5 / 13, 3 / 13, 5 / 13])
    assert built("fixmatch", align=False).aligned(state, answers) is answers
    assert built("softmatch").aligned(state, answers) is answers, "which weighs the guess, and leaves it as it is"
    extra = objective.modules(model)
    batches = unlabelled(objective)
    batches["train"] = dataclasses.replace(batches["train"], labels={"target": torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])})
    objective.losses(model, extra, batches, 0.5)
    objective.after_step(model, extra)
    moved: Any = extra
    assert moved["target"]["labelled"].argsort().tolist() == [2, 1, 0]


def test_averages_are_the_same_in_one_piece_and_in_several() -> None:
    model, objective = model_of(), built("softmatch")
    whole, cut = state_of(objective, model), state_of(objective, model)
    answers = torch.cat([rows(0.4, 0.6, 0.8), rows(0.9, 0.7, label=1)])
    objective.parts(model.head, whole, answers, torch.zeros(5, 3))
    for piece in (answers[:2], answers[2:]):
        objective.parts(model.head, cut, piece, torch.zeros(len(piece), 3))
    for state in (whole, cut):
        state.follow(0.9)
    assert all(torch.allclose(whole[name], cut[name]) for name in whole.names)
    assert all(not tensor.any() for tensor in whole.summed())


def test_mean_teacher_averages_plainly_at_first_and_its_weight_ramps_up() -> None:
    model, objective = model_of(), built("mean_teacher", weight=2.0, start=0.0, full=0.5)
    teacher = objective.modules(model)
    weight = model.head.get_parameter("trunk.weight")
    seen = [weight.detach().clone()]
    for _ in range(2):
        with torch.no_grad():
            weight.add_(1.0)
        seen.append(weight.detach().clone())
        objective.after_step(model, teacher)
    with teacher.in_place(model):
        assert torch.allclose(model.head.get_parameter("trunk.weight"), torch.stack(seen).mean(dim=0), atol=1e-6)
    assert torch.equal(weight, seen[-1])
    for _ in range(300):
        objective.after_step(model, teacher)
    teacher.follow(model, 0.9)
    batches = unlabelled(objective)
    at = [objective.losses(model, teacher, batches, progress)["consistency"].value.item() for progress in (0, 0.25, 1)]
    assert at[0] == pytest.approx(at[2] * math.exp(-5), rel=1e-4)
    assert at[1] == pytest.approx(at[2] * math.exp(-5 / 4), rel=1e-4)


def unlabelled(objective: Any, kind: str = "multiclass") -> dict[str, Batch]:
    """Make batches for it of vectors, each view other numbers."""
    data = toys.dataset(Vector(6), kind)
    made = {}
    for stream in objective.streams:
        own = data.pools[stream.pool].take(range(8))
        views = {
            key: (torch.from_numpy(own.inputs) * (1 + number)).requires_grad_()
            for number, key in enumerate(stream.views)
        }
        labels = {"target": torch.from_numpy(own.y)} if stream.labelled else {}  # pyright: ignore
        made[stream.name] = Batch(list(own.ids), views, labels)
    return made


@pytest.mark.parametrize("name", ["fixmatch", "flexmatch", "freematch", "softmatch", "mean_teacher"])
def test_no_gradient_goes_through_the_guess(name: str) -> None:
    model, objective = model_of(), built(name, **({"threshold": 0.3} if name == "fixmatch" else {}))
    extra = objective.modules(model)
    batches = unlabelled(objective)
    losses = objective.losses(model, extra, batches, 0.5)
    (own, *_) = (loss.value for part, loss in losses.items() if part != "task")
    weak, strong = (batches["unlabelled"].views[key] for key in ("weak", "strong"))
    through = torch.autograd.grad(own, (weak, strong), allow_unused=True)
    assert through[0] is None and through[1].abs().sum() > 0


def test_a_pseudo_label_is_learnt_as_a_label_and_grows_from_nothing() -> None:
    """The gradient on outputs is that of cross-entropy with the likeliest class for the label."""
    model, objective = model_of(), built("pseudo_label", weight=3.0, start=0.2, full=0.6)
    batches = unlabelled(objective)
    x = batches["unlabelled"].x
    out = model.head(model.features(x))
    wanted = torch.nn.functional.cross_entropy(out, out.argmax(dim=1))
    for progress, grown in ((0.1, 0), (0.4, 0.5), (0.9, 1)):
        loss = objective.losses(model, objective.modules(model), batches, progress)["guessed"].value
        assert loss.item() == pytest.approx(3 * grown * wanted.item())
    (slope,) = torch.autograd.grad(loss, x)
    assert torch.allclose(slope, 3 * torch.autograd.grad(wanted, x)[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_the_entropy_and_its_whole_gradient(kind: str) -> None:
    model, objective = model_of(kind), built("entropy_minimisation", weight=2.0)
    batches = unlabelled(objective, kind)
    x = batches["unlabelled"].x
    p = model.head.decode(model.head(model.features(x)))
    entropy = (
        -(p * p.log()).sum(dim=1).mean() if kind == "multiclass" else -(p * p.log() + (1 - p) * (1 - p).log()).mean()
    )
    loss = objective.losses(model, objective.modules(model), batches, 0.5)["entropy"].value
    assert loss.item() == pytest.approx(2 * entropy.item(), rel=1e-5)
    assert torch.allclose(torch.autograd.grad(loss, x)[0], 2 * torch.autograd.grad(entropy, x)[0], atol=1e-6)


@pytest.mark.parametrize("on", ["examples", "features"])
def test_the_worst_direction_of_vat_raises_the_divergence_more_than_others_of_its_length(on: str) -> None:
    model, objective = model_of(), built("vat", on=on, length=0.2, iterations=3)
    batch = unlabelled(objective)["unlabelled"]
    x = objective._numbers(model, batch).detach()
    right = objective._outputs(model, x)
    torch.manual_seed(0)
    worst = objective._worst(model, x, right)
    assert torch.allclose(worst.norm(dim=1), 0.2 * x.norm(dim=1), rtol=1e-4)
    by_worst = objective._divergences(model, right, x + worst)["target"].item()
    for _ in range(20):
        other = torch.randn_like(x)
        other *= worst.norm(dim=1, keepdim=True) / other.norm(dim=1, keepdim=True)
        assert by_worst > objective._divergences(model, right, x + other)["target"].item() >= 0
    assert objective._divergences(model, right, x)["target"].item() == pytest.approx(0, abs=1e-6)
    loss = objective.losses(model, torch.nn.Module(), unlabelled(objective), 0.5)["divergence"].value
    assert loss.item() == pytest.approx(by_worst, rel=0.2)
    assert model.backbone.get_parameter("first.weight") is not None
    loss.backward()
    assert model.backbone.get_parameter("first.weight").grad.abs().sum() > 0  # pyright: ignore


def test_vat_needs_numbers(tmp_path: Path) -> None:
    from models.surgery.patients import tiny_bert

    texts = Model(tiny_bert(tmp_path), model_of().by_target())
    with pytest.raises(UsageError, match=r"vat changes examples of numbers, .* Use 'vat on=features'"):
        built("vat").modules(texts)
    assert not list(built("vat", on="features").modules(texts).parameters())


def test_the_passes_that_find_the_direction_are_no_strategys(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    outcome = toys.train(tmp_path, model, data, "bss", "vat", stage=dataclasses.replace(STAGE, augment="plain"))
    assert outcome.steps == STAGE.steps


def test_passes_of_an_inner_block_are_its_own_and_the_outer_one_goes_on() -> None:
    model, x = model_of().train(), torch.randn(2, 6)
    with model.passes() as outer:
        model.features(x)
        with model.passes() as inner, model.evaluating():
            model.features(x)
            assert not model.training and not model.backbone.training
        model.features(x)
    assert (len(outer), len(inner)) == (2, 1) and model.training and model.backbone.training


def test_noise_on_features_leaves_them_as_they_are_on_average() -> None:
    torch.manual_seed(0)
    features = torch.tensor([[1e-3, 1.0, 1e3]]).expand(20000, 3)
    made = noisy(features, 0.3)
    assert torch.allclose(made.mean(dim=0) / features[0], torch.ones(3), atol=0.03)
    assert 0.28 < (made == 0).float().mean() < 0.32


class Cut(BaseException):
    """The process is gone."""


def run(
    folder: Path, objective: Any, *, strategy: str = "full", cut_at: int = 0, **options: Any
) -> tuple[dict[str, torch.Tensor], Outcome, list[Event]]:
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    model, seen = toys.make_model(backbone, data), list[Event]()

    def listen(event: Event) -> None:
        seen.append(event)
        if cut_at and event.kind == "step" and event.values["step"] == cut_at:
            raise Cut

    stage = options.pop("stage", STAGE)
    outcome = toys.train(folder, model, data, strategy, objective, stage=stage, checkpoint=0, listen=listen, **options)
    return toys.snapshot(model), outcome, seen


@pytest.mark.parametrize("name", ["flexmatch", "mean_teacher"])
def test_what_is_averaged_is_resumed_bit_identically(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[torch.nn.Module] = []
    kind: Any = plugins.load("objectives", name)
    follow = kind.after_step

    def after_step(self: Any, model: Any, extra: Any) -> None:
        follow(self, model, extra)
        kept.append(extra)

    monkeypatch.setattr(kind, "after_step", after_step)
    objective = built(name, **({"threshold": 0.4} if name == "flexmatch" else {}))
    start = toys.snapshot(objective.modules(toys.make_model(toys.source("digits:cnn"), toys.dataset(Image(16, 16)))))
    whole, *_ = run(tmp_path / "whole", objective)
    averages = toys.snapshot(kept[-1])
    assert any(not torch.equal(start[each], averages[each]) for each in start if "average" in each), "they moved"
    with pytest.raises(Cut):
        run(tmp_path / "cut", objective, cut_at=3)
    again, *_ = run(tmp_path / "cut", objective, resume=True)
    assert all(torch.equal(tensor, again[each]) for each, tensor in whole.items())
    assert all(torch.equal(tensor, toys.snapshot(kept[-1])[each]) for each, tensor in averages.items())


def test_it_is_told_how_many_rows_were_sure(tmp_path: Path) -> None:
    *_, seen = run(tmp_path, built("fixmatch", threshold=0.0))
    (told,) = [event.message for event in seen if event.kind == "note" and "guesses" in event.message]
    assert told.startswith("rows without labels, at the end: 100% of the guesses were sure (a ")
    *_, seen = run(tmp_path / "none", built("fixmatch", threshold=1.0))
    assert any("0% of the guesses were sure (a 0%, b 0%, c 0%)" in event.message for event in seen)


@pytest.mark.parametrize("name", GUESSING)
def test_noise_on_features_takes_those_that_are_computed_once(tmp_path: Path, name: str) -> None:
    plain = dataclasses.replace(STAGE, augment="plain")
    *_, seen = run(tmp_path / "once", built(name, on="features"), strategy="linear_probe", stage=plain)
    assert any("features are computed once" in event.message for event in seen)
    *_, seen = run(tmp_path / "each", built(name), strategy="linear_probe", stage=plain)
    assert not any("computed once" in event.message for event in seen)


@pytest.mark.parametrize("name", ALL)
def test_a_target_that_an_objective_does_not_learn_is_refused_before_any_work(name: str) -> None:
    settings = {"stages.0.objective.name": name, "stages.0.strategy.name": "full"}
    for kind in ("regression", "multilabel", "binary"):
        data = toys.dataset(Vector(6), kind)
        forms = built(name).forms
        if not forms or data.task.target.form in forms:
            assert make_plan(Recipe().with_settings(settings), data).objectives
            continue
        with pytest.raises(UsageError, match=rf"'{name}' does not learn 'target', a {kind} target\. .* mean_teacher"):
            make_plan(Recipe().with_settings(settings), data)


def test_each_of_several_targets_has_its_own_averages() -> None:
    one, other = model_of(), model_of("multilabel")
    model = Model(one.backbone, {"kind": one.head, "marks": other.head})
    objective = built("fixmatch", on="features", threshold=0.0)
    extra = objective.modules(model)
    x = torch.randn(4, 6)
    losses = objective.unlabelled(model, extra, Batch(list("abcd"), {"weak": x}), 0.5)
    assert set(losses) == {"guessed:kind", "guessed:marks"} and set(extra) == {"kind", "marks"}
    objective.after_step(model, extra)
    assert "of 'kind' were sure" in objective.told(model, extra)


def test_fixed_ways_are_those_of_the_view_that_augments_alone() -> None:
    """In an epoch in which that view is plain, the strong one is as strong as ever."""
    expects = Image(16, 16)
    stream = Stream("unlabelled", labelled=False, views={"weak": AUGMENTED, "strong": "strong"})
    transform = make_transform(expects, stream.shown("mirror"))
    drawn = toys.examples(expects, 4)
    batches = BatchStream(drawn, transform, stream=stream, batch_size=4, seed=0, views=2).batches()
    plain, mirrored, again = next(batches), next(batches), next(batches)
    at = {each: plain.ids.index(each) for each in plain.ids}
    for place, each in enumerate(mirrored.ids):
        assert torch.equal(mirrored.views["weak"][place].flip(2), plain.views["weak"][at[each]])
    for place, each in enumerate(again.ids):
        assert torch.equal(again.views["weak"][place], plain.views["weak"][at[each]])
        assert not torch.equal(again.views["strong"][place], plain.views["strong"][at[each]])
        assert not torch.equal(plain.views["strong"][at[each]], plain.views["weak"][at[each]])


def test_options_that_mean_nothing_are_refused() -> None:
    for name, options in (
        ("pseudo_label", {"start": 0.7}),
        ("mean_teacher", {"full": 0.0}),
        ("fixmatch", {"start": 0.5}),
        ("vat", {"iterations": 0}),
        ("fixmatch", {"noise": 1.0}),
        ("fixmatch", {"decay": 1.5}),
    ):
        with pytest.raises(UsageError):
            built(name, **options)
