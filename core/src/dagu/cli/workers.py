"""Commands about runs that are a worker's."""

from __future__ import annotations

from dagu.cli.session import Session
from dagu.cli.text import remark


def on_worker(session: Session, run_id: str, command: str) -> bool:
    """Have a worker take up a run that was on one; False if it was not, and is taken up here.

    Raises:
        UsageError: The run can't be taken up.
    """
    shared = session.shared()
    if shared is None or not session.history.run(run_id).worker_id:
        return False
    from dagu.service.config import load_config
    from dagu.service.context import LocalContext

    context = LocalContext(load_config(session.environ), session.plugins)
    try:
        getattr(context, command)(run_id)
    finally:
        context.close()
    remark(f"run {run_id} goes to a worker; follow it with `dagu logs {run_id} --follow`")
    return True
