"""The root of the command line. A command's module is imported when the command is used, not to list it."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

import typer
import typer.core
import typer.main

from dagu.cli.session import Session
from dagu.cli.texts import take_as_they_are

if TYPE_CHECKING:
    Command = Any  # typer's own class has no public name

COMMANDS = {
    "start": "Run a workflow",
    "dry": "Go through a workflow without running its commands",
    "validate": "Check workflow files",
    "status": "Show a run and its steps",
    "start-all": "Run the scheduler and all services",
    "scheduler": "Run the scheduler alone",
    "enqueue": "Put a run of a workflow in a queue",
    "workflows": "List stored workflows; suspend their schedules",
    "history": "List runs",
    "logs": "Print the output of a run's steps",
    "stop": "Stop a run",
    "retry": "Take a run up again where it failed",
    "resume": "Go on with a run that was interrupted",
    "restart": "Start a workflow anew as a run did",
    "doctor": "Tell what would keep workflows from running here",
    "gc": "Remove what dead runs left behind",
    "usage": "Sum up what agents spent",
    "plugins": "Show what plugins are there and what they bring",
    "runtime": "Try container runtimes",
    "schema": "Print the JSON Schema of workflow files",
    "version": "Print the version",
}
"""Name and summary; the module is ``dagu.cli.commands.NAME``, dashes as underscores, its ``app`` the command."""

HELP = """Run workflows whose steps are commands and agents, on this machine or in containers.

\b
Examples:
  dagu validate build.yaml
  dagu start build.yaml -- target=release
  dagu history --last 7d
"""
EPILOG = "Plugins may bring more commands: `dagu plugins list` names them."


class Root(typer.core.TyperGroup):
    """The group of all commands."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Names of core's own commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Command | None:  # type: ignore[override]
        """A command of core, else of a plugin."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"dagu.cli.commands.{cmd_name.replace('-', '_')}")
            return _named(typer.main.get_command(module.app), cmd_name)
        if cmd_name.startswith("-"):
            return None
        from dagu.cli.plugin_commands import plugin_command

        return plugin_command(_session(ctx), cmd_name)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the list of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find the command that is meant, or tell which one may have been."""
        command = self.get_command(ctx, args[0])
        if command is None and not args[0].startswith("-"):
            known = [*COMMANDS, *_session(ctx).plugins.commands()]
            near = difflib.get_close_matches(args[0], known, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else " See `dagu --help` and `dagu plugins list`."
            ctx.fail(f"No such command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)


def root() -> Any:
    """The root command."""
    app = typer.Typer(
        cls=Root,
        rich_markup_mode=None,
        add_completion=True,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},  # commands take it over
    )
    app.callback(help=HELP, epilog=EPILOG)(_options)
    command = typer.main.get_command(app)
    take_as_they_are(command)
    return command


def _print_version(wanted: bool) -> None:
    if wanted:
        import dagu

        typer.echo(dagu.__version__)
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    del version


def _named(command: Any, name: str) -> Any:
    command.name = name
    take_as_they_are(command)
    return command


def _session(ctx: typer.Context) -> Session:
    found = ctx.find_root().obj
    return found if isinstance(found, Session) else Session({})
