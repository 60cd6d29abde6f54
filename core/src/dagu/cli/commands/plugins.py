"""``dagu plugins``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dagu.cli import options
from dagu.cli.lazy import COMMANDS
from dagu.cli.options import AsJson, OneFormat, TextOrJson
from dagu.cli.session import session
from dagu.cli.text import clean, remark, table

if TYPE_CHECKING:
    from dagu.plugins.catalog import PluginInfo

app = options.app()


@app.callback()
def group() -> None:
    """Show what plugins are there and what they bring."""


@app.command("list")
def list_plugins(
    context: typer.Context, output: OneFormat = TextOrJson.TEXT, as_json: AsJson = False
) -> None:
    """List every installed plugin, also those that are not used, with the reason.

    \b
    Examples:
      dagu plugins list
      dagu plugins list --json
      DAGU_DISABLED_PLUGINS=acme-runtime dagu plugins list
    """
    plugins = session(context).plugins
    infos = plugins.info()
    for name in plugins.unknown_disabled():
        remark(f"DAGU_DISABLED_PLUGINS names {name!r}, which is no plugin")
    if as_json or output is TextOrJson.JSON:
        options.print_json([asdict(info) for info in infos])
        return
    if not infos:
        remark("no plugins are installed")
        return
    heads = ("DISTRIBUTION", "VERSION", "ENTRY POINT", "STATE", "BRINGS")
    rows = [(info.distribution, info.version, info.entry_point, info.state, _brings(info)) for info in infos]
    typer.echo(table(heads, rows), nl=False)
    for info in infos:
        for problem in (*info.problems, *_hidden(info)):
            typer.echo(f"! {info.distribution} {info.version}: {clean(problem)}")


@app.command("new")
def new_plugin(
    kind: Annotated[str, typer.Argument(metavar="runtime|provider", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    directory: Annotated[str, typer.Option("--directory", help="Where to put it.")] = ".",
) -> None:
    """Write the skeleton of a plugin: a distribution that installs, and passes its conformance kit.

    \b
    Examples:
      dagu plugins new provider my-agent
      dagu plugins new runtime my-engine --directory ~/src
    """
    from pathlib import Path

    from dagu.cli.skeletons import write

    folder = write(kind, name, Path(directory))
    typer.echo(f"{folder}")
    remark(f"next: pip install -e '{folder}[test]' && pytest {folder}")


def _brings(info: PluginInfo) -> str:
    kinds = (
        ("runtime", info.runtimes),
        ("provider", info.providers),
        ("command", info.commands),
        ("service", info.services),
        ("database", info.databases),
    )
    named = [f"{kind} {name}" for kind, names in kinds for name in names]
    if "dagu_review_container" in info.hooks:
        named.append("container review")
    if "dagu_run_event" in info.hooks:
        named.append("run observer")
    return ", ".join(named)


def _hidden(info: PluginInfo) -> list[str]:
    return [f"command {name!r} is hidden by dagu's own" for name in info.commands if name in COMMANDS]
