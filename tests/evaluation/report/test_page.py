"""The report: whole, escaped, of bounded size, with a unit to every metric."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from headstart.core.choice import Choice
from headstart.core.recipe import Stage
from headstart.evaluation.report.model_card import model_card
from headstart.evaluation.report.page import render

KINDS: list[str] = ["binary", "multiclass", "multilabel", "regression"]
WIDTHS = {"binary": 2, "multiclass": 4, "multilabel": 4, "regression": 1}
NASTY = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u202eevil\x00 ü 蚂蚁 🐜 & `"
VOID = {"meta", "img", "br"}


class Structure(HTMLParser):
    """Collects tags, attributes and text, and notices tags that are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_is_there_for_every_kind_of_task(make_facts, kind):
    page = Structure(render(make_facts(kind, 80, WIDTHS[kind])))
    titles = {attributes["id"] for tag, attributes in page.seen if tag == "section"}
    always = {"what-was-learnt-from-what", "the-data", "metrics", "learning-curves", "embedding-map", "worst-mistakes"}
    assert always | {"what-moved-what-stayed-frozen", "cost", "recipe", "how-to-run-again"} <= titles
    assert ("predictions" in titles) == (kind == "regression")
    assert ("calibration" in titles) == (kind != "regression")
    assert ("confusion-matrix" in titles) == (kind in ("binary", "multiclass"))
    links = {str(attributes["href"]).removeprefix("#") for tag, attributes in page.seen if tag == "a"}
    assert links == titles
    drawings = [tag for tag, _ in page.seen if tag == "svg"]
    assert len(drawings) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_text_whatever_they_hold(make_facts, kind):
    text = render(make_facts(kind, 60, WIDTHS[kind], name=NASTY))
    page = Structure(text)
    assert "script" not in {tag for tag, _ in page.seen}
    assert all(not name.startswith("on") for _, attributes in page.seen for name in attributes)
    assert all(tag != "img" for tag, _ in page.seen)
    assert "<script>alert(1)</script>" in page.text  # it is shown, as text
    assert "\x00" not in text
    text.encode("utf-8")


def test_a_lone_surrogate_in_a_file_name_can_be_written(make_facts):
    render(make_facts("multiclass", 60, 3, name="a\udcff")).encode("utf-8")


def test_nothing_is_fetched_and_no_script_can_run(make_facts):
    page = Structure(render(make_facts("multiclass", 80, 4)))
    policy = next(a["content"] for _, a in page.seen if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and "default-src 'none'" in policy and "script" not in policy
    assert not [tag for tag, _ in page.seen if tag in {"script", "link", "iframe", "object"}]
    assert not [a for _, a in page.seen for key in ("src", "href") if (a.get(key) or "#")[0] != "#"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "width"), [("multiclass", 200), ("multilabel", 200), ("regression", 3)])
def test_size_is_bounded_for_many_rows_and_classes(make_facts, kind, width):
    text = render(make_facts(kind, 10_000, width, steps=20_000))
    assert len(text) < 400_000
    assert "of 200" in text or kind == "regression"


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_has_a_unit_also_where_the_run_recorded_none(make_facts, kind):
    facts = make_facts(kind, 30, WIDTHS[kind])
    recorded = facts.metrics["test"]["units"]
    bare = dataclasses.replace(facts, metrics={"test": {**facts.metrics["test"], "units": {}}})
    for name in facts.metrics["test"]["metrics"]:
        assert facts.targets[0].unit(name) == recorded[name] == bare.targets[0].unit(name) != ""


def test_a_metric_that_is_known_no_more_is_shown_as_it_was_recorded(make_facts):
    facts = make_facts("binary", 30, 2)
    plain = {key: value for key, value in facts.metrics["test"].items() if key != "units"}  # version 0.1 wrote none
    plain["metrics"] = {**plain["metrics"], "dullness": {"value": 0.25, "low": 0.125, "high": 0.375}}
    plain["higher_is_better"] = {**plain["higher_is_better"], "dullness": False}
    plain["primary"] = "dullness"
    history = [
        {"stage": 0, "step": 1, "seconds": 1.0, "dullness": 0.5},
        {"stage": 0, "step": 2, "seconds": 1.0, "dullness": 0.3},
    ]
    old = dataclasses.replace(facts, metrics={"test": plain}, history=history)
    assert old.targets[0].unit("dullness") == ""
    text = Structure(render(old)).text
    assert "dullness\N{NO-BREAK SPACE}↓" in text and "lower is better" in text and "Best: 0.3 at step 2." in text
    assert "name: Dullness" in model_card(old)


