"""A run with mapped features, from the data to the saved model and the report."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import headstart as hs


@pytest.mark.slow
def test_a_run_is_better_on_the_target_for_the_mapping_and_its_model_loads(tmp_path: Path) -> None:
    """Eight columns; in the target one of those that tell the class is moved, which misleads the head of the source."""
    random = np.random.default_rng(0)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*(f"x{i}" for i in range(8)), "y", "domain"])
        for domain in ("here", "there"):
            for row in range(300):
                x = random.normal(0, 1, 8) + 1.5 * np.eye(8)[row % 2] + 1.0 * np.eye(8)[7] * (row % 2)
                x[7] += 6.0 * (domain == "there")
                lines.writerow([*(f"{each:.5f}" for each in x), "ab"[row % 2], domain])
    plan = {"data.source_domain": "here", "data.target_domain": "there", "device": "cpu", "data.modality": "vector"}
    found = {}
    for objective in ("supervised", "mapped mapping='tca dim=6 mu=0.1'", "mapped mapping=coral"):
        run = hs.fit(
            tmp_path / "rows.csv",
            source="vector:columns",
            strategy="linear_probe",
            objective=objective,
            settings=plan,
            out=tmp_path / f"run{len(found)}",
        )
        found[objective.partition("=")[2][:5]] = run.evaluations["test"].metrics["accuracy"].value
        again = hs.load(run.folder)
        assert again.predict(str(tmp_path / "rows.csv")) is not None
        assert (run.folder / "report.html").exists()
    assert found["coral"] > found[""] + 0.1 and found["'tca "] > found[""] + 0.1
