"""`headstart predict` reads, predicts and writes a part of the rows at a time: one file, the same as of all at once."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pyarrow import parquet

import headstart as hs
from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.cli import predict as command
from headstart.cli.main import main
from headstart.cli.show import Show
from headstart.core import kept, progress
from headstart.core.stopping import Stopped
from headstart.data import loading, streams
from headstart.data.loading import LostWorker
from headstart.engine import fast
from headstart.engine import predict as engine
from headstart.engine.feed import Workers

ROWS, SIZE = 150, 64
ENDINGS = ("csv", "jsonl", "parquet")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a model that gives texts any number of tags, and write more texts: those with tags come last."""
    folder = tmp_path_factory.mktemp("texts")
    words = [f"{('both of them' if i % 2 else 'nothing here')} {i % 7}" for i in range(80)]
    table = pd.DataFrame({"text": words, "tags": [["a", "b"] if i % 2 else [] for i in range(80)]})
    table.to_json(folder / "train.jsonl", orient="records", lines=True)
    settings = {"data.validation": 0, "data.test": 0}
    hs.fit(folder / "train.jsonl", source="tfidf:words", settings=settings, out=folder / "run", progress=False)
    new = [{"text": f"{'nothing here' if i < 2 * SIZE else 'both of them'} {'and on ' * (i % 5)}"} for i in range(ROWS)]
    _write(folder / "new.jsonl", new)
    gaps = {0, *range(SIZE - 2, SIZE + 3), ROWS - 1}
    _write(folder / "gaps.jsonl", [{"text": None} if i in gaps else row for i, row in enumerate(new)])
    return folder


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a model of small pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    for place in range(ROWS):
        path = folder / "data" / ("light" if place % 2 else "dark") / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 9 * place % 100 + 150 * (place % 2)).save(path)
    how: Any = {"strategy": "linear_probe", "settings": {"data.test": 0, "data.validation": 0}}
    hs.fit(folder / "data", source="digits:cnn", out=folder / "run", progress=False, **how)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with parts of so many rows; give its exit code, stdout and stderr."""
    whole = Predictor.outputs_in_parts

    def ran(*arguments: object, size: int = SIZE) -> tuple[int, str, str]:
        monkeypatch.setattr(Predictor, "outputs_in_parts", partialmethod(whole, size=size))
        with pytest.raises(SystemExit) as ended:
            main(["predict", *map(str, arguments)])
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return ran


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Compare tables whose texts met others in their batches."""
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=0, atol=1e-6)


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_json(path, lines=True)


@pytest.mark.parametrize("table", ["new", "gaps"])
def test_parts_make_the_file_that_all_rows_make_at_once(texts: Path, table: str, tmp_path: Path, run: Run) -> None:
    said = []
    for ending in ENDINGS:
        for size in (SIZE, 64 * ROWS):
            out = tmp_path / f"{size}.{ending}"
            code, _, err = run(texts / "run", texts / f"{table}.jsonl", "--skip-bad", "--out", out, size=size)
            assert code == 0
            said.append(err.replace(str(out), "FILE"))
        one, other = (tmp_path / f"{size}.{ending}" for size in (SIZE, 64 * ROWS))
        same(read(one), read(other))
        assert list(read(one)["id"]) == [f"{table}.jsonl:{place}" for place in range(1, ROWS + 1)]
        assert sum(map(pd.notna, read(one)["left_out"])) == (7 if table == "gaps" else 0)
    assert len(set(said)) == 1 and f"{ROWS} predictions written to FILE" in said[0]
    assert (tmp_path / f"{SIZE}.csv").read_text().count("prediction") == 1, "one line of headings"
    one, other = (parquet.read_schema(tmp_path / f"{size}.parquet") for size in (SIZE, 64 * ROWS))
    assert one.equals(other, check_metadata=True)
    assert [str(one.field(name).type).split("<")[0] for name in ("prediction", "probability")] == ["list", "list"]
    assert str(one.field("left_out").type) == ("null" if table == "new" else "string")


@pytest.mark.parametrize("table", ["new", "gaps"])
def test_parts_print_the_json_and_the_table_that_all_rows_print(texts: Path, table: str, run: Run) -> None:
    outs = []
    for size in (SIZE, 64 * ROWS):
        code, out, _ = run(texts / "run", texts / f"{table}.jsonl", "--skip-bad", "--json", size=size)
        assert code == 0 and out.count("\n") == 1
        outs.append(json.loads(out))
    one, other = outs
    assert list(one) == ["run", "predictions"] and len(one["predictions"]) == ROWS
    same(pd.DataFrame(one["predictions"]), pd.DataFrame(other["predictions"]))
    assert [*map(list, one["predictions"])] == [*map(list, other["predictions"])]
    shown = {run(texts / "run", texts / f"{table}.jsonl", "--skip-bad", size=size) for size in (SIZE, 64 * ROWS)}
    assert len(shown) == 1 and f"{table}.jsonl:20" in str(shown) and f"{table}.jsonl:21" not in str(shown)


def test_where_the_batches_are_the_same_so_is_every_bit(pictures: Path) -> None:
    predictor = load(pictures / "run", device="cpu")
    rows = predictor.rows(pictures / "data")
    parts = [*predictor.outputs_in_parts(rows, Workers(0, print), SIZE)]
    assert [len(part) for part, _ in parts] == [64, 64, 22]
    assert [row for part, _ in parts for row in part.ids] == [*rows.ids]
    joined = np.concatenate([outputs["target"] for _, outputs in parts])
    assert np.array_equal(joined, predictor.outputs(rows)["target"])
    predictor.model.train()
    next(predictor.outputs_in_parts(rows, Workers(0, print), SIZE))
    assert predictor.model.training, "whoever leaves in the middle finds the model as it was"