def test_a_run_without_evaluation_has_a_report(make_facts):
    bare = dataclasses.replace(make_facts("binary", 60, 2), metrics={}, arrays={}, history=[])
    observed = {**bare.observed, "mistakes": [], "mistakes_of": ""}
    del observed["map"]
    page = Structure(render(dataclasses.replace(bare, observed=observed)))
    assert "nothing was measured" in page.text


def test_each_of_several_targets_has_its_sections(make_facts):
    facts = make_facts({"mood": "multiclass", "tags": "multilabel", "蚂": "regression", "蚁": "regression"}, 60, 3)
    page = Structure(render(facts))
    anchors = [attributes["id"] for tag, attributes in page.seen if tag == "section"]
    assert len(set(anchors)) == len(anchors)
    assert {f"#{anchor}" for anchor in anchors} == {a["href"] for tag, a in page.seen if tag == "a"}
    for title in ("Metrics: mood", "By class: mood", "Confusion matrix: mood", "Calibration: tags", "Predictions: 蚁"):
        assert title in page.text
    assert "Confusion matrix: tags" not in page.text and "Calibration: 蚂" not in page.text
    assert "Rows by class: mood" in page.text and "Worst mistakes: tags" in page.text
    assert "test accuracy of mood" in page.text and "test rmse of 蚂" in page.text
    assert "mood (multi-class classification), tags (multi-label classification)" in page.text
    card = model_card(facts)
    assert "### mood" in card and "Classes of tags (3)" in card and "temperature 1.500" in card


def test_a_model_without_targets_has_a_report(make_facts):
    facts = make_facts("binary", 60, 2)
    task = dataclasses.replace(facts.task, targets={})
    observed = {**facts.observed, "mistakes": {}, "mistakes_of": "", "wrong": {}, "classes": {}}
    observed["map"] = {**facts.observed["map"], "names": ["rows"], "groups": [0.0] * 40}
    bare = dataclasses.replace(facts, task=task, metrics={}, arrays={}, calibrations={}, observed=observed)
    page = Structure(render(bare))
    assert "nothing was measured" in page.text and "Worst mistakes" not in page.text
    assert "nothing was measured" in model_card(bare)


def test_several_stages_are_drawn_one_after_another(make_facts):
    facts = make_facts("binary", 60, 2)
    stages = (*facts.recipe.stages, facts.recipe.stages[0])
    later = [{**entry, "stage": 1} for entry in facts.history]
    history = [*facts.history, *later]
    two = dataclasses.replace(facts, recipe=dataclasses.replace(facts.recipe, stages=stages), history=history)
    assert render(two).count('class="dashed"') == render(facts).count('class="dashed"') + 2
    assert "at step 1." in render(two)


def test_the_headline_names_split_value_interval_and_rows(make_facts):
    page = Structure(render(make_facts("binary", 80, 2)))
    assert re.search(r"test accuracy 0\.\d+ \(share of rows; 95% interval 0\.\d+ to 0\.\d+, 80 rows", page.text)
    assert re.search(r"Test: \d+ of 80 right \(\d+ %, \d+ to \d+ %\); always guessing 'class \d' \d+ %", page.text)


def test_surgery_every_stage_and_what_stayed_frozen_are_said(make_facts):
    facts = make_facts("binary", 60, 2)
    surgery = (Choice("cut", {"after": "layer3"}), Choice("freeze", {"layers": ("stem", "layer1")}))
    probe, full = Choice("linear_probe"), Choice("full", {"head_lr": 5.0})
    stages = (Stage(strategy=probe, steps=7, lr=0.1), Stage(strategy=full, steps=9, lr=0.2, imbalance="sampler"))
    recipe = dataclasses.replace(facts.recipe, surgery=surgery, stages=stages)
    run = {"steps": 16, "endings": ["all steps done", "no gain"]}
    text = Structure(render(dataclasses.replace(facts, recipe=recipe, run=run))).text
    assert "Surgery, step 1cut (after layer3)Surgery, step 2freeze (layers stem layer1)" in text
    first, second = text.partition("Stage 1strategy linear_probe")[2].split("Stage 2strategy full (head_lr 5.0)")
    assert "steps 7; learning rate 0.1" in first and "imbalance" not in first
    assert "steps 9; learning rate 0.2" in second and "imbalance sampler" in second and "Stage 2 endedno gain" in second
    assert "The other 600 are bit-identical to what they were after the surgery and before the training" in text


