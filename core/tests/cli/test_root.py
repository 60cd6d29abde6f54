"""The root: what it lists, what it loads, and what it says when a command is not there."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest
import typer

import dagu as package
from dagu.cli.lazy import COMMANDS
from dagu.contracts.specs import CommandSpec
from dagu.errors import DaguError
from dagu.plugins import Plugins

HEAVY = {
    "yaml",
    "pluggy",
    "rich",
    "watchfiles",
    "sqlite3",
    "docker",
    "podman",
    "importlib.metadata",
    "packaging",
}


def test_help_lists_every_command(dagu: Any) -> None:
    result = dagu("--help")
    assert (result.code, result.err) == (0, "")
    for name, summary in COMMANDS.items():
        assert f"  {name} " in result.out
        assert summary in result.out


@pytest.mark.parametrize("command", [[], ["start"], ["plugins", "new"]])
def test_help_is_short_too(dagu: Any, command: list[str]) -> None:
    assert dagu(*command, "-h").out == dagu(*command, "--help").out != ""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_no_option_that_is_not_there(dagu: Any, name: str) -> None:
    text = dagu(name, "--help").out
    assert ("same as --format" in text) == ("-f, --format" in text)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from dagu.cli.main import main; main(['--help'])\nprint('MODULES', *sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = shown.rpartition("MODULES ")[2].split()
    assert "typer" in modules
    assert not HEAVY & set(modules)
    assert not [name for name in modules if name.startswith(("dagu.run", "dagu.workflow", "dagu.plugins"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(dagu: Any, name: str) -> None:
    result = dagu(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"Usage: dagu {name}" in result.out
    if name not in ("version", "plugins", "runtime", "workflows"):
        assert f"dagu {name}" in result.out.partition("Example")[2]


def test_version(dagu: Any) -> None:
    assert dagu("version").out == dagu("--version").out == f"{package.__version__}\n"


def test_an_unknown_command(dagu: Any) -> None:
    result = dagu("strat", "x.yaml")
    assert (result.code, result.out) == (2, "")
    assert "No such command 'strat'. Did you mean 'start'?" in result.err
    assert dagu("zzzzzz").code == 2
    assert dagu("--nope").code == 2


class TestPluginCommands:
    @pytest.fixture
    def bring(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def install(name: str, factory: Any) -> None:
            module = types.ModuleType("fake_plugin")
            spec = CommandSpec(name=name, summary="Does things", factory=factory)
            module.dagu_register_commands = package.hookimpl(lambda: [spec])  # type: ignore[attr-defined]
            plugins = Plugins({}, extra=[module], discover=False)
            monkeypatch.setattr("dagu.cli.session.Session.plugins", plugins)

        return install

    def app(self) -> typer.Typer:
        app = typer.Typer()

        @app.command()
        def greet(name: str, how: str = "fine") -> None:
            if name == "crash":
                raise ZeroDivisionError("by the plugin")
            if name == "refuse":
                raise DaguError("not this one")
            if name == "exit":
                raise typer.Exit(7)
            if name == "usage":
                raise typer.BadParameter("bad name")
            typer.echo(f"hello {name}, {how}")

        return app

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (["World", "--how", "well"], 0, "hello World, well\n"),
            (["exit"], 7, ""),
            ([], 2, "Missing argument"),
            (["usage"], 2, "bad name"),
            (["refuse"], 1, "Error: not this one\n"),
            (["crash"], 1, "plugin given  failed (command 'greet'): ZeroDivisionError: by the plugin"),
            (["--help"], 0, "Does things"),
        ],
    )
    def test_running_one(self, dagu: Any, bring: Any, arguments: list[str], code: int, text: str) -> None:
        bring("greet", self.app)
        result = dagu("greet", *arguments)
        assert result.code == code
        assert text in result.out + result.err
        assert "Traceback" not in result.err

    def test_one_that_can_not_be_made(self, dagu: Any, bring: Any) -> None:
        bring("greet", lambda: "no app")
        result = dagu("greet")
        assert result.code == 1
        assert "it made a str, no typer.Typer" in result.err

    def test_it_is_suggested_and_does_not_hide_our_own(self, dagu: Any, bring: Any) -> None:
        bring("greet", self.app)
        assert "Did you mean 'greet'?" in dagu("gret").err
        bring("version", self.app)
        assert dagu("version").out == f"{package.__version__}\n"
        assert "command 'version' is hidden by dagu's own" in dagu("plugins", "list").out


class TestErrors:
    def test_a_bug_is_one_line_unless_debugging(self, dagu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **options: object) -> None:
            raise KeyError("what")

        monkeypatch.setattr("dagu.history.store.History.runs", broken)
        result = dagu("history")
        assert result.code == 1
        assert result.err.startswith("Error: KeyError: 'what'\n  hint: this is a bug in dagu")
        assert "Traceback" not in result.err
        assert "Traceback" in dagu("history", DAGU_DEBUG="1").err

    def test_a_broken_history(self, dagu: Any) -> None:
        dagu.home.mkdir()
        (dagu.home / "history.db").write_text("this is no database" * 100)
        result = dagu("history")
        assert result.code == 1
        assert "file is not a database" in result.err
        assert "hint: move the file away" in result.err
        assert "Traceback" not in result.err

    def test_a_home_that_can_not_be(self, dagu: Any) -> None:
        dagu.home.write_text("a file")
        flow = dagu.file("w.yaml", "steps:\n  - run: 'true'\n")
        result = dagu("start", flow)
        assert result.code == 1
        assert "can't be made" in result.err
        assert "Traceback" not in result.err
