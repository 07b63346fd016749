"""Names with prefix, and builders that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core import plugins
from headstart.core.errors import SourceError, UsageError
from headstart.models.load import load_source, rebuild


def test_loads_by_prefix():
    assert load_source("vector:mlp", {"dim": "3"}).card.name == "vector:mlp"


@pytest.mark.parametrize("name", ["resnet18", "timm:", ""])
def test_a_bare_name_shows_the_forms(name):
    with pytest.raises(UsageError) as caught:
        load_source(name)
    assert "does not say where it comes from" in str(caught.value)
    for source in plugins.names("sources"):
        assert f"`{source}:" in str(caught.value)


def test_a_misspelt_prefix_gives_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'timm'"):
        load_source("tim:resnet18")


def test_an_unknown_option_gives_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'pretrained'"):
        load_source("timm:resnet18", {"pretraind": False})


def test_a_builder_that_is_gone():
    card = replace(load_source("digits:cnn").card, builder="elsewhere")
    with pytest.raises(SourceError, match="'elsewhere', which is not there"):
        rebuild(card)
