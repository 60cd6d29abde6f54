"""``dagu plugins list`` and ``dagu runtime certify``."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from typing import Any

import pytest

import dagu as package
from dagu.contracts.specs import RuntimeSpec
from dagu.plugins import Plugins


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(environ: Any) -> Any:
        from dagu.testing import FakeRuntime

        return FakeRuntime()

    good, bad = types.ModuleType("good"), types.ModuleType("bad")
    spec = RuntimeSpec(name="fake", summary="", factory=make)
    good.dagu_register_runtimes = package.hookimpl(lambda: [spec])  # type: ignore[attr-defined]
    bad.dagu_register_runtime = package.hookimpl(lambda: [spec])  # type: ignore[attr-defined]
    found = Plugins({"DAGU_DISABLED_PLUGINS": "typo"}, extra=[good, bad], discover=False)
    monkeypatch.setattr("dagu.cli.session.Session.plugins", found)


def test_the_list_shows_what_is_there_and_why_not(dagu: Any, plugins: None) -> None:
    result = dagu("plugins", "list")
    assert result.code == 0
    assert "runtime fake" in result.out
    assert "set aside" in result.out
    assert "there is no hook dagu_register_runtime (meant: dagu_register_runtimes)" in result.out
    assert result.err == "DAGU_DISABLED_PLUGINS names 'typo', which is no plugin\n"


def test_as_json(dagu: Any, plugins: None) -> None:
    good, bad = json.loads(dagu("plugins", "list", "--json").out)
    assert (good["state"], good["runtimes"]) == ("active", ["fake"])
    assert bad["state"] == "set aside"
    assert bad["problems"]


def test_the_installed_plugins_are_listed(dagu: Any) -> None:
    program = dagu.program("plugins", "list", "--format", "json")
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    listed = {info["entry_point"]: info for info in json.loads(out)}
    assert listed["harness-shell"]["providers"] == ["shell"]


CERTIFY = """
import sys, types
import dagu
from dagu.cli.main import main
from dagu.cli.session import Session
from dagu.contracts.specs import RuntimeSpec
from dagu.plugins import Plugins
from dagu.testing import FakeRuntime
module = types.ModuleType("fake")
spec = RuntimeSpec(name="fake", summary="", factory=lambda environ: FakeRuntime())
module.dagu_register_runtimes = dagu.hookimpl(lambda: [spec])
Session.plugins = Plugins({}, extra=[module], discover=False)
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["fake", "--only", "missing_path"], 0, "1 passed"),
        (["--only", "missing_path"], 1, "no container runtime 'docker'"),
        (["fake", "--only", "no_such_case"], 1, "no case of the kit matches 'no_such_case'"),
        (["fake", "--known-differences", "none.json"], 1, "none.json can't be read"),
    ],
)
def test_certify(dagu: Any, arguments: list[str], code: int, text: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", CERTIFY, "runtime", "certify", *arguments],
        env={key: value for key, value in dagu.environ.items() if key != "DAGU_CONTAINER_RUNTIME"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert text in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
