"""Running under signals: the first one asks the run to stop, the second one kills it."""

from __future__ import annotations

import os
import select
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol, TypeVar

_STDERR = 2
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


T_co = TypeVar("T_co", covariant=True)


class Stoppable(Protocol[T_co]):
    """Something that runs until it ends or is told to: a run, or the services."""

    def run(self) -> T_co: ...
    def cancel(self, *, kill: bool = False, reason: str = "") -> None: ...


UNSEEN = "stopped: its output has no reader any more"
"""Why a run was stopped whose reader went away."""


LOST = "stopped: its worker is gone"
"""Why a run was stopped whose worker died."""

_LAST = 10.0
"""Seconds that such a run has to stop in good order: another worker may take it up."""


def supervise(
    runner: Stoppable[T_co],
    *,
    seen: bool = False,
    lifeline: bool = False,
    stopping: Callable[[], None] = lambda: None,
) -> tuple[T_co, int]:
    """Run to the end. Called from the main thread.

    Args:
        seen: It is to be stopped when standard error, a terminal or a pipe, has no reader any more.
        lifeline: It is to be stopped when standard input, a pipe, ends.
        stopping: Called after the first signal, if it goes on for the time being.

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
            with select.epoll() as waiting:
                waiting.register(reading, select.EPOLLIN)
                if seen and _has_reader():
                    waiting.register(_STDERR, 0)  # errors and hang-ups are told in any case
                line = _taken_lifeline(waiting) if lifeline else -1
                _wait(waiting, reading, runner, result, line, stopping)
            return result.result(), received[0] if received else 0
    finally:
        if thread.is_alive():
            thread.join()
        os.close(reading)
        os.close(writing)


def _taken_lifeline(waiting: select.epoll) -> int:
    """Have the end of standard input told, which steps get nothing of."""
    line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    waiting.register(line, 0)  # hang-ups are told in any case
    return line


def _wait(
    waiting: select.epoll,
    reading: int,
    runner: Stoppable[Any],
    result: Future[Any],
    line: int,
    stopping: Callable[[], None],
) -> None:
    told = False
    while not result.done():
        for descriptor, _ in waiting.poll():
            if descriptor == reading:
                # Numbers of signals, and 0 at the end.
                if any(os.read(reading, 512)) and not told and not result.done():
                    told = True
                    stopping()
            elif descriptor == line:
                waiting.unregister(line)
                runner.cancel(reason=LOST)
                last = threading.Timer(_LAST, runner.cancel, kwargs={"kill": True, "reason": LOST})
                last.daemon = True
                last.start()
            else:
                waiting.unregister(descriptor)
                runner.cancel(reason=UNSEEN)


def outlives_terminal() -> bool:
    """Whether this process was started by nohup(1), or to the same effect."""
    return hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def _has_reader() -> bool:
    try:
        return os.isatty(_STDERR) or stat.S_ISFIFO(os.fstat(_STDERR).st_mode)
    except OSError:  # it was closed from the beginning
        return False


@contextmanager
def _handled(runner: Stoppable[Any], wakeup: int) -> Iterator[list[int]]:
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        name = signal.Signals(number).name
        runner.cancel(kill=len(received) > 1, reason=f"stopped by {name}")

    wakeup_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    deaf = {signal.SIGHUP} if outlives_terminal() else set()
    heard = [number for number in SIGNALS if number not in deaf]
    before: dict[int, Any] = {number: signal.signal(number, handle) for number in heard}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_before)
