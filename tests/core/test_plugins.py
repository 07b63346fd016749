"""Claims of the plug-ins: a file is the plug-in; listing imports nothing; misspelt names and options are named."""

from __future__ import annotations

import subprocess
import sys
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
