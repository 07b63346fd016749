"""Train in two forked processes that share each batch, and write what each of them found: run by test_distributed.py.

Usage: python ranks.py FOLDER CASE,CASE … PORT; each case has a folder of its own in FOLDER. The libraries are imported
before the fork, and nothing is computed in the parent.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # the first optimiser imports it, which takes seconds in each process
from safetensors.torch import save_file

import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Objective
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine import distributed
from headstart.engine.predict import embed
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives.softmatch import Softmatch
from headstart.runs.network import build_model

STAGE = Stage(steps=6, batch_size=8, lr=1e-2, evaluate=2, patience=0)


def combined(rule: str, on: str) -> Stage:
    """Let a rule combine two losses, of batches that do not go into two."""
    return dataclasses.replace(STAGE, batch_size=7, objective=Choice("dann"), combine=Choice(rule, {"on": on}))


def divided(sharing: str, rule: str) -> Stage:
    """Let two targets divide the network, and a rule combine their losses."""
    scheme, combine = Choice.parse(sharing, "sharing"), Choice.parse(rule, "combine")
    return dataclasses.replace(STAGE, batch_size=7, sharing=scheme, combine=combine, accumulate=2)


CASES: dict[str, Stage] = {
    "even": STAGE,
    "uneven": dataclasses.replace(STAGE, batch_size=7),
    "micro": dataclasses.replace(STAGE, batch_size=7, accumulate=6),
    "averages": STAGE,
    "rule-features": combined("upgrad", "features"),
    "rule-weights": combined("nash", "weights"),
    "rule-signs": combined("graddrop", "weights"),
    "shared": dataclasses.replace(STAGE, batch_size=7, sharing=Choice("cross_stitch")),
    "shared-rule": dataclasses.replace(STAGE, batch_size=7, sharing=Choice("cross_stitch"), combine=Choice("upgrad")),
    "rule-nan": combined("upgrad", "features"),
    "shared-weights": divided("share_weights", "upgrad"),
    "shared-features": divided("share_weights", "mgda on=features"),
    "shared-copies": divided("share_gradients share=0.5", "nash"),
    "shared-sum": divided("share_gradients share=0.5", "fixed factors=1,2"),
    "shared-experts": divided("mmoe", "gradnorm rate=0.3"),
    "shared-soft": divided("soft", "uncertainty rate=0.5"),
    "stop": STAGE,
    "dead": dataclasses.replace(STAGE, steps=10**6, evaluate=10**6),
}

OBJECTIVES: dict[str, Objective | str] = {
    "averages": Softmatch(weight=3.0, decay=0.5),  # whose averages are those of both processes
    **{case: "dann" for case in CASES if case.startswith("rule")},
    "shared-copies": "tasks",  # a loss reaches one copy alone
}

STRATEGIES = {"shared-weights": "lora", "shared-sum": "l2_sp"}


def made(case: str) -> tuple[Dataset, Model]:
    """Make the rows and the network of a case."""
    data = toys.mixed() if case.startswith("shared") else toys.dataset(Vector(6))
    return data, build_model(Recipe(), data, toys.tiny())


def train(folder: Path, case: str, world: distributed.World) -> None:
    """Train and write the weights and what was told."""
    data, model = made(case)
    if case == "rule-nan":
        data.splits["train"].inputs[3] = np.nan  # of one process's rows, in one of its steps
    seen: list[Event] = []
    stop = Stop()

    def listen(event: Event) -> None:
        seen.append(event)
        if event.kind == "step" and event.values["step"] == 3:
            if case == "stop":
                stop.signal = signal.SIGTERM  # in the writer alone: the other has to learn of it
            if case == "dead":
                os.kill(int((folder.parent / "pid-1").read_text()), signal.SIGKILL)

    saved = ""
    try:
        options = {"stage": CASES[case], "validate": True, "listen": listen, "stop": stop, "world": world}
        toys.train(folder, model, data, STRATEGIES.get(case, "full"), OBJECTIVES.get(case, "supervised"), **options)
    except Stopped as stopped:
        saved = f"stopped {stopped.saved and Path(stopped.saved).name}"
    assert world.is_writer or not seen
    rows, transform = toys.examples(Vector(6), 11), make_transform(Vector(6))
    features = embed(model, rows, transform, world=world)  # 11 rows over two processes
    alone = embed(model, rows, transform)
    found = {"features": float(np.abs(features - alone).max()), "shape": list(features.shape), "saved": saved}
    (folder / f"found-{world.rank}.json").write_text(json.dumps(found))
    save_file(toys.snapshot(model), folder / f"weights-{world.rank}.safetensors")


def main(folder: Path, cases: list[str]) -> int:
    """Fork, train and give the worst exit code."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "MASTER_PORT": sys.argv[3]}
    children = []
    for rank in range(2):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.environ["RANK"] = str(rank)
                (folder / f"pid-{rank}").write_text(str(os.getpid()))
                torch.set_num_threads(1)
                world, _ = distributed.connect(torch.device("cpu"), timeout=20)
                for case in cases:
                    train(folder / case, case, world)
                distributed.disconnect()
                code = 0
            except BaseException:  # noqa: BLE001 - the process ends here, and says why
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    (folder / "codes.json").write_text(json.dumps(codes))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(",")))
