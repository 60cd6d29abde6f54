"""``dagu worker``."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dagu.errors import DaguError, UsageError
from dagu_postgres_queue.worker_table import table

if TYPE_CHECKING:
    from dagu.contracts.shared import SharedDatabase
    from dagu.contracts.specs import CommandHost
    from dagu_postgres_queue.worker import Worker

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_STEP = 0.2
_STOPPING = 60.0
"""Seconds that runs have to stop once they are told to."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def worker(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Option("--name", envvar="DAGU_WORKER_NAME", help="Unique; without it, the name of the host."),
    ] = "",
    labels: Annotated[
        str,
        typer.Option("--labels", envvar="DAGU_WORKER_LABELS", help="What runs may select: gpu,region=eu."),
    ] = "",
    max_active_runs: Annotated[
        int,
        typer.Option(
            "--max-active-runs", envvar="DAGU_WORKER_MAX_ACTIVE_RUNS", min=1, help="How many runs at once."
        ),
    ] = 4,
    drain: Annotated[
        float,
        typer.Option(
            "--drain", envvar="DAGU_WORKER_DRAIN", min=0, help="Seconds that runs have to end after SIGTERM."
        ),
    ] = 300,
    keep_days: Annotated[
        float,
        typer.Option(
            "--keep-days", envvar="DAGU_WORKER_KEEP_DAYS", min=0, help="Days that its own copies are kept."
        ),
    ] = 7,
) -> None:
    """Take runs from the database that DAGU_DATABASE_URL names, until a signal ends it.

    The first SIGTERM or Ctrl-C stops the taking and waits for the runs; when their time is up, or after a second
    signal, they are stopped: those with `on_worker_lost: retry` go to another worker.

    \b
    Examples:
      dagu worker
      dagu worker --name gpu-1 --labels gpu,region=eu --max-active-runs 2
      dagu worker list
    """
    if context.invoked_subcommand is not None:
        return
    host = cast("CommandHost", context.find_root().obj)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("dagu").setLevel(logging.INFO)
    _serve(host, name or socket.gethostname(), _labels(labels), max_active_runs, drain, keep_days)


def _labels(text: str) -> list[str]:
    found = sorted({label.strip() for label in text.split(",") if label.strip()})
    if wrong := [label for label in found if "+" in label]:
        raise UsageError(f"a label has no plus sign: {', '.join(wrong)}")
    return found


def _serve(
    host: CommandHost, name: str, labels: list[str], limit: int, drain: float, keep_days: float
) -> None:
    import dagu
    from dagu_postgres_queue.place import locked, place_of
    from dagu_postgres_queue.worker import Worker

    runs = host.local_runs(name)
    with locked(runs.home, name), _Signals() as signals:
        about: dict[str, Any] = {
            "name": name,
            "labels": labels,
            "limit": limit,
            "runtime": host.environ.get("DAGU_CONTAINER_RUNTIME", "") or "docker",
            "host": socket.gethostname(),
            "version": dagu.__version__,
            "place": place_of(runs.home),
        }
        found = Worker(host.environ, runs, about, keep_days=keep_days)
        found.start()
        _say(f"worker {name} takes up to {limit} runs at once; labels: {', '.join(labels) or 'none'}")
        signals.wait(None)
        found.drain()
        if not _idle(found, signals, drain):
            found.hand_back()
            if not _idle(found, signals, _STOPPING):
                found.kill()
                found.wait_until_idle(None)
        found.close()
        runs.close()


def _idle(worker: Worker, signals: _Signals, seconds: float) -> bool:
    """Wait until the worker has no run; False after that time, or a signal."""
    until = time.monotonic() + seconds
    if left := worker.running():
        _say(f"waiting at most {seconds:g} s for {', '.join(left)}")
    while not worker.wait_until_idle(_STEP):
        if signals.wait(0) or time.monotonic() >= until:
            return False
    return True


class _Signals:
    """The signals that end a worker. A handler only notes them: it may interrupt anything."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(writing, False)
        self._writing = writing

    def __enter__(self) -> _Signals:
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        return self

    def __exit__(self, *exc: object) -> None:
        signal.set_wakeup_fd(-1)

    def wait(self, seconds: float | None) -> bool:
        """Wait for a signal; False after that time."""
        import select

        ready, _, _ = select.select([self._reading], [], [], seconds)
        if ready:
            os.read(self._reading, 64)
        return bool(ready)


@app.command("list")
def list_workers(context: typer.Context, as_json: AsJson = False) -> None:
    """List the workers: their labels, runtime, state, health and load.

    HEALTH tells whether the container engine answers, LOAD how many processes want to run for each processor.

    \b
    Example:
      dagu worker list
    """
    found = [dict(each) for each in _shared(context).workers()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for line in table(found, time.time()):
        typer.echo(line)


@app.command()
def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The lost worker.", show_default=False)],
) -> None:
    """Say that a lost worker runs nothing any more, so that its runs may be taken up elsewhere.

    \b
    Example:
      dagu worker forget gpu-1
    """
    from dagu_postgres_queue import roster
    from dagu_postgres_queue.database import Database

    host = cast("CommandHost", context.find_root().obj)
    database = Database(host.environ)
    try:
        with database.transaction() as connection:
            runs = roster.forget(connection, name)
    finally:
        database.close()
    typer.echo(f"worker {name} is forgotten" + (f"; its runs: {', '.join(runs)}" if runs else ""))


def _shared(context: typer.Context) -> SharedDatabase:
    host = cast("CommandHost", context.find_root().obj)
    shared = host.shared()
    if shared is None:
        raise DaguError(
            "DAGU_DATABASE_URL is not set", hint="workers need a database that all machines share"
        )
    return shared


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()
