"""How many small faults do the default tests see? Each mutant of the sources is tested in a copy of the tree.

python tests/tools/mutate.py [--count 40] [--seed 0] [--jobs 1] [--packages core data engine models]
    [--only-mirrored] [--limit SECONDS] [--list]

For a mutant of src/headstart/data/splits.py these run, until a test fails: tests/data/test_splits.py, the rest of
tests/data, then all other default tests. A mutant on which all pass has survived: read it, and write the test that is
missing. Some survivors behave as the source does; no program can tell. A mutant that runs out of time is killed: the
tests passed in a third of that time without it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if __package__:
    from tools.mutants import Mutant, draw
else:
    from mutants import Mutant, draw

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src/headstart")
LEFT_OUT = {".git", ".venv", "build", "dist", "runs", "headstart-demo"}  # at the top of the tree
PASSED = (0, 5)  # of pytest: all passed, and no test there
LEAST_LIMIT = 120  # seconds for a mutant


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: "killed", "timeout" or "survived"; `by` names the test that failed."""

    mutant: Mutant
    outcome: str
    by: str
    seconds: float

    def __str__(self) -> str:
        by = f" [{self.by}]" if self.by else ""
        return f"{self.outcome:8} {self.seconds:5.0f} s  {self.mutant}{by}"


def source_files(root: Path, packages: Sequence[str]) -> list[Path]:
    """List the files of packages of headstart.

    Args:
        root: The tree.
        packages: Folders, such as "core" or "models/surgery", or single files, such as "core/options.py".

    Returns:
        Paths below the root.

    Raises:
        SystemExit: There is no such package.
    """
    files = []
    for package in packages:
        path = root / PACKAGE / package
        if not path.exists():
            raise SystemExit(f"There is no {PACKAGE / package} in {root}.")
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [file.relative_to(root) for file in files]


def steps_for(root: Path, file: Path, *, only_mirrored: bool = False) -> list[list[str]]:
    """Return what pytest is to run for a mutant of a file, the likeliest to fail first.

    Args:
        root: The tree.
        file: Below the root.
        only_mirrored: Leave out what does not mirror the file, where something does.

    Returns:
        Arguments of pytest, a list for each call.
    """
    inside = file.relative_to(PACKAGE)
    own = Path("tests") / inside.parent / f"test_{inside.name}"
    folder = Path("tests") / inside.parts[0]
    steps = [[str(own)]] if (root / own).exists() else []
    if (root / folder).is_dir():
        steps.append([str(folder), f"--ignore={own}"])
    if not (only_mirrored and steps):
        steps.append(["tests", f"--ignore={folder}", "--ignore=tests/tools"])
    return steps


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Copy the tree for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        made = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")
        shutil.copytree(
            root, copy, ignore=lambda at, names: made(at, names) | (LEFT_OUT if Path(at) == root else set())
        )
        yield copy


def run_tests(tree: Path, root: Path, arguments: Sequence[str], limit: float) -> tuple[int | None, str]:
    """Run pytest in a copy.

    Args:
        tree: The copy.
        root: The tree that it was copied from; real data is looked for beside it.
        arguments: Of pytest.
        limit: Seconds.

    Returns:
        The exit status, None where time ran out, and what was printed.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    surroundings = {"HEADSTART_SHARED": str(root.parent / "shared"), "OMP_NUM_THREADS": "1", **os.environ}
    surroundings["PYTHONPATH"] = str(tree / "src")
    with (tree / "pytest.out").open("w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=tree,
            env=surroundings,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # with the processes that a test started
                process.wait()
        out.seek(0)
        return status, out.read()


def try_mutant(mutant: Mutant, root: Path, limit: float, *, only_mirrored: bool = False) -> Verdict:
    """Run the tests on a mutant until one fails.

    Args:
        mutant: Of a file below the root.
        root: The tree.
        limit: Seconds for all of its tests.
        only_mirrored: Run only the tests that mirror the file.

    Returns:
        The verdict.
    """
    start = time.monotonic()
    with copied(root) as tree:
        file = tree / mutant.file
        file.write_bytes(mutant.apply(file.read_bytes()))
        for step in steps_for(root, mutant.file, only_mirrored=only_mirrored):
            status, out = run_tests(tree, root, step, limit - (time.monotonic() - start))
            if status is None:
                return Verdict(mutant, "timeout", "", time.monotonic() - start)
            if status not in PASSED:
                failed = re.search(r"^(?:FAILED|ERROR) (\S+)", out, re.MULTILINE)
                return Verdict(mutant, "killed", failed[1] if failed else "", time.monotonic() - start)
    return Verdict(mutant, "survived", "", time.monotonic() - start)


def measure(root: Path, files: Sequence[Path], *, only_mirrored: bool) -> float:
    """Run the tests without a mutant.

    Args:
        root: The tree.
        files: That have mutants.
        only_mirrored: Run only the tests that mirror them.

    Returns:
        Seconds.

    Raises:
        SystemExit: They fail, or test other sources than the copy's: nothing could be learnt from mutants.
    """
    start = time.monotonic()
    with copied(root) as tree:
        code = "import headstart, pathlib; print(pathlib.Path(headstart.__file__).resolve())"
        path = {**os.environ, "PYTHONPATH": str(tree / "src")}
        asked = subprocess.run([sys.executable, "-c", code], cwd=tree, env=path, capture_output=True, text=True)
        if not Path(asked.stdout.strip()).is_relative_to(tree.resolve()):
            raise SystemExit(f"The tests would import {asked.stdout.strip() or asked.stderr}, not the copy in {tree}.")
        paths = ["tests", "--ignore=tests/tools"]
        if only_mirrored:
            paths = sorted({step[0] for file in files for step in steps_for(root, file, only_mirrored=True)[-1:]})
        status, out = run_tests(tree, root, paths, 7200)
        if status not in PASSED:
            raise SystemExit(f"The tests fail without a mutant:\n{out[-3000:]}")
    return time.monotonic() - start


def main() -> None:
    """Draw mutants, test each, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="decides which are drawn")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that are tested at once")
    parser.add_argument("--packages", nargs="+", default=["core", "data", "engine", "models"], help="or single files")
    parser.add_argument("--only-mirrored", action="store_true", help="run only the tests that mirror the file")
    parser.add_argument("--limit", type=float, help="seconds for a mutant; by default thrice what all tests take")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to take sources and tests from")
    given = parser.parse_args()
    root = given.root.resolve()
    drawn = draw(source_files(root, given.packages), root, given.count, given.seed)
    if given.list:
        print(*drawn, sep="\n")
        return
    seconds = measure(root, [mutant.file for mutant in drawn], only_mirrored=given.only_mirrored)
    limit = given.limit or max(LEAST_LIMIT, 3 * seconds * given.jobs)
    print(f"without a mutant all pass in {seconds:.0f} s; {len(drawn)} mutants, {limit:.0f} s for each", flush=True)

    def run(mutant: Mutant) -> Verdict:
        verdict = try_mutant(mutant, root, limit, only_mirrored=given.only_mirrored)
        print(verdict, flush=True)
        return verdict

    with ThreadPoolExecutor(given.jobs) as pool:
        verdicts = list(pool.map(run, drawn))
    survivors = [verdict.mutant for verdict in verdicts if verdict.outcome == "survived"]
    late = sum(verdict.outcome == "timeout" for verdict in verdicts)
    print(f"\n{len(drawn) - len(survivors)} of {len(drawn)} killed, {late} of them by time; survivors:")
    print(*survivors or ["none"], sep="\n")


if __name__ == "__main__":
    main()
