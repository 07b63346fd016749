"""Headstart: from a folder or a table to a tested model, by transfer learning.

>>> import headstart as hs
>>> run = hs.fit("photos")
>>> run.predict(["new.jpg"])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.api import cross_validate as cross_validate
    from headstart.api import evaluate as evaluate
    from headstart.api import fit as fit
    from headstart.api import inspect as inspect
    from headstart.api import read as read
    from headstart.api import report as report
    from headstart.api import source as source
    from headstart.artifact.export import export as export
    from headstart.artifact.load import load as load
    from headstart.artifact.predictor import Predictor as Predictor
    from headstart.core.choice import Choice as Choice
    from headstart.core.errors import DataError as DataError
    from headstart.core.errors import HeadstartError as HeadstartError
    from headstart.core.errors import SourceError as SourceError
    from headstart.core.errors import StorageError as StorageError
    from headstart.core.errors import TrainingError as TrainingError
    from headstart.core.errors import UsageError as UsageError
    from headstart.core.recipe import DataPlan as DataPlan
    from headstart.core.recipe import Recipe as Recipe
    from headstart.core.recipe import Stage as Stage
    from headstart.data.rows import Dataset as Dataset
    from headstart.estimators.classifier import HeadstartClassifier as HeadstartClassifier
    from headstart.estimators.regressor import HeadstartRegressor as HeadstartRegressor
    from headstart.models.model import Backbone as Backbone
    from headstart.models.operate import Operated as Operated
    from headstart.models.operate import operate as operate
    from headstart.models.surgery.adapt_input import AdaptInput as AdaptInput
    from headstart.models.surgery.adapt_output import AdaptOutput as AdaptOutput
    from headstart.models.surgery.cut import Cut as Cut
    from headstart.models.surgery.freeze import Freeze as Freeze
    from headstart.models.surgery.insert import Insert as Insert
    from headstart.models.surgery.load_layers import LoadLayers as LoadLayers
    from headstart.models.surgery.remove import Remove as Remove
    from headstart.models.surgery.rename import Rename as Rename
    from headstart.models.surgery.replace import Replace as Replace
    from headstart.models.surgery.siamese import Siamese as Siamese
    from headstart.models.surgery.unfreeze import Unfreeze as Unfreeze
    from headstart.other_data import adapt as adapt
    from headstart.other_data import generalise as generalise
    from headstart.runs.compare import compare as compare
    from headstart.runs.look import Shown as Shown
    from headstart.runs.run import Run as Run
    from headstart.runs.showing import show as show
    from headstart.runs.soup import soup as soup
    from headstart.selection.affinity import Affinity as Affinity
    from headstart.selection.answered import Answered as Answered
    from headstart.selection.api import affinity as affinity
    from headstart.selection.api import rank as rank
    from headstart.selection.explain import explain as explain
    from headstart.selection.fewshot import fewshot as fewshot
    from headstart.selection.rank import Ranking as Ranking

__version__ = "0.1.0"

_HOMES = {
    "load": "headstart.artifact.load",
    "Predictor": "headstart.artifact.predictor",
    "DataError": "headstart.core.errors",
    "HeadstartError": "headstart.core.errors",
    "SourceError": "headstart.core.errors",
    "StorageError": "headstart.core.errors",
    "TrainingError": "headstart.core.errors",
    "UsageError": "headstart.core.errors",
    "Choice": "headstart.core.choice",
    "DataPlan": "headstart.core.recipe",
    "Recipe": "headstart.core.recipe",
    "Stage": "headstart.core.recipe",
    "Dataset": "headstart.data.rows",
    "HeadstartClassifier": "headstart.estimators.classifier",
    "HeadstartRegressor": "headstart.estimators.regressor",
    "Backbone": "headstart.models.model",
    "compare": "headstart.runs.compare",
    "cross_validate": "headstart.api",
    "Operated": "headstart.models.operate",
    "operate": "headstart.models.operate",
    "AdaptInput": "headstart.models.surgery.adapt_input",
    "AdaptOutput": "headstart.models.surgery.adapt_output",
    "Cut": "headstart.models.surgery.cut",
    "Freeze": "headstart.models.surgery.freeze",
    "Insert": "headstart.models.surgery.insert",
    "LoadLayers": "headstart.models.surgery.load_layers",
    "Remove": "headstart.models.surgery.remove",
    "Rename": "headstart.models.surgery.rename",
    "Replace": "headstart.models.surgery.replace",
    "Siamese": "headstart.models.surgery.siamese",
    "Unfreeze": "headstart.models.surgery.unfreeze",
    "export": "headstart.artifact.export",
    "evaluate": "headstart.api",
    "fit": "headstart.api",
    "inspect": "headstart.api",
    "read": "headstart.api",
    "report": "headstart.api",
    "source": "headstart.api",
    "adapt": "headstart.other_data",
    "generalise": "headstart.other_data",
    "Run": "headstart.runs.run",
    "Shown": "headstart.runs.look",
    "show": "headstart.runs.showing",
    "soup": "headstart.runs.soup",
    "Affinity": "headstart.selection.affinity",
    "affinity": "headstart.selection.api",
    "rank": "headstart.selection.api",
    "Answered": "headstart.selection.answered",
    "fewshot": "headstart.selection.fewshot",
    "explain": "headstart.selection.explain",
    "Ranking": "headstart.selection.rank",
}
__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import headstart` loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'headstart' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
