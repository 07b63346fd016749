"""Accuracy and R2 of `vector:mlp` through the estimators beside scikit-learn's own, by 5-fold cross-validation.

python bench/sklearn_vectors.py
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import headstart as hs

CLASSIFIERS: dict[str, Any] = {
    "HeadstartClassifier": hs.HeadstartClassifier(),
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "MLPClassifier": make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
}
REGRESSORS: dict[str, Any] = {
    "HeadstartRegressor": hs.HeadstartRegressor(),
    "Ridge": make_pipeline(StandardScaler(), Ridge()),
    "MLPRegressor": make_pipeline(StandardScaler(), MLPRegressor(random_state=0)),
}
SETS = {
    "breast_cancer": (load_breast_cancer, CLASSIFIERS, StratifiedKFold),
    "wine": (load_wine, CLASSIFIERS, StratifiedKFold),
    "digits": (load_digits, CLASSIFIERS, StratifiedKFold),
    "diabetes": (load_diabetes, REGRESSORS, KFold),
}


def main() -> None:
    """Print mean and standard deviation over the folds, and CPU seconds for all five fits."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, (load, estimators, folds) in SETS.items():
        X, y = load(return_X_y=True)
        for label, estimator in estimators.items():
            start = time.process_time()
            scores = cross_val_score(estimator, X, y, cv=folds(5, shuffle=True, random_state=0))
            seconds = time.process_time() - start
            print(f"{name:14} {label:20} {scores.mean():.3f} ± {scores.std():.3f}  {seconds:6.2f} cpu-s")


if __name__ == "__main__":
    main()
