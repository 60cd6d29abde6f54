"""``dagu db``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import typer

from dagu.errors import DaguError

if TYPE_CHECKING:
    from dagu.contracts.specs import CommandHost

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OLDEST = 130000


@app.callback()
def db() -> None:
    """Prepare and check the database that DAGU_DATABASE_URL names."""


@app.command()
def migrate(context: typer.Context) -> None:
    """Bring the database's tables to this version; doing so again changes nothing.

    \b
    Example:
      dagu db migrate
    """
    from dagu_postgres_queue import schema
    from dagu_postgres_queue.database import connect

    host = cast("CommandHost", context.find_root().obj)
    with connect(host.environ) as connection:
        for step in schema.migrate(connection):
            typer.echo(f"applied {step}")
        typer.echo("the database is up to date")


@app.command()
def check(context: typer.Context) -> None:
    """Tell whether the database can be used, and what would get in the way.

    \b
    Example:
      dagu db check
    """
    from dagu_postgres_queue import schema
    from dagu_postgres_queue.database import connect
    from dagu_postgres_queue.url import shown

    host = cast("CommandHost", context.find_root().obj)
    with connect(host.environ) as connection:
        info = connection.info
        typer.echo(f"database: {shown(host.environ)}")
        typer.echo(f"server: PostgreSQL {info.server_version // 10000}.{info.server_version % 10000}")
        typer.echo(f"encrypted: {'yes' if connection.pgconn.ssl_in_use else 'no'}")
        if info.server_version < _OLDEST:
            raise DaguError("PostgreSQL 13 or newer is needed")
        row = connection.execute("SHOW server_encoding").fetchone()
        if row is None or row["server_encoding"] != "UTF8":
            raise DaguError("the database's encoding is not UTF8", hint="create it with ENCODING 'UTF8'")
        schema.check(connection)
        row = connection.execute(
            "SELECT abs(extract(epoch FROM clock_timestamp()) - %s)::float8 AS off", (_now(),)
        ).fetchone()
        assert row is not None
        typer.echo(f"tables: version {schema.version(connection)}")
        typer.echo(f"clocks differ by: {row['off']:.1f} s")
        _hear(connection, host)


def _now() -> float:
    import time

    return time.time()


def _hear(connection: object, host: CommandHost) -> None:
    """Whether notifications arrive, which poolers in transaction mode swallow."""
    from dagu_postgres_queue.database import connect

    with connect(host.environ) as listening, connect(host.environ) as telling:
        listening.execute("LISTEN dagu_check")
        telling.execute("NOTIFY dagu_check")
        heard = bool(list(listening.notifies(timeout=2, stop_after=1)))
    del connection
    typer.echo(f"notifications: {'arrive' if heard else 'do not arrive; everything takes up to 2 s longer'}")
