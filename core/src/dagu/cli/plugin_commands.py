"""Commands that plugins bring."""

from __future__ import annotations

from typing import Any

import typer
import typer.main

from dagu.cli.session import Session
from dagu.errors import PluginError

_CLICK: type[Exception] = typer.BadParameter.__mro__[2]
"""The root of usage errors, which typer gives no name."""


def plugin_command(session: Session, name: str) -> Any | None:
    """The command of that name that a plugin brings, None if none does.

    Raises:
        PluginError: The plugin failed to make it.
    """
    from dagu.plugins.attribution import attributed

    spec = session.plugins.commands().get(name)
    if spec is None:
        return None
    app = spec.factory()
    origin = session.plugins.command_origin(name)
    what = f"command {name!r}"
    if not isinstance(app, typer.Typer):
        raise PluginError(f"plugin {origin} failed ({what}): it made a {type(app).__name__}, no typer.Typer")
    command: Any = attributed(origin, what, lambda: typer.main.get_command(app))
    command.name = name
    command.help = command.help or spec.summary
    invoke = command.invoke
    expected = (typer.Exit, typer.Abort, _CLICK, BrokenPipeError)
    command.invoke = lambda ctx: attributed(origin, what, lambda: invoke(ctx), expected=expected)
    return command