@pytest.mark.parametrize("ending", [pytest.param(e, marks=() if e == "csv" else pytest.mark.slow) for e in ENDINGS])
def test_each_part_is_on_the_disk_before_the_next_is_read(
    texts: Path, ending: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither tables nor outputs of parts that are written are alive then, nor the tokens of their texts."""
    bytes_there: list[int] = []
    alive: list[weakref.ref[Any]] = []
    make, table, put = streams._BatchMaker.__call__, command._table, kept.Kept.put
    most_kept: list[int] = []

    def made(maker: Any, samples: Any) -> Any:
        bytes_there.append(sum(file.stat().st_size for file in tmp_path.glob(".tmp-*")))
        return make(maker, samples)

    def followed(*arguments: Any) -> Any:
        gc.collect()
        assert sum(each() is not None for each in alive) <= 2, "the part before this one at most"
        found = table(*arguments)
        alive.extend(map(weakref.ref, (found, *arguments[-1].values())))
        return found

    def counted(self: Any, *arguments: Any) -> None:
        put(self, *arguments)
        most_kept.append(len(self._values))

    monkeypatch.setattr(streams._BatchMaker, "__call__", made)
    monkeypatch.setattr(command, "_table", followed)
    monkeypatch.setattr(kept.Kept, "put", counted)
    _write(tmp_path / "in.jsonl", [{"text": f"nothing here {i}"} for i in range(4 * SIZE)])
    assert run(texts / "run", tmp_path / "in.jsonl", "--out", tmp_path / f"p.{ending}")[0] == 0
    assert len(bytes_there) == 4 and sorted({*bytes_there}) == bytes_there and bytes_there[0] == 0
    assert len(alive) >= 8 and max(most_kept) <= SIZE
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["in.jsonl", f"p.{ending}"]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), Stopped(2)])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_in_the_middle_leaves_the_file_of_before(
    texts: Path, ending: str, error: BaseException, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, calls = engine._in_pieces, []

    def broken(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise error
        return compute(*arguments)

    monkeypatch.setattr(engine, "_in_pieces", broken)
    out = tmp_path / f"p.{ending}"
    out.write_text("of before")
    code, _, err = run(texts / "run", texts / "new.jsonl", "--out", out)
    assert code == (130 if isinstance(error, Stopped) else 1) and len(calls) == 2
    assert "could not be written" not in err, "it is not the disk of the file that failed"
    assert [file.name for file in tmp_path.iterdir()] == [out.name] and out.read_text() == "of before"


def test_a_full_disk_is_told_with_the_name_of_the_file(
    texts: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    code, _, err = run(texts / "run", texts / "new.jsonl", "--out", tmp_path / "p.csv")
    assert code and f"{tmp_path}/p.csv could not be written" in err and not [*tmp_path.iterdir()]


KILLED = """
import os, sys
from headstart.cli.main import main
from headstart.cli.show import Show
from headstart.engine import predict
compute, calls = predict._in_pieces, []
def harmed(*arguments):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), int(sys.argv[1]))
    return compute(*arguments)
predict._in_pieces = harmed
main(["predict", *sys.argv[2:]])
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_killed_leaves_no_half_file(texts: Path, number: int, tmp_path: Path, run: Run) -> None:
    arguments = [str(texts / "run"), str(texts / "new.jsonl"), "--out", str(tmp_path / "p.csv")]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(int(number)), *arguments], capture_output=True)
    assert ended.returncode == (130 if number == signal.SIGINT else -number)
    left = [file.name for file in tmp_path.iterdir()]
    assert len(left) == (number == signal.SIGKILL) and all(name.startswith(".tmp-") for name in left)
    assert run(*arguments)[0] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"], "the next one clears away what is left"


def test_processes_the_folded_network_and_the_bar_live_through_the_pass(
    pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, folds, events = [], [], []
    start, folded, listen = loading._start, fast.folded, Show.listen
    monkeypatch.setattr(loading, "_start", lambda make: (started.append(1), start(make))[1])
    monkeypatch.setattr(fast, "folded", lambda *a: (folds.append(1), folded(*a))[1])
    monkeypatch.setattr(fast, "has_norms", lambda backbone: True)
    monkeypatch.setattr(progress, "AFTER", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(
        "headstart.cli.show.Show.listen", lambda self, event: (events.append(event), listen(self, event))
    )
    for workers in (2, 0):
        out = tmp_path / f"{workers}.csv"
        assert run(pictures / "run", pictures / "data", "--workers", workers, "--out", out)[0] == 0
        assert (len(started), len(folds)) == ((2, 1) if workers else (2, 2))
    assert (tmp_path / "0.csv").read_text() == (tmp_path / "2.csv").read_text()
    bars = [event.values for event in events if event.message == "predicting"]
    assert [(bar["done"], bar["total"]) for bar in bars[:3]] == [(64, ROWS), (128, ROWS), (ROWS, ROWS)]


def test_where_a_process_is_lost_the_pass_goes_on_with_its_part(
    pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = streams.load, []

    def losing(make: Any, samples: Any, workers: int, **options: Any) -> Any:
        for number, batch in enumerate(real(make, samples, 0, **options)):
            if workers and number == 1:
                raise LostWorker("process 1 ended by SIGKILL.")
            seen.append(len(batch.ids))
            yield batch

    code, _, _ = run(pictures / "run", pictures / "data", "--out", tmp_path / "whole.csv")
    monkeypatch.setattr(streams, "load", losing)
    code, _, err = run(pictures / "run", pictures / "data", "--workers", 1, "--out", tmp_path / "p.csv")
    assert code == 0 and "Going on with 0 of them" in err and seen == [64, 64, 22]
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "whole.csv").read_text()
