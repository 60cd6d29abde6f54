"""Running under signals: the first one asks the run to stop, the second one kills it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagu.run.api import Runner, RunResult

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def supervise(runner: Runner) -> tuple[RunResult, int]:
    """Run to the end. Called from the main thread.

    Returns:
        How it ended, and the number of the first signal that came meanwhile, or 0.
    """
    # The run has a thread of its own: a signal handler interrupts the main thread anywhere, and must not find it
    # holding a lock of the run.
    result: Future[RunResult] = Future()

    def work() -> None:
        try:
            result.set_result(runner.run())
        except BaseException as error:  # noqa: BLE001 (it is raised in the main thread)
            result.set_exception(error)

    with _handled(runner) as received:
        threading.Thread(target=work, name="run").start()
        return result.result(), received[0] if received else 0


@contextmanager
def _handled(runner: Runner) -> Iterator[list[int]]:
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        name = signal.Signals(number).name
        runner.cancel(kill=len(received) > 1, reason=f"stopped by {name}")

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
