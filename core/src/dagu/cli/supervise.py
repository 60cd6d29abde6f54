"""Running under signals: the first one asks the run to stop, the second one kills it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol, TypeVar

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


T_co = TypeVar("T_co", covariant=True)


class Stoppable(Protocol[T_co]):
    """Something that runs until it ends or is told to: a run, or the services."""

    def run(self) -> T_co: ...
    def cancel(self, *, kill: bool = False, reason: str = "") -> None: ...


def supervise(runner: Stoppable[T_co]) -> tuple[T_co, int]:
    """Run to the end. Called from the main thread.

    Returns:
        How it ended, and the number of the first signal that came meanwhile, or 0.
    """
    # The run has a thread of its own: a signal handler interrupts the main thread anywhere, and must not find it
    # holding a lock of the run. The main thread waits on a pipe, because the kernel may hand a signal to any
    # thread, and only what comes through the wakeup descriptor is sure to wake the one that runs the handlers.
    result: Future[T_co] = Future()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def work() -> None:
        try:
            result.set_result(runner.run())
        except BaseException as error:  # noqa: BLE001 (it is raised in the main thread)
            result.set_exception(error)
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(writing, b"\0")

    thread = threading.Thread(target=work, name="run")
    try:
        with _handled(runner, writing) as received:
            thread.start()
            while not result.done():
                os.read(reading, 512)
            return result.result(), received[0] if received else 0
    finally:
        if thread.is_alive():
            thread.join()
        os.close(reading)
        os.close(writing)


@contextmanager
def _handled(runner: Stoppable[Any], wakeup: int) -> Iterator[list[int]]:
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        name = signal.Signals(number).name
        runner.cancel(kill=len(received) > 1, reason=f"stopped by {name}")

    wakeup_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    # Under nohup(1) a run is to outlive its terminal.
    heard = [
        number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]
    before: dict[int, Any] = {number: signal.signal(number, handle) for number in heard}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_before)
