"""The scheduler and the services of plugins in one process, kept running until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from dagu.contracts.specs import Service, ServiceSpec
from dagu.errors import DaguError
from dagu.service.context import LocalContext
from dagu.service.drain import Drain
from dagu.service.scheduler import Scheduler

SETTLED = 5.0
"""Seconds after which a service counts as started: if it fails earlier, everything stops with its error."""

SERVICE_GRACE = 5.0
"""Seconds that a service has to finish what it is doing."""

_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Supervisor:
    """Runs the scheduler and services.

    A service that fails after it had started is made anew, after a pause that grows each time.

    Args:
        scheduler: None without one; runs then go on when services stop.
        say: Told in a line what happens, from any thread.
    """

    def __init__(
        self,
        context: LocalContext,
        *,
        scheduler: Scheduler | None,
        services: Mapping[str, ServiceSpec],
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._context = context
        self._scheduler = scheduler
        self._services = services
        self._say = say
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._failure: Exception | None = None
        self._drain: Drain | None = None
        self._serving: dict[str, Service] = {}
        self._lock = threading.Lock()

    def cancel(self, *, kill: bool = False, reason: str = "") -> None:
        """Have :meth:`run` return, from a signal handler or another thread; returns at once.

        Args:
            kill: Wait no longer for what is waited for now.
            reason: Why, in a few words.
        """
        threading.Thread(target=self._cancel, args=(kill, reason), name="cancel", daemon=True).start()

    def run(self) -> None:
        """Serve until told to stop, then end services and runs.

        Raises:
            DaguError: Something could not be started.
        """
        try:
            # Before any starts, so that a setting that does not fit stops all of them.
            made = {name: spec.factory(self._context) for name, spec in self._services.items()}
            threads = [
                threading.Thread(target=self._keep, args=(name, service), name=name)
                for name, service in made.items()
            ]
            if self._scheduler is not None:
                threads.append(
                    threading.Thread(target=self._schedule, args=(self._scheduler,), name="scheduler")
                )
            for thread in threads:
                thread.start()
            self._stop.wait()
            self._end(threads)
        finally:
            self._context.close()
        if self._failure is not None:
            raise self._failure

    def _cancel(self, kill: bool, reason: str) -> None:
        if not self._stop.is_set():
            self._say(reason or "stopping")
            self._stop.set()
        if kill:
            with self._lock:
                self._hurry.set()
                if self._drain is not None:
                    self._drain.hurry()

    def _end(self, threads: list[threading.Thread]) -> None:
        if self._scheduler is not None:
            self._scheduler.stop()
        self._context.launcher.refuse("dagu is stopping")
        with self._lock:
            serving = list(self._serving.items())
        stopping = [
            threading.Thread(target=self._stop_service, args=each, name=f"stop {each[0]}") for each in serving
        ]
        for thread in stopping:
            thread.start()
        if self._scheduler is not None:
            with self._lock:
                self._drain = Drain(self._context, hurry=self._hurry, say=self._say)
            self._drain(self._context.config.stop_grace)
        for thread in (*stopping, *threads):
            thread.join()

    def _stop_service(self, name: str, service: Service) -> None:
        try:
            service.stop(SERVICE_GRACE)
        except Exception as error:  # noqa: BLE001 (the others are to be stopped too)
            self._say(f"{name} could not be stopped: {error}")

    def _schedule(self, scheduler: Scheduler) -> None:
        try:
            scheduler.run()
        except Exception as error:  # noqa: BLE001 (it is raised where everything is ended)
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._stop.set()

    def _keep(self, name: str, service: Service) -> None:
        """Run a service, and again when it fails."""
        pause, settled = _PAUSE, False
        while True:
            with self._lock:
                if self._stop.is_set():
                    return
                self._serving[name] = service
            began = time.monotonic()
            error: Exception
            try:
                service.run()
                error = DaguError(f"service {name} ended without being told to")
            except Exception as raised:  # noqa: BLE001 (a plugin's; it is told below)
                error = raised
            lasted = time.monotonic() - began
            with self._lock:
                del self._serving[name]
            if self._stop.is_set():
                return
            if lasted < SETTLED and not settled:
                self._fail(error)
                return
            settled = True
            if lasted > _LONGEST_PAUSE:
                pause = _PAUSE
            self._say(f"service {name} failed and is started again in {pause:g} s: {error}")
            if self._stop.wait(pause):
                return
            pause = min(_LONGEST_PAUSE, pause * 2)
            try:
                service = self._services[name].factory(self._context)
            except Exception as raised:  # noqa: BLE001
                self._fail(raised)
                return
