"""``dagu stop``."""

from __future__ import annotations

import signal
import time
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import DaguError
from dagu.history.records import Status

app = options.app()


@app.command()
def stop(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)],
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0, help="Seconds to wait for the end; 0 waits as long as it takes."),
    ] = 0,
) -> None:
    """Stop a run: its steps get their stop signal, its containers are removed. Returns when it ended.

    A run that is queued is taken out of its queue. Stopping a run that ended already is fine.

    \b
    Example:
      dagu stop 0190f4c2
    """
    found = session(context)
    run = found.history.run(run_id)
    shared = found.shared()
    if shared is not None and shared.cancel(run_id):
        if not shared.wait(run_id, timeout or None, output=False):
            raise DaguError(f"run {run_id} is still running after {timeout:g} s", hint="ask again to kill it")
        remark(f"run {run_id} ended: {found.history.status(run_id).value}")
    elif run.status is Status.RUNNING:
        found.locks.send_signal(run_id, signal.SIGTERM)
        if not found.locks.wait_until_free(run_id, timeout or None):
            raise DaguError(f"run {run_id} is still running after {timeout:g} s", hint="ask again to kill it")
        run = found.history.run(run_id)
        remark(f"run {run_id} ended: {run.status.value}")
    elif found.history.end_queued(run_id, Status.ABORTED, "stopped before it began", time.time()):
        remark(f"run {run_id} is out of its queue")
    else:
        remark(f"run {run_id} is not running: {run.status.value}")
