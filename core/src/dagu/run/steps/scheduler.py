"""Which step is ready: runs a graph of steps in dependency order, as many side by side as may be."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from dagu.history.records import Status
from dagu.run.steps.outcome import Outcome, excused
from dagu.workflow.model import Step

Work = Callable[[Step, Mapping[str, Outcome]], Outcome]
"""Runs a step, given the outcomes of all that ended before, and never raises for a failed step."""


class Scheduler:
    """Runs each step once all that it depends on have ended, in file order among those that are ready.

    Args:
        steps: They have no cycle; ``depends`` names steps among them.
        work: Called on threads.
        dropped: Told of each step that will not run, and its outcome.
        limit: How many run at once; 0 is no limit.
        stopped: Once set, no further step starts; those not started are aborted.
        done: Outcomes of steps that need not run again.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        work: Work,
        *,
        dropped: Callable[[Step, Outcome], None],
        limit: int,
        stopped: threading.Event,
        done: Mapping[str, Outcome] | None = None,
    ) -> None:
        self._steps = steps
        self._work = work
        self._dropped = dropped
        self._limit = limit or len(steps)
        self._stopped = stopped
        self.outcomes: dict[str, Outcome] = dict(done or {})
        self._index = {step.name: index for index, step in enumerate(steps)}
        self._dependents: dict[str, list[str]] = {step.name: [] for step in steps}
        self._missing: dict[str, int] = {}
        self._ready: list[int] = []
        self._ended: SimpleQueue[tuple[Step, Future[Outcome]]] = SimpleQueue()
        for step in steps:
            if step.name not in self.outcomes:
                waits = [name for name in dict.fromkeys(step.depends) if name not in self.outcomes]
                self._missing[step.name] = len(waits)
                for name in waits:
                    self._dependents[name].append(step.name)

    def run(self) -> Mapping[str, Outcome]:
        """Run everything, and return each step's outcome.

        Raises:
            Exception: What ``work`` raised against its promise; after all that ran has ended.
        """
        failure: BaseException | None = None
        running = 0
        for name in [name for name, missing in self._missing.items() if missing == 0]:
            if self._consider(name) is not None:
                self._end(name, self.outcomes[name])
        with ThreadPoolExecutor(self._limit, thread_name_prefix="step") as pool:
            while self._ready or running:
                while self._ready and running < self._limit:
                    running += self._launch(pool, heapq.heappop(self._ready))
                if not running:
                    continue
                step, future = self._ended.get()
                running -= 1
                error = future.exception()
                if error is not None:
                    failure = failure or error
                    self._stopped.set()
                    self._end(step.name, Outcome(status=Status.FAILED, error=str(error)))
                else:
                    self._end(step.name, future.result())
        if failure is not None:
            raise failure
        return self.outcomes

    def _launch(self, pool: ThreadPoolExecutor, index: int) -> int:
        step = self._steps[index]
        if self._stopped.is_set():
            self._end(step.name, self._drop(step, Status.ABORTED))
            return 0
        future = pool.submit(self._work, step, self.outcomes)
        future.add_done_callback(lambda ended: self._ended.put((step, ended)))
        return 1

    def _end(self, name: str, outcome: Outcome) -> None:
        # A loop, not a recursion: what a failure drops may be a long chain.
        self.outcomes[name] = outcome
        ended = [name]
        while ended:
            for dependent in self._dependents[ended.pop()]:
                self._missing[dependent] -= 1
                if self._missing[dependent] == 0 and self._consider(dependent) is not None:
                    ended.append(dependent)

    def _consider(self, name: str) -> Outcome | None:
        """Queue a step whose dependencies have all ended, or drop it and return its outcome."""
        step = self._steps[self._index[name]]
        blocking = {o.status for d in step.depends if not (o := self.outcomes[d]).lets_go_on}
        if not blocking:
            heapq.heappush(self._ready, self._index[name])
            return None
        if blocking == {Status.SKIPPED}:
            status = Status.SKIPPED
        elif blocking <= {Status.WAITING, Status.NOT_STARTED, Status.SKIPPED}:
            status = Status.NOT_STARTED
        else:
            status = Status.ABORTED
        self.outcomes[name] = outcome = self._drop(step, status)
        return outcome

    def _drop(self, step: Step, status: Status) -> Outcome:
        outcome = excused(step, Outcome(status=status))
        self._dropped(step, outcome)
        return outcome
