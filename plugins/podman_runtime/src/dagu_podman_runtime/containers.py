"""Containers: started, looked at, ended, removed."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from dagu.contracts.container import EMPTY, ContainerState, ContainerStatus, ExitStatus
from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, ContainerNotFound, RequestRefused, RuntimeFailure
from dagu_podman_runtime import state
from dagu_podman_runtime.connection import PATIENT, PROMPT, Connection, Timeout, path_name
from dagu_podman_runtime.ends import Ends
from dagu_podman_runtime.facts import Facts
from dagu_podman_runtime.health import HealthChecks
from dagu_podman_runtime.networks import carries, label_filters
from dagu_podman_runtime.oom import OomWatch
from dagu_podman_runtime.streams import NoStreams, Pump
from dagu_podman_runtime.waits import Waits

_ENDING = re.compile(r"/proc/\d+/cgroup: no such")


class Containers:
    """The containers of one service."""

    def __init__(self, connection: Connection, facts: Callable[[], Facts]) -> None:
        self._connection = connection
        self._facts = facts
        self._waits = Waits(connection, self.look, lambda: facts().shares_filesystem)
        self._ends = Ends(connection, self.look, self._waits)
        self._health = HealthChecks(connection, self.look)
        self._watches: dict[str, OomWatch] = {}
        self._lock = threading.Lock()

    def look(self, container: str) -> Mapping[str, Any]:
        """Podman's description of a container, with the engine's time as ``Now``.

        Raises:
            ContainerNotFound: It is not there.
        """
        try:
            answer = self._call("GET", container, "json")
        except RequestRefused as error:
            # The description reads a file of the first process, which fails until Podman knows that it ended.
            if not _ENDING.search(error.message):
                raise
            self._call("POST", container, "wait", params={"condition": "exited", "interval": "10ms"})
            answer = self._call("GET", container, "json")
        found: dict[str, Any] = answer.json()
        if date := answer.headers.get("Date"):
            found["Now"] = parsedate_to_datetime(date).timestamp()
        return found

    def attach(self, container: str, streams: Streams) -> Attachment:
        """Connect to the standard streams."""
        # Podman would make an ended container ready to run again.
        status = state.container_state(self.look(container)).status
        if status is ContainerStatus.EXITED:
            return NoStreams()
        try:
            output, first = self._attach(container, output=True)
        except ContainerNotFound:
            raise
        except (CommandNotFound, CommandForbidden, RequestRefused):
            if status is not ContainerStatus.CREATED:
                raise
            # Attaching makes the container ready to run. What that finds, `start` finds, and tells.
            return NoStreams()
        if streams.stdin is None:
            return Pump(output, first, streams)
        try:
            # On the same connection, input that a process leaves unread would cost the end of its output.
            stdin, _ = self._attach(container, output=False)
        except BaseException:
            output.close()
            raise
        return Pump(output, first, streams, input=stdin)

    def start(self, container: str) -> None:
        """Start a created container."""
        found = self.look(container)
        name = str(found["Id"])
        host = found.get("HostConfig") or {}
        facts = self._facts()
        limited = bool(host.get("Memory")) and facts.sees_oom and not facts.cgroup_v2
        if limited or host.get("AutoRemove"):
            self._call("POST", name, "init", timeout=PATIENT)
            if limited:
                self._watch(name)
            if host.get("AutoRemove"):
                self._waits.keep(name)
        self._call("POST", name, "start", timeout=PATIENT)
        if state.has_health_check(found):
            self._health.run({**found, "State": {**found["State"], "Running": True}})

    def wait(self, container: str) -> ExitStatus:
        """Block until the main process ended."""
        if (code := self._waits.kept(container)) is not None:
            return state.exit_status(code, oom_killed=self._ran_out(container))
        found = self.look(container)
        name = str(found["Id"])
        if (code := self._waits.kept(name)) is not None:
            return state.exit_status(code, oom_killed=self._ran_out(name))
        if state.container_state(found).status is ContainerStatus.CREATED:
            # Of one that is ready to run, the engine waits for the end; of one that is not, it says 0 at once.
            self._call("POST", name, "init", timeout=PATIENT)
            found = self.look(name)
        code = self._waits.code(found)
        assert code is not None
        try:
            ended = state.container_state(self.look(name)).exit
        except ContainerNotFound:
            ended = None
        oom = self._ran_out(name) or bool(ended and ended.oom_killed)
        return state.exit_status(code, oom_killed=oom, error=ended.error if ended else "")

    def inspect(self, container: str) -> ContainerState:
        """What Podman knows of a container now; sees to it that its health check is run."""
        found = self.look(container)
        self._health.run(found)
        return self._state(found)

    def stop(self, container: str, *, signal: str, grace: float) -> None:
        """Send the signal, wait, then kill. Gone is success."""
        self._ends.stop(container, signal=signal, grace=grace)

    def kill(self, container: str, *, signal: str) -> None:
        """Send a signal to the main process. Gone or ended is success."""
        self._ends.kill(container, signal=signal)

    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes. Gone is success."""
        name = container
        try:
            name = str(self.look(container)["Id"])
            self._ends.remove(name)
        except ContainerNotFound:
            pass
        finally:
            self._forget(name)

    def find(self, labels: Mapping[str, str]) -> Sequence[ContainerState]:
        """All containers that carry the labels."""
        params = {"all": True, **label_filters(labels)}
        listed = self._connection.call("GET", "/containers/json", params=params).json()
        states = []
        for entry in listed or ():
            try:
                found = self._state(self.look(str(entry["Id"])))
            except ContainerNotFound:
                continue
            if carries(found.labels, labels):
                states.append(found)
        return states

    def close(self) -> None:
        """Run no further health checks, and wait for nothing more."""
        self._health.close()
        self._waits.close()

    def _call(
        self,
        method: str,
        container: str,
        verb: str,
        *,
        params: Mapping[str, object] = EMPTY,
        timeout: Timeout = PROMPT,
    ) -> Any:
        path = f"/containers/{path_name(container)}/{verb}"
        return self._connection.call(method, path, subject=container, params=params, timeout=timeout)

    def _attach(self, container: str, *, output: bool) -> tuple[socket.socket, bytes]:
        wanted, other = ("true", "false") if output else ("false", "true")
        params = {"stream": "true", "stdout": wanted, "stderr": wanted, "stdin": other, "detachKeys": ""}
        return self._connection.upgrade(
            f"/containers/{path_name(container)}/attach", subject=container, params=params
        )

    def _state(self, found: Mapping[str, Any]) -> ContainerState:
        rootless = self._facts().rootless
        status = state.container_state(found, rootless=rootless)
        if status.exit is None or not self._ran_out(status.id):
            return status
        return state.container_state(found, oom_killed=True, rootless=rootless)

    def _watch(self, container: str) -> None:
        pid = int(self.look(container)["State"].get("Pid") or 0)
        try:
            watch = OomWatch(pid)
        except OSError as error:
            raise RuntimeFailure(
                f"the memory of the container {container!r} can't be watched: {error}",
                hint="leave out its memory limit, or use a machine with cgroup v2",
            ) from error
        with self._lock:
            self._watches[container] = watch

    def _ran_out(self, container: str) -> bool:
        with self._lock:
            watch = self._watches.get(container)
        return watch is not None and watch.seen()

    def _forget(self, container: str) -> None:
        self._waits.forget(container)
        with self._lock:
            self._watches.pop(container, None)
