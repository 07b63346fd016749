"""MLflow: parameters, metrics and the report, in a folder, a database or a server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import UsageError
from headstart.core.types import Event
from headstart.trackers._figures import Figures, flat, need

EVERY = 50  # figures that are sent at a time


@dataclass(frozen=True)
class MLflow:
    """Runs in an experiment. `uri` is the tracking server or database; empty takes MLFLOW_TRACKING_URI."""

    experiment: str = "headstart"
    uri: str = ""

    def open(self) -> _Tracking:
        """Find the experiment, or make it.

        Returns:
            What takes the events.

        Raises:
            UsageError: The package is not installed, or MLflow refuses the address.
        """
        package = need("mlflow", "mlflow")
        try:
            client = package.MlflowClient(tracking_uri=self.uri or None)
            known = client.get_experiment_by_name(self.experiment)
            experiment = client.create_experiment(self.experiment) if known is None else known.experiment_id
        except package.MlflowException as error:
            raise UsageError(f"MLflow cannot be used at {self.uri or 'its default address'}: {error}") from error
        return _Tracking(client, experiment, package.entities.Metric)


class _Tracking:
    def __init__(self, client: Any, experiment: str, metric: Any) -> None:
        self.client, self.experiment, self.metric = client, experiment, metric
        self.run, self.folder = "", Path()
        self.figures, self.waiting = Figures(), []

    def __call__(self, event: Event, /) -> None:
        if event.kind == "run":
            self.close(failed=False)
            self.folder = Path(event.values["folder"])
            self.run = self.client.create_run(self.experiment, run_name=self.folder.name).info.run_id
            self.figures = Figures()
            for name, value in flat(event.values["recipe"]).items():
                self.client.log_param(self.run, name, value[:500])
            return
        now = int(time.time() * 1000)
        self.waiting += [self.metric(n, v, now, self.figures.step) for n, v in self.figures(event).items()]
        if len(self.waiting) >= EVERY or event.kind == "result":
            self._send()
        if event.kind == "result":
            self.client.log_artifact(self.run, str(self.folder / "report.html"))

    def close(self, *, failed: bool) -> None:
        if self.run:
            self._send()
            self.client.set_terminated(self.run, "FAILED" if failed else "FINISHED")
            self.run = ""

    def _send(self) -> None:
        if self.waiting:
            self.client.log_batch(self.run, metrics=self.waiting)
            self.waiting = []
