"""Running the scheduler and services in the foreground."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dagu.cli.text import clean
from dagu.errors import UsageError

if TYPE_CHECKING:
    from dagu.cli.session import Session
    from dagu.contracts.specs import ServiceSpec

_writing = threading.Lock()


def serve(
    session: Session,
    flags: Mapping[str, str],
    *,
    services: Sequence[str] | None = None,
    scheduler: bool = True,
) -> int:
    """Run until a signal ends it: the first one ends in good order, each further one hurries.

    Args:
        flags: Given on the command line, by environment name; empty ones were not.
        services: Names of the services to run; None: all that plugins bring.

    Returns:
        The exit status: 0 after a signal.

    Raises:
        DaguError: Something could not be started.
    """
    from dagu.cli.supervise import supervise
    from dagu.contracts.specs import ServiceSpec
    from dagu.service.config import load_config
    from dagu.service.context import LocalContext
    from dagu.service.scheduler import Scheduler
    from dagu.service.supervisor import Supervisor

    _listen_to_loggers()
    specs = _chosen(session, services)
    context = LocalContext(load_config(session.environ, flags), session.plugins)
    if scheduler and context.shared is not None:
        service = context.shared.service
        specs["workers"] = ServiceSpec(
            name="workers", summary="Looks after workers", factory=lambda _context: service()
        )
    supervisor = Supervisor(
        context,
        scheduler=Scheduler(context, say=say) if scheduler else None,
        services=specs,
        say=say,
    )
    supervise(supervisor)
    return 0


def say(text: str) -> None:
    """Write a line with the time to standard error."""
    shown = "\n    ".join(clean(line) for line in text.splitlines())
    with _writing:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {shown}\n")
        sys.stderr.flush()


class _Saying(logging.Handler):
    """Says what loggers tell: those of dagu everything, those of libraries only what is wrong."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or record.name.partition(".")[0] == "dagu":
            say(self.format(record))


def _listen_to_loggers() -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[_Saying()], format="%(message)s")
    logging.getLogger("dagu").setLevel(logging.INFO)


def _chosen(session: Session, names: Sequence[str] | None) -> dict[str, ServiceSpec]:
    found = session.plugins.services()
    if names is None:
        return found
    for name in names:
        if name not in found:
            there = ", ".join(sorted(found)) or "none"
            raise UsageError(f"no plugin brings a service {name!r}", hint=f"there are: {there}")
    return {name: found[name] for name in names}
