"""Which worker a run is for, as its workflow says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from dagu.contracts.records import RunRecord
from dagu.contracts.shared import BEGIN, INTERRUPT, Order
from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.run.needs import needs_engine
from dagu.workflow.load import load_text
from dagu.workflow.model import Workflow

LOCAL = "local"
COPY = "copy"


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Where a run goes.

    Attributes:
        local: To this machine.
        selector: Labels that its worker must have, in order.
        on_lost: What becomes of it when its worker is lost.
        engine: It needs a container engine.
        workspace: The directory that goes along; None if none does.
    """

    local: bool = False
    selector: tuple[str, ...] = ()
    on_lost: str = INTERRUPT
    engine: bool = False
    workspace: str | None = None

    def order(self, run_id: str, command: str = BEGIN, *, workspace: BinaryIO | None = None) -> Order:
        """For workers, with the archive of the directory that goes along."""
        return Order(
            run_id=run_id,
            command=command,
            selector=self.selector,
            on_lost=self.on_lost,
            engine=self.engine,
            workspace=workspace,
        )


def routing(run: RunRecord, base: Path | None) -> Routing:
    """What the workflow of a recorded run says, as its file was then."""
    try:
        file = Path(run.file) if run.file else None
        workflow = load_text(run.source, name=run.file or run.workflow, file=file, base=base)
    except DaguError:
        return Routing(local=True)  # the run tells what is wrong
    rest = workflow.rest
    given = rest.get("worker_selector")
    labels = given.items() if isinstance(given, Mapping) else ()
    return Routing(
        local=given == LOCAL,
        selector=tuple(sorted(f"{name}={value}" if value else str(name) for name, value in labels)),
        on_lost=str(rest.get("on_worker_lost") or INTERRUPT),
        engine=any(needs_engine(document) for document in (workflow, *workflow.documents.values())),
        workspace=_workspace(workflow, file) if rest.get("workspace") == COPY else None,
    )


def _workspace(workflow: Workflow, file: Path | None) -> str:
    beside = file.absolute().parent if file else Path.cwd()
    return os.path.normpath(beside / os.path.expanduser(workflow.working_dir))