def test_a_solved_head_has_neither_steps_nor_a_rate(make_facts):
    facts = make_facts("binary", 60, 2)
    solved = Stage(strategy=Choice("linear_probe"), steps=1, batch_size=45, optimiser="solve", evaluate=1)
    text = Structure(
        render(dataclasses.replace(facts, recipe=dataclasses.replace(facts.recipe, stages=(solved,))))
    ).text
    told = text.partition("strategy linear_probe")[2].partition("Training ended")[0]
    assert "weights solved on all training rows at once" in told
    assert not any(word in told for word in ("steps 1", "rate", "batch"))


def test_a_run_that_moved_everything_claims_nothing_frozen(make_facts):
    facts = make_facts("binary", 60, 2)
    moves = [{"name": "stem", "parameters": 600, "moved": 600}]
    text = Structure(render(dataclasses.replace(facts, observed={**facts.observed, "moves": moves}))).text
    assert "All 600 parameters changed" in text and "bit-identical" not in text


def test_the_confusion_matrix_names_its_rows_and_columns(make_facts):
    matrix = render(make_facts("binary", 60, 2, name="ladybird")).partition('<table class="confusion">')[2]
    for at in ("row", "col"):
        assert f'<th scope="{at}" title="ladybird 1">ladybird 1</th>' in matrix
    assert re.search(r'title="ladybird 0 decided as ladybird 1: \d+ of \d+ rows, \d+%"', matrix)
    assert '<table class="confusion short">' in render(make_facts("binary", 60, 2, name="c"))


def test_of_many_classes_the_most_confused_are_shown(make_facts):
    facts = make_facts("multiclass", 3000, 1000)
    section = render(facts).partition('<section id="confusion-matrix">')[2].partition("</section>")[0]
    assert "confused most, of " in section and "other classes" in section
    assert "The 10 classes with most mistakes, of 1,000" in section and section.count("<tr>") <= 24
    labels, outputs = facts.arrays["test"]
    outputs[:] = np.eye(1000)[labels]
    outputs[labels == 7], outputs[labels == 11] = np.eye(1000)[500], np.eye(1000)[7]
    section = render(facts).partition('<section id="confusion-matrix">')[2].partition("</section>")[0]
    assert re.findall(r'<th scope="row">(class \d+)</th><td class="left">(class \d+)<', section) in (
        [("class 7", "class 500"), ("class 11", "class 7")],
        [("class 11", "class 7"), ("class 7", "class 500")],
    )
    rows = re.findall(r'<th scope="row" title="(class \d+)"', section)
    assert {"class 7", "class 11", "class 500"} <= set(rows) and len(rows) == 10
    outputs[:] = np.eye(1000)[labels]
    right = render(facts).partition('<section id="confusion-matrix">')[2].partition("</section>")[0]
    assert "Every one of the 3,000 rows was decided rightly." in right


def test_a_few_rows_give_no_calibration_plot(make_facts):
    section = render(make_facts("binary", 49, 2)).partition('<section id="calibration">')[2].partition("</section>")[0]
    assert "49 test rows are too few" in section and "<svg" not in section
    section = render(make_facts("binary", 50, 2)).partition('<section id="calibration">')[2].partition("</section>")[0]
    assert section.count("<svg") == 2 and "whiskers are 95 % intervals" in section


def test_the_result_comes_first_and_test_before_validation(make_facts):
    facts = make_facts("multiclass", 80, 4)
    both = {"validation": {**facts.metrics["test"], "rows": 7}, **facts.metrics}
    page = render(dataclasses.replace(facts, metrics=both))
    order = ["confusion-matrix", "worst-mistakes", "metrics", "learning-curves", "by-class", "calibration"]
    order += ["embedding-map", "the-data", "what-was-learnt-from-what", "cost", "recipe"]
    places = [page.index(f'<section id="{anchor}">') for anchor in order]
    assert places == sorted(places)
    metrics = Structure(page[places[2] : places[3]]).text
    assert metrics.index("test (80") < metrics.index("validation (7")


