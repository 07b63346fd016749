"""A transfer-learning step in a scikit-learn pipeline, compared by cross-validation, saved and loaded.

python examples/sklearn_pipeline.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import headstart as hs


def main() -> None:
    """Print two cross-validated accuracies, and what a saved model predicts."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    rivals = {
        "headstart": hs.HeadstartClassifier(epochs=10),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    for name, estimator in rivals.items():
        scores = cross_val_score(estimator, X, y, cv=3)
        print(f"{name}: accuracy {scores.mean():.3f} ± {scores.std():.3f} (mean and spread of 3 folds)")

    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = hs.HeadstartClassifier(epochs=10).fit(X_train, y_train)
    features = model.set_output(transform="pandas").transform(X_test)
    print(f"features: a frame of {features.shape[0]} rows and {features.shape[1]} columns")
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        saved = hs.load(Path(folder) / "model")
        print(f"test accuracy {model.score(X_test, y_test):.3f}; the saved model says {saved.predict(X_test[:3])}")


if __name__ == "__main__":
    main()
