"""A home with stored workflows, a scheduler over it, and clocks that tests turn."""

from __future__ import annotations

import os
import signal
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dagu.history.records import RunRecord, Status
from dagu.plugins import Plugins
from dagu.service.config import Config, load_config
from dagu.service.context import LocalContext
from dagu.service.scheduler import Scheduler

HANG = 120.0
"""Seconds after which a test gives up; nothing is asserted about speed."""


class HandClock:
    """Stands still until it is turned; then waits until the scheduler has done what it does about it."""

    def __init__(self, now: datetime = datetime(2026, 6, 1, 10, 0, 30, tzinfo=UTC)) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._wake: threading.Event | None = None
        self._rests = 0

    def now(self) -> datetime:
        return self._now

    def wait(self, wake: threading.Event, until: datetime | None) -> None:
        with self._changed:
            if until is not None and until <= self._now:
                return
            self._wake = wake
            self._rests += 1
            self._changed.notify_all()
        wake.wait()

    def turn(self, clock: str) -> None:
        """Go on to a time of the day."""
        hour, minute = (int(part) for part in clock.split(":"))
        with self.reaction():
            self._now = self._now.replace(hour=hour, minute=minute, second=0)
            if self._wake is not None:
                self._wake.set()

    def forget(self) -> None:
        """The scheduler is gone."""
        with self._changed:
            self._wake = None

    def rest_until(self, wanted: Callable[[], bool]) -> None:
        """Wait until the scheduler rests, and something is so."""
        with self._changed:
            assert self._changed.wait_for(wanted, HANG)

    @contextmanager
    def reaction(self, *, first: bool = False) -> Iterator[None]:
        """Do something, and wait until the scheduler, if there is one, rests again."""
        with self._changed:
            rests = self._rests
            yield
            if first or self._wake is not None:
                assert self._changed.wait_for(lambda: self._rests > rests, HANG)


class FastClock:
    """Runs so many times as fast as the clock of this machine."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began = time.monotonic()
        self._start = datetime(2026, 6, 1, 10, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * self._factor)

    def wait(self, wake: threading.Event, until: datetime | None) -> None:
        rest = None if until is None else max(0.0, (until - self.now()).total_seconds()) / self._factor
        wake.wait(rest)


class Home:
    """A home directory, and what works in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.environ = {**os.environ, "DAGU_HOME": str(path), "SHELL": "/bin/sh", "TZ": "UTC"}
        self.contexts: list[LocalContext] = []
        self._running: list[tuple[Scheduler, threading.Thread]] = []
        self._clocks: dict[Scheduler, object] = {}
        self.errors: list[BaseException] = []

    def config(self, **environ: str) -> Config:
        return load_config({**self.environ, **environ})

    def context(self, **environ: str) -> LocalContext:
        context = LocalContext(self.config(**environ), Plugins({}, discover=False))
        self.contexts.append(context)
        return context

    def write(self, name: str, text: str) -> Path:
        """Store a workflow."""
        file = self.path / "dags" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def schedule(self, context: LocalContext, clock: object, *, second: bool = False) -> Scheduler:
        """Run a scheduler until the end of the test; return once it rests, unless it is a second one."""
        scheduler = Scheduler(context, clock=clock, say=self.said.append)  # type: ignore[arg-type]

        def work() -> None:
            try:
                scheduler.run()
            except BaseException as error:  # noqa: BLE001 (told at the end of the test)
                self.errors.append(error)

        thread = threading.Thread(target=work, name="scheduler under test")
        self._running.append((scheduler, thread))
        self._clocks[scheduler] = clock
        with clock.reaction(first=True) if isinstance(clock, HandClock) and not second else nullcontext():
            thread.start()
        return scheduler

    def stop(self, scheduler: Scheduler) -> None:
        """Stop a scheduler, and wait for its end."""
        scheduler.stop()
        for each, thread in self._running:
            if each is scheduler:
                thread.join(HANG)
                assert not thread.is_alive()
        clock = self._clocks[scheduler]
        if isinstance(clock, HandClock):
            clock.forget()

    def close(self) -> None:
        for scheduler, _ in self._running:
            self.stop(scheduler)
        for context in self.contexts:
            for run_id in context.launcher.running():
                context.launcher.send_signal(run_id, signal.SIGTERM)
                context.launcher.wait(run_id)
            context.close()
        assert not self.errors, self.errors


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    made.path.mkdir()
    yield made
    made.close()


Until = Callable[[LocalContext, Callable[[list[RunRecord]], bool]], list[RunRecord]]


@pytest.fixture
def until() -> Until:
    """Waits until the runs are as wanted, and gives them, oldest first. It waits for changes; it does not poll."""

    def wait(context: LocalContext, wanted: Callable[[list[RunRecord]], bool]) -> list[RunRecord]:
        changed = threading.Event()
        end = time.monotonic() + HANG
        with context.changes.subscribed(changed.set):
            while True:
                changed.clear()
                runs = context.history.runs(limit=None)[::-1]
                if wanted(runs):
                    return runs
                for run in runs:
                    if run.status is Status.RUNNING:
                        context.changes.watch_run(run.run_id)
                assert changed.wait(end - time.monotonic()), f"still {[(r.run_id, r.status) for r in runs]}"

    return wait


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture
def fast_clock() -> FastClock:
    """A minute in three seconds."""
    return FastClock(20)