def test_a_domain_heads_the_table_of_its_rows(make_facts):
    facts = make_facts("binary", 60, 2)
    data = dataclasses.replace(facts.recipe.data, source_domain=("photo",), target_domain=("art", "sketch"))
    text = render(dataclasses.replace(facts, recipe=dataclasses.replace(facts.recipe, data=data)))
    assert "test (art, sketch) (60" in text and "Test (domain art, sketch): " in text
    for part in ("Measured on 60 {} rows", "3 {} rows were decided wrongly", "40 {} rows; each map", "{}: log loss"):
        assert part.format("test (art, sketch)") in text, part
    assert "train (photo), rows" in text


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_two_domains_are_on_the_map_beside_the_labels_and_their_distance_is_told(make_facts, kind):
    facts = make_facts(kind, 60, 3)
    data = dataclasses.replace(facts.recipe.data, source_domain=("photo",), target_domain=("<art>",))
    before, after = {"a_distance": 1.5, "mmd": 0.25}, {"a_distance": 0.25, "mmd": -0.001}
    observed = {**facts.observed, "apart": {"rows": 300, "before": before, "after": after}}
    observed["map"] = {**facts.observed["map"], "of_target": 25, "groups": [None, *facts.observed["map"]["groups"][1:]]}
    recipe = dataclasses.replace(facts.recipe, data=data)
    text = render(dataclasses.replace(facts, recipe=recipe, observed=observed))
    told = text[text.index('id="how-far-apart-the-domains-are"') : text.index('id="the-data"')]
    for part in (
        "1.500",
        "0.250",
        "-0.001",
        "300 rows of photo and 300 of &lt;art&gt;",
        "about 0, its standard error is 0.082",
    ):
        assert part in told, part
    assert "25 test rows of &lt;art&gt; and 15 training rows of photo; each map" in told
    maps = told.split("<svg")[1:]
    assert len(maps) == 4
    for each, by in zip(maps, ["label", "label", "domain", "domain"], strict=True):
        titles = re.findall(r"<title>([^<]*)</title>", each)
        assert ('"s0"' in each and '"s3"' in each) == (by == "label" and kind == "regression")
        assert titles.count("no label") == (by == "label")
        assert (titles.count("&lt;art&gt;"), titles.count("photo")) == ((25, 15) if by == "domain" else (0, 0))
    del observed["apart"]["after"], observed["map"]["after"]
    text = render(dataclasses.replace(facts, recipe=recipe, observed=observed))
    assert "after the transfer they are the same" in text and text.count("component 1") == 2


def test_both_losses_are_in_one_chart_and_a_solved_head_has_a_sentence(make_facts):
    facts = make_facts("binary", 60, 2)
    history = [*facts.history, {"stage": 0, "step": 9, "seconds": 1.0, "accuracy": 0.5, "validation_loss": 0.75}]
    section = render(dataclasses.replace(facts, history=history)).partition('id="learning-curves">')[2]
    chart = section.partition("<figure>")[2].partition("</figure>")[0]
    assert "<h3>Loss</h3>" in chart and "training</span>" in chart and "validation</span>" in chart
    assert "step 9: loss 0.75" in chart
    solved = dataclasses.replace(facts.recipe, stages=(Stage(strategy=Choice("linear_probe"), optimiser="solve"),))
    section = render(dataclasses.replace(facts, recipe=solved)).partition('id="learning-curves">')[2]
    section = section.partition("</section>")[0]
    assert "solved on all 60 training rows at once" in section and "<svg" not in section


def test_what_the_start_was_chosen_by_is_told(make_facts):
    facts = make_facts("binary", 60, 2)
    told = {**facts.observed, "told": ["cross-validated loss: a 0.1, b 0.2"]}
    assert "How it was chosen" not in render(facts)
    page = render(dataclasses.replace(facts, observed=told))
    assert "How it was chosen" in page and "cross-validated loss: a 0.1, b 0.2" in page


def test_a_path_is_short_in_the_title_and_whole_below(make_facts):
    facts = make_facts("binary", 60, 2)
    name = "hf:/a/long/way/to/minilm/model"
    source = {**facts.observed["source"], "name": name}
    page = render(dataclasses.replace(facts, observed={**facts.observed, "source": source}))
    assert "learnt from hf:…/<wbr/>minilm/<wbr/>model</h1>" in page and f"<dd>{name} (" in page
