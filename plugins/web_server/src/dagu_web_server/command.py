"""``dagu server``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dagu_web_server.credentials import hash_password, hash_token, new_token

if TYPE_CHECKING:
    from dagu.contracts.specs import CommandHost

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def server(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.", show_default=False)] = "",
    port: Annotated[str, typer.Option("--port", help="Port to listen on.", show_default=False)] = "",
    dags_dir: Annotated[
        str,
        typer.Option(
            "--dags-dir",
            "-d",
            help="Where workflows are stored; without it, dags in DAGU_HOME.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Serve the web page and the REST API, without a scheduler, until a signal ends it.

    \b
    Examples:
      dagu server --port 9000
      dagu server hash-password
      dagu server new-token deploy
    """
    if context.invoked_subcommand is not None:
        return
    root = cast("CommandHost", context.find_root().obj)
    flags = {"DAGU_HOST": host, "DAGU_PORT": port, "DAGU_DAGS_DIR": dags_dir}
    raise typer.Exit(root.serve("web", flags))


@app.command("hash-password")
def hash_a_password() -> None:
    """Print the hash of a password, for DAGU_AUTH_PASSWORD_HASH. It is asked for, or read from standard input.

    \b
    Examples:
      dagu server hash-password
      printf %s "$PASSWORD" | dagu server hash-password
    """
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.read().removesuffix("\n")
    if not password:
        raise typer.BadParameter("the password is empty")
    typer.echo(hash_password(password))


@app.command("new-token")
def make_a_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it.", show_default=False)],
) -> None:
    """Print a new API token, and its entry for DAGU_AUTH_TOKENS. The token itself is kept nowhere.

    \b
    Examples:
      dagu server new-token deploy
    """
    if not name.strip() or set(name) & set(":,"):
        raise typer.BadParameter("a name has neither colon nor comma")
    token = new_token()
    typer.echo(f"token: {token}")
    typer.echo(f"entry: {name.strip()}:{hash_token(token)}")
