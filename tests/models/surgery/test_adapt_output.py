"""`adapt_output`: the rows of known classes give the source's logits; unknown ones start as the average class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import Task
from headstart.data.read import read
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.models.source_rows import match_classes, rows_for, start_rows
from headstart.runs.network import build_model
from models.surgery.patients import patient_after, tiny_vit, toy

LABELS = ("background", "ant, emmet, pismire", "bee", "sea lion", "crane", "crane", "Butterfly")


def backbone_with_labels() -> Any:
    backbone = toy("timm:test_resnet").eval()
    torch.manual_seed(1)
    backbone.source_classifier = (torch.randn(len(LABELS), backbone.dim), torch.randn(len(LABELS)))
    backbone.card = replace(backbone.card, labels=LABELS)
    return backbone


def task(*classes):
    return Task.of("image", "multiclass", ("x",), ("y",), classes)


def test_names_match_without_case_by_synonym_and_plural():
    found = match_classes(["Pismire", "bees", "sea_lion", "butterflies", "moth"], LABELS)
    assert found == {"Pismire": 1, "bees": 2, "sea_lion": 3, "butterflies": 6}


def test_pairs_go_before_and_choose_among_equal_names():
    assert match_classes(["crane", "b"], LABELS, ["crane=5", "b=EMMET"]) == {"crane": 5, "b": 1}
    with pytest.raises(UsageError, match=r"several rows: 4 \(crane\), 5"):
        match_classes(["crane"], LABELS)


@pytest.mark.parametrize(
    ("classes", "names", "words"),
    [
        (["x", "y"], [], "knows none of the classes x, y"),
        (["ant"], ["bee=1"], "no class 'bee'"),
        (["ant"], ["ant=99"], "no row 99"),
        (["ant"], ["ant=sea leon"], "Nearest: sea lion"),
    ],
)
def test_names_that_match_nothing(classes, names, words):
    with pytest.raises(UsageError, match=words):
        match_classes(classes, LABELS, names)


def test_kept_rows_give_the_logits_of_the_source():
    backbone = patient_after(backbone_with_labels(), "adapt_output names=insect=bee").eval()
    wanted = task("ant", "insect", "moth")
    head = plugins.build("heads", "linear", {}).build(backbone.dim, wanted.target)
    assert start_rows({"target": head}, backbone) == {"target": {"ant": 1, "insect": 2}}
    x = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        features = backbone(x)
        weight, bias = backbone.source_classifier
        logits = features["pooled"] @ weight.T + bias
        assert torch.allclose(head(features)[:, :2], logits[:, 1:3], atol=1e-5)
        assert torch.allclose(head(features)[:, 2], logits.mean(dim=1), atol=1e-4)


def test_only_a_linear_head_on_the_same_features():
    operated = patient_after(backbone_with_labels(), "adapt_output")
    head = plugins.build("heads", "mlp", {}).build(operated.dim, task("ant").target)
    with pytest.raises(UsageError, match="head 'linear'"):
        start_rows({"target": head}, operated)
    with pytest.raises(UsageError, match="adapt_output is for classes; this task is a regression"):
        rows_for(operated, Task.of("image", "regression", ("x",), ("y",)).targets)
    with pytest.raises(UsageError, match="aunt"):
        rows_for(patient_after(backbone_with_labels(), "adapt_output names=aunt=1"), task("ant", "bee").targets)
    with pytest.raises(UsageError, match="which adapt_output asks for"):
        operate(operated, ["cut after=layer2"])
    with pytest.raises(UsageError, match="no linear classifier"):
        operate(patient_after(backbone_with_labels(), "cut after=layer2"), ["adapt_output"])
    with pytest.raises(UsageError, match="no linear classifier"):
        operate(backbone_with_labels(), ["replace layers=global_pool by=flatten", "adapt_output"])
    with pytest.raises(
        UsageError, match=r"replace .*takes \[B, 96\], and the features are now \[B, 2400\].*adapt_output asks for"
    ):
        operate(operated, ["replace layers=global_pool by=flatten"])


def test_the_classifier_of_a_vit_of_transformers_is_found(tmp_path):
    backbone = tiny_vit(tmp_path, ("cat", "dog", "eel")).eval()
    assert backbone.source_classifier is not None and backbone.card.labels == ("cat", "dog", "eel")
    assert backbone.source_classifier[0].shape == (3, 16)
    operate(backbone, ["adapt_output"])


def test_ants_and_bees_are_told_apart_without_training(shared, capsys):
    data = read(shared("data/image/hymenoptera"), DataPlan())
    backbone = load_source(f"local:{shared('weights/vision/mobilenetv1_025_imagenet.json').with_suffix('')}")
    operated = patient_after(backbone, "adapt_output")
    model = build_model(Recipe(), data, operated)
    rows = data.splits["validation"] if "validation" in data.splits else data.splits["test"]
    outputs = predict(model, rows, make_transform(operated.card.input))["target"]
    accuracy = float((outputs.argmax(axis=1) == rows.y).mean())
    with capsys.disabled():
        print(f"\nhymenoptera, {len(rows)} rows, mobilenetv1_025, head of kept rows, untrained: {accuracy:.3f}")
    assert accuracy > 0.8
