"""Claims of the plug-ins: a file is the plug-in; listing imports nothing; misspelt names and options are named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.core import plugins
from headstart.core.errors import UsageError

STRATEGY = '''"""Learn nothing but the head (for a test)."""
from dataclasses import dataclass
from headstart.strategies.linear_probe import LinearProbe

@dataclass(frozen=True)
class Dropped:
    size: int = 3
    defaults = LinearProbe.defaults
    def prepare(self, model):
        return LinearProbe().prepare(model)
'''


def test_known_kinds_are_listed_with_a_description() -> None:
    for kind in plugins.PACKAGES:
        for name in plugins.names(kind):
            assert plugins.describe(kind, name), f"{kind}/{name} has no first docstring line"


def test_a_dropped_file_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "dropped.py").write_text(STRATEGY)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path))
    assert "dropped" in plugins.names("strategies")
    assert plugins.describe("strategies", "dropped") == "Learn nothing but the head (for a test)."
    assert plugins.build("strategies", "dropped", {"size": "5"}).size == 5


def test_an_own_file_that_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metrics").mkdir()
    broken = tmp_path / "metrics" / "broken.py"
    broken.write_text("def (")
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path))
    assert "cannot be read" in plugins.describe("metrics", "broken")
    with pytest.raises(UsageError, match=r"metrics/broken\.py cannot be imported: SyntaxError"):
        plugins.load("metrics", "broken")


def test_an_own_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "views").mkdir()
    monkeypatch.setenv("HEADSTART_PLUGINS", os.pathsep.join([str(tmp_path), str(tmp_path / "elsewhere")]))
    with pytest.raises(UsageError, match=r"HEADSTART_PLUGINS names \S+elsewhere, which is no folder"):
        plugins.names("strategies")


def test_an_own_folder_without_a_kind_of_plugin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strategy").mkdir()
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path))
    with pytest.raises(UsageError, match=r"no folder has the name of a kind .* strategies.* It has: strategy\."):
        plugins.names("objectives")


@pytest.mark.parametrize("kind", plugins.PACKAGES)
def test_an_own_file_with_a_name_that_is_taken_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = plugins.names(kind)[0]
    own = tmp_path / kind / f"{taken}.py"
    own.parent.mkdir()
    own.write_text(STRATEGY)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path))
    for look in (plugins.names, lambda kind: plugins.load(kind, taken), lambda kind: plugins.describe(kind, taken)):
        with pytest.raises(UsageError, match=f"two plug-ins '{taken}' among the {kind}: ") as caught:
            look(kind)
        inside = Path(plugins.__file__).parent.parent
        assert str(own) in str(caught.value) and str(inside) in str(caught.value)


def test_two_own_folders_with_one_name_are_refused_and_one_named_twice_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        (folder / "strategies").mkdir(parents=True)
        (folder / "strategies" / "mine.py").write_text(STRATEGY)
    monkeypatch.setenv("HEADSTART_PLUGINS", os.pathsep.join(map(str, folders)))
    with pytest.raises(UsageError, match=r"two plug-ins 'mine'.*a.strategies.mine\.py and .*b.strategies.mine\.py"):
        plugins.names("strategies")
    monkeypatch.setenv("HEADSTART_PLUGINS", os.pathsep.join([str(folders[0])] * 2))
    assert "mine" in plugins.names("strategies")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package with one strategy under a name of the test's choice."""
    (tmp_path / "greenhouse_plugin.py").write_text(STRATEGY)
    (tmp_path / "greenhouse-1.dist-info").mkdir()
    (tmp_path / "greenhouse-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: greenhouse\nVersion: 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, what: str = "greenhouse_plugin:Dropped") -> None:
        entry = f"[headstart.strategies]\n{name} = {what}\n"
        (tmp_path / "greenhouse-1.dist-info" / "entry_points.txt").write_text(entry)

    return install


def test_another_packages_entry_point_is_a_plugin(package: Callable[..., None]) -> None:
    package("greenhouse")
    assert "greenhouse" in plugins.names("strategies")
    assert plugins.describe("strategies", "greenhouse") == "(from another package)"
    assert plugins.build("strategies", "greenhouse", {"size": 4}).size == 4


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("greenhouse_plugin:Missing", "cannot be imported: AttributeError"),
        ("nowhere_plugin:Dropped", "cannot be imported: ModuleNotFoundError"),
        ("greenhouse_plugin:dataclass", "is no dataclass"),
    ],
)
def test_an_entry_point_that_is_broken_is_named(package: Callable[..., None], what: str, problem: str) -> None:
    package("greenhouse", what)
    with pytest.raises(UsageError, match=f"strategy 'greenhouse', {what} of the package greenhouse, {problem}"):
        plugins.load("strategies", "greenhouse")


def test_an_entry_point_with_a_name_that_is_taken_is_refused(package: Callable[..., None]) -> None:
    package("full")
    with pytest.raises(UsageError, match=r"'full'.*full\.py and greenhouse_plugin:Dropped of the package greenhouse"):
        plugins.build("strategies", "linear_probe", {})


def test_a_plugin_is_named_after_its_file() -> None:
    partial = plugins.load("strategies", "partial")
    assert plugins.name_of(partial) == plugins.name_of(partial(k=2)) == "partial"


def test_a_misspelt_name_or_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no strategy 'linear_prob'. Did you mean 'linear_probe'\? Known: .*full"):
        plugins.build("strategies", "linear_prob", {})
    with pytest.raises(UsageError, match=r"'kk'. Did you mean 'k'\?"):
        plugins.build("strategies", "partial", {"kk": 1})


def test_listing_imports_no_torch() -> None:
    code = "import sys; from headstart.core import plugins as p\n"
    code += "[p.describe(kind, name) for kind in p.PACKAGES for name in p.names(kind)]"
    code += "; assert not {'torch', 'timm', 'numpy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
