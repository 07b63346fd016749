"""Tables: Headstart's ways beside scikit-learn's linear model with a cross-validated penalty, on the same splits.

    python bench/mixed_tables.py [SET …] [--seeds 5]

Sets: wine, breast_cancer, diabetes of scikit-learn, and `mixed` and `mixed_values`, which are made here: categories,
dates, flags, blank cells, a column that counts the rows, one of names, a constant one. Each seed takes another 30 %
of the rows as test rows. Prints accuracy (classes) or root mean squared error (values) and CPU seconds, over the seeds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import headstart as hs

WAYS: dict[str, dict[str, Any]] = {
    "no option": {},
    "linear": {"source": "vector:columns"},
    "boosting": {"source": "vector:columns", "head": "boosting"},
    "vector:mlp": {"source": "vector:mlp"},
}


def mixed(*, values: bool, rows: int = 400) -> pd.DataFrame:
    """Make a table of customers whose label follows from all but the columns without meaning."""
    random = np.random.default_rng(0)
    towns = {"Bonn": 0.0, "Köln": 1.2, "New York": -1.5, "Paris": 0.8, "Rome": -0.5, "Oslo": 2.0}
    town = random.choice(list(towns), rows, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    age, income = random.normal(45, 15, rows).round(), np.exp(random.normal(10, 0.6, rows)).round(2)
    day: Any = pd.Timestamp("2018-01-01") + pd.to_timedelta(random.integers(0, 2000, rows), unit="D")
    member, vip = random.choice(["yes", "no"], rows), random.choice([True, False], rows)
    score = np.array([towns[name] for name in town]) + 0.04 * (age - 45) + random.normal(0, 0.8, rows)
    score += (member == "yes") * (np.log(income) - 10) + np.sin(2 * np.pi * np.asarray(day.day_of_year) / 365.25)
    blank = random.random((rows, 2)) < (0.15, 0.1)
    frame = {
        "customer_id": range(1, rows + 1),
        "name": [f"{chr(65 + row % 26)}. Son Nr. {row}" for row in range(rows)],
        "town": [None if gone else name for name, gone in zip(town, blank[:, 1], strict=True)],
        "age": np.where(blank[:, 0], np.nan, age),
        "income": income,
        "joined": day.strftime("%Y-%m-%d"),
        "member": member,
        "vip": vip,
        "country": ["DE"] * rows,
    }
    label = (score * 10 + 50).round(2) if values else np.where(score > 0.3, "stays", "leaves")
    return pd.DataFrame({**frame, "target": label})


def tables() -> dict[str, pd.DataFrame]:
    """Make all sets; the label is the column `target`, text for classes."""
    found: dict[str, pd.DataFrame] = {}
    for name in ("wine", "breast_cancer", "diabetes"):
        bunch: Any = getattr(datasets, f"load_{name}")(as_frame=True)
        found[name] = bunch.frame
        if name != "diabetes":
            found[name]["target"] = [str(bunch.target_names[place]) for place in bunch.target]
    return found | {"mixed": mixed(values=False), "mixed_values": mixed(values=True)}


def script(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Predict as ten lines of scikit-learn do, by hand told what to leave out."""
    x, x_test = (
        f.drop(columns=[c for c in ("target", "customer_id", "name", "country") if c in f]) for f in (train, test)
    )
    for frame in (x, x_test):
        if "joined" in frame:
            frame["joined"] = pd.to_datetime(frame["joined"]).astype("int64")
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), OneHotEncoder(handle_unknown="ignore"))
    numbers = make_column_selector(dtype_include=["number", "bool"])
    columns = make_column_transformer(
        (numeric, numbers), (words, make_column_selector(dtype_exclude=["number", "bool"]))
    )
    classes = train["target"].dtype.kind not in "iuf"
    last = LogisticRegressionCV(max_iter=2000) if classes else RidgeCV(np.logspace(-3, 4, 15))
    return make_pipeline(columns, last).fit(x, train["target"]).predict(x_test)


def figure(test: pd.DataFrame, predicted: Any) -> float:
    """Compute accuracy, or the root mean squared error."""
    truth = test["target"].to_numpy()
    if truth.dtype.kind not in "iuf":
        return float((np.asarray(predicted) == truth).mean())
    return float(np.sqrt(np.square(np.asarray(predicted, dtype=float) - truth).mean()))


def main() -> None:
    """Print a line for each set and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, frame in tables().items():
        if given.sets and name not in given.sets:
            continue
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(given.seeds):
            strata = frame["target"] if frame["target"].dtype.kind not in "iuf" else None
            parts: Any = train_test_split(frame, test_size=0.3, random_state=seed, stratify=strata)
            train, test = parts
            began = time.process_time()
            predicted = script(train, test)
            found.setdefault("scikit-learn", []).append((figure(test, predicted), time.process_time() - began))
            for way, options in WAYS.items():
                began = time.process_time()
                with tempfile.TemporaryDirectory() as folder:
                    settings = {"data.labels": "target", "data.test": 0}
                    run = hs.fit(train, **options, settings=settings, seed=seed, out=Path(folder) / "run")
                    predicted = hs.load(run.folder).predict(test.drop(columns="target"))
                found.setdefault(way, []).append((figure(test, predicted), time.process_time() - began))
        for way, pairs in found.items():
            figures, seconds = np.array(pairs).T
            print(f"{name:14} {way:13} {figures.mean():8.4f}  {seconds.mean():5.1f} s", flush=True)


if __name__ == "__main__":
    main()
