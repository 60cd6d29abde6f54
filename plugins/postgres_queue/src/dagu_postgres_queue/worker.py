"""A worker: takes runs, keeps its leases, and stops what it may no longer run."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from dagu.contracts.shared import OK, LocalRuns
from dagu_postgres_queue import jobs, orders, roster
from dagu_postgres_queue.database import Database, Unreachable
from dagu_postgres_queue.held import Held
from dagu_postgres_queue.history import PostgresHistory
from dagu_postgres_queue.listening import listen
from dagu_postgres_queue.shared import HOME
from dagu_postgres_queue.streams import Streams
from dagu_postgres_queue.timing import FENCE, LOST, RENEW

_log = logging.getLogger("dagu.worker")
_PAUSE = 1.0
_DAY = 86400.0
_HEALTH = 300.0
_ILL = 30.0
"""Seconds between two looks at an engine that answered, and at one that did not."""

_CHANNELS = (jobs.CHANNEL, orders.TOLD, HOME)


def boot_time() -> float:
    """Seconds that this machine is up, also those that it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Worker:
    """The worker of one machine, or one of several there.

    Args:
        about: Its row in the roster: ``name``, ``labels``, ``limit`` and more.
        keep_days: Days that its own copies of what is at home are kept.

    Raises:
        DaguError: The database can't be used, or another worker has the name.
    """

    def __init__(
        self, environ: Mapping[str, str], runs: LocalRuns, about: Mapping[str, Any], *, keep_days: float
    ) -> None:
        self._keep_days = keep_days
        self._environ = environ
        self._runs = runs
        self.name: str = about["name"]
        self._limit: int = about["limit"]
        self._queues = {engine: jobs.queues_for(about["labels"], engine=engine) for engine in (False, True)}
        self._incarnation = uuid.uuid4().hex
        # A lease must not wait for output on its way.
        self._leases = Database(environ)
        self._output = Database(environ)
        self._shared = PostgresHistory(self._output, about["place"], lambda _run_id: True)
        self._held: dict[str, Held] = {}
        self._changed = threading.Condition()
        self._draining = False
        self._health = ""
        self._doubt = threading.Event()
        self._closing = threading.Event()
        self._jobs = threading.Event()
        self._wishes = threading.Event()
        self._came_home = threading.Event()
        self._threads: list[threading.Thread] = []
        runs.end_leftovers()
        with self._leases.transaction() as connection:
            roster.register(connection, {**about, "incarnation": self._incarnation, "active": 0})
            orders.take_over(connection, self.name, self._incarnation)

    def start(self) -> None:
        """Begin to take runs; returns at once."""
        threading.Thread(target=self._look_after_engine, name="engine", daemon=True).start()
        for work in (self._listen, self._renew, self._fence, self._take):
            thread = threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True)
            self._threads.append(thread)
            thread.start()

    def drain(self) -> None:
        """Take nothing more; returns at once."""
        self._draining = True
        self._jobs.set()
        self._wishes.set()
        with self._changed:
            self._changed.notify_all()

    def running(self) -> list[str]:
        """Ids of the runs that it has."""
        with self._changed:
            return sorted(self._held)

    def wait_until_idle(self, timeout: float | None) -> bool:
        """Block until it has no run; False if that took longer, in seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held, timeout)

    def hand_back(self) -> None:
        """Stop all runs: they go to other workers, or end."""
        with self._changed:
            held = list(self._held.values())
        for each in held:
            each.hand_back()

    def kill(self) -> None:
        """Stop all runs at once."""
        with self._changed:
            held = list(self._held.values())
        for each in held:
            each.give_up("this worker ends")

    def close(self) -> None:
        """Leave the roster; no run is left."""
        self._closing.set()
        for event in (self._jobs, self._wishes, self._doubt):
            event.set()
        for thread in self._threads:
            thread.join()
        try:
            with self._leases.transaction() as connection:
                roster.remove(connection, self.name, self._incarnation)
        except Unreachable as error:
            _log.warning("%s", error)
        self._leases.close()
        self._output.close()

    # Threads

    def _listen(self) -> None:
        listen(self._environ, _CHANNELS, self._closing, tell=self._told)

    def _told(self, channels: Collection[str]) -> None:
        for channel, event in zip(_CHANNELS, (self._jobs, self._wishes, self._came_home), strict=True):
            if channel in channels:
                event.set()

    def _take(self) -> None:
        cleaned = -_DAY
        while not self._closing.is_set() and not self._draining:
            if boot_time() - cleaned > _DAY:
                self._runs.forget(self._keep_days)
                cleaned = boot_time()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._draining or self._closing.is_set() or len(self._held) < self._limit
                )
            self._jobs.clear()
            if self._draining or self._closing.is_set():
                return
            try:
                held = self._next()
            except Unreachable as error:
                _log.warning("%s", error)
                self._closing.wait(_PAUSE)
                continue
            if held is None:
                self._jobs.wait()
            else:
                _log.info("run %s begins", held.run_id)
                threading.Thread(target=self._work, args=(held,), name=f"run {held.run_id}").start()

    def _next(self) -> Held | None:
        asked_at = boot_time()
        with self._output.transaction() as connection:
            order = orders.take(connection, self._served(), self.name, self._incarnation)
            if order is None:
                return None
            run = self._shared.run(order["run_id"])
            streams = Streams(self._runs.home, run.run_id)
            streams.load(connection)
            # As on one machine, it is not running before its process has made the record of its steps.
            self._shared.update_run(run.run_id, worker_id=self.name)
            held = Held(
                order,
                run,
                streams,
                runs=self._runs,
                database=self._output,
                shared=self._shared,
                worker=self.name,
                renewed_at=asked_at,
                came_home=self._came_home,
            )
        with self._changed:
            self._held[held.run_id] = held
        return held

    def _work(self, held: Held) -> None:
        try:
            held.work()
        except Exception as error:  # noqa: BLE001 (a mistake of ours is told, and the other runs go on)
            _log.exception("run %s", held.run_id)
            held.abandon(f"worker {self.name} failed: {error}")
        finally:
            _log.info("run %s ended", held.run_id)
            if held.engine_failed:
                self._health = ""  # until it is known, no other run is to fail for the same reason
                self._doubt.set()
            with self._changed:
                del self._held[held.run_id]
                self._changed.notify_all()
            self._jobs.set()

    def _renew(self) -> None:
        while not self._closing.is_set():
            self._wishes.clear()
            with self._changed:
                held = dict(self._held)
            asked_at = boot_time()
            try:
                with self._leases.transaction() as connection:
                    rows = orders.renew(connection, self.name, self._incarnation, list(held))
                    roster.seen(
                        connection,
                        self.name,
                        self._incarnation,
                        active=len(held),
                        draining=self._draining,
                        health=self._health,
                    )
            except Unreachable as error:
                _log.warning("%s", error)
                self._closing.wait(_PAUSE)
                continue
            self._compare(held, {row["run_id"]: row for row in rows}, asked_at)
            self._wishes.wait(RENEW)

    def _compare(self, held: dict[str, Held], rows: dict[str, Any], asked_at: float) -> None:
        for run_id, each in held.items():
            row = rows.get(run_id)
            if row is not None and row["fence"] == each.fence:
                each.renewed_at = asked_at
                each.wish(row["desired"])
            elif not each.ended:
                each.give_up("its lease ran out")

    def _served(self) -> list[str]:
        # A worker without an engine would be the first to take what fails there at once.
        return self._queues[False] + (self._queues[True] if self._health == OK else [])

    def _look_after_engine(self) -> None:
        while not self._closing.is_set():
            self._doubt.clear()
            health = self._runs.health()
            if self._closing.is_set():
                return
            if health not in (self._health, OK):
                _log.warning("takes no runs in containers: %s", health)
            self._health = health
            for event in (self._wishes, self._jobs):
                event.set()
            self._doubt.wait(_HEALTH if health == OK else _ILL)

    def _fence(self) -> None:
        """Stop what another worker may soon take up. It needs nothing of the database, which may be what is away."""
        while not self._closing.wait(_PAUSE):
            now = boot_time()
            with self._changed:
                held = list(self._held.values())
            for each in held:
                if each.fences and now - each.renewed_at > FENCE:
                    each.give_up(f"its lease could not be renewed for {FENCE:g} s")


assert RENEW < LOST < FENCE
