"""The model card is one that the Hugging Face hub's own code reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from headstart.evaluation.report.model_card import model_card


@pytest.mark.parametrize(("kind", "width"), [("binary", 2), ("multiclass", 3), ("multilabel", 3), ("regression", 1)])
def test_the_hub_reads_it(make_facts, tmp_path, kind, width):
    facts = make_facts(kind, 60, width)
    card: Any = ModelCard(model_card(facts))
    assert card.data.library_name == "headstart" and card.data.license == "mit"
    assert card.data.eval_results is not None
    measured = {result.metric_type: result.metric_value for result in card.data.eval_results}
    expected = {name: interval["value"] for name, interval in facts.metrics["test"]["metrics"].items()}
    assert measured == {name: value for name, value in expected.items() if value is not None}
    assert {result.dataset_split for result in card.data.eval_results} == {"test"}


def test_names_cannot_break_out(make_facts):
    text = model_card(make_facts("multiclass", 60, 3, name='x\n---\n<script>"`|[a](b)'))
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["dataset"]["name"].startswith("x --- <script>")
    assert "<script>" not in body.partition("```toml")[0]


def test_a_licence_in_words_is_other(make_facts):
    facts = make_facts("binary", 60, 2)
    source = {**facts.observed["source"], "licence": "Apache-2.0 (see the repository)"}
    front = yaml.safe_load(
        model_card(dataclasses.replace(facts, observed={**facts.observed, "source": source})).split("---\n")[1]
    )
    assert front["license"] == "other" and front["license_name"].startswith("Apache")
