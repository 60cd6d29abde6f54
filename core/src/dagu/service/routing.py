"""Which worker a run is for, as its workflow says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagu.contracts.records import RunRecord
from dagu.contracts.shared import BEGIN, INTERRUPT, Order
from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.run.needs import needs_engine
from dagu.workflow.load import load_text

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Where a run goes.

    Attributes:
        local: To this machine.
        selector: Labels that its worker must have, in order.
        on_lost: What becomes of it when its worker is lost.
        engine: It needs a container engine.
    """

    local: bool = False
    selector: tuple[str, ...] = ()
    on_lost: str = INTERRUPT
    engine: bool = False

    def order(self, run_id: str, command: str = BEGIN) -> Order:
        """For workers."""
        return Order(
            run_id=run_id, command=command, selector=self.selector, on_lost=self.on_lost, engine=self.engine
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
    )
