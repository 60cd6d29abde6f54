"""Commands in a running container."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from dagu.contracts import process_tree
from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound, EngineLost, EngineUnreachable, RequestRefused, RuntimeFailure
from dagu_podman_runtime import raw, state
from dagu_podman_runtime.connection import Connection, path_name
from dagu_podman_runtime.endings import Tree, end_tree
from dagu_podman_runtime.engine_words import EngineWords
from dagu_podman_runtime.pipe_gate import PipeGate
from dagu_podman_runtime.streams import Pump

# A lone byte that begins this would be held for the wish to detach. Sixteen in a row, each alone, are not sent.
_NEVER = ",".join(["ctrl-_"] * 16)
_PAUSE = 0.01  # seconds between two looks at a command whose start is under way


class Execs:
    """Starts commands in the containers of one service.

    Args:
        inspect: Podman's description of a container.
        local: The service's processes are in this machine's process table.
    """

    def __init__(
        self, connection: Connection, inspect: Callable[[str], Mapping[str, Any]], local: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._inspect = inspect
        self._local = local

    def start(self, container: str, request: ExecRequest, streams: Streams) -> Command:
        """Start a command.

        Raises:
            ContainerNotFound: The container is not there, or does not run.
            RequestRefused: There is no such user, or a raw key can't be honoured.
        """
        marker = process_tree.new_marker()
        body = _body(request, marker, stdin=streams.stdin is not None)
        session = self._create(container, body)
        words = EngineWords(streams.stderr)
        connection, first = self._connection.upgrade(
            f"/exec/{session}/start", subject=container, body={"Detach": False, "Tty": False}
        )
        sinks = Streams(words.beside(streams.stdout), words, streams.stdin)
        gate = PipeGate(lambda: self.process(session), local=self._local())
        pump = Pump(connection, first, sinks, throttle=gate)
        return Command(self, container, session, pump, words, marker, user=body.get("User", ""))

    def run(self, container: str, argv: tuple[str, ...], *, user: str, privileged: bool) -> tuple[int, bytes]:
        """Run a command of our own to its end; gives its exit code and output.

        Raises:
            CommandNotFound: The program is not in the container.
        """
        output: list[bytes] = []
        request = ExecRequest(argv=argv, user=user, working_dir="/", raw={"Privileged": privileged})
        status = self.start(container, request, Streams(stdout=output.append)).wait()
        return status.code, b"".join(output)

    def inspect(self, session: str) -> Mapping[str, Any]:
        """What Podman knows of a command."""
        found: Mapping[str, Any] = self._connection.call(
            "GET", f"/exec/{session}/json", subject=session
        ).json()
        return found

    def tree(self, container: str, marker: str, user: str) -> Tree:
        """What is needed to end what a command started."""
        found = self._inspect(container)
        running = bool(found["State"].get("Running"))
        pid = int(found["State"].get("Pid") or 0) if running and self._local() else 0
        return Tree(marker=marker, pid=pid, user=user, running=running)

    def process(self, session: str) -> int:
        """The process of a command that was started; 0 when it has ended."""
        while not (found := self.inspect(session)).get("Running"):
            if found.get("CanRemove"):
                return 0
            time.sleep(_PAUSE)
        return int(found.get("Pid") or 0)

    def _create(self, container: str, body: Mapping[str, Any]) -> str:
        try:
            path = f"/containers/{path_name(container)}/exec"
            return str(self._connection.call("POST", path, subject=container, json=body).json()["Id"])
        except RequestRefused as error:
            # Podman says so in many words; ask what is the matter instead of reading them.
            status = state.container_state(self._inspect(container)).status
            if status.value == "running":
                raise
            raise ContainerNotFound(
                f"the container {container!r} does not run, it is {status.value}", hint="start it first"
            ) from error


class Command(Execution):
    """A command that was started in a container."""

    def __init__(
        self,
        execs: Execs,
        container: str,
        session: str,
        pump: Pump,
        words: EngineWords,
        marker: str,
        *,
        user: str,
    ) -> None:
        self._execs = execs
        self._container = container
        self._session = session
        self._pump = pump
        self._words = words
        self._marker = marker
        self._user = user
        self._lock = threading.Lock()
        self._outcome: ExitStatus | RuntimeFailure | None = None

    def wait(self) -> ExitStatus:
        self._pump.join()
        with self._lock:
            if self._outcome is None:
                try:
                    self._outcome = self._read()
                except EngineUnreachable as error:
                    raise EngineLost(error.message, hint=error.hint) from error
            outcome = self._outcome
        if isinstance(outcome, RuntimeFailure):
            raise outcome
        return outcome

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        try:
            self._execs.process(self._session)  # what is about to start can't be found yet
            tree = self._execs.tree(self._container, self._marker, self._user)
        except (ContainerNotFound, RequestRefused):
            return  # the engine forgets the commands of a container that ended
        if tree.running:
            end_tree(self._execs, self._container, tree, signal=signal, grace=grace, ended=self._ended)

    def _ended(self) -> bool:
        """Whether the command itself has ended, as the engine says."""
        try:
            return not self._execs.inspect(self._session).get("Running")
        except RequestRefused:
            return True

    def _read(self) -> ExitStatus | RuntimeFailure:
        try:
            found = self._execs.inspect(self._session)
        except RequestRefused:
            # Podman forgets the commands of a container that ended or is removed.
            self._words.at_the_end(137)
            return ExitStatus(code=137, error=f"the container {self._container!r} ended before the command")
        if found.get("Running"):
            raise EngineLost(
                "the stream of a command ended, and the engine says that it runs",
                hint="Podman's service was restarted; the command may still run in its container",
            )
        code = int(found.get("ExitCode") or 0)
        return self._words.at_the_end(code) or state.exit_status(code)


def _body(request: ExecRequest, marker: str, *, stdin: bool) -> dict[str, Any]:
    fields = raw.exec_fields(request.raw)
    given = fields.pop("Env", None) or []
    if isinstance(given, Mapping):
        given = [f"{name}={value}" for name, value in given.items()]
    environment = [f"{name}={value}" for name, value in request.env.items()]
    body = {
        "Cmd": list(request.argv),
        "User": request.user or fields.pop("User", ""),
        "WorkingDir": request.working_dir or fields.pop("WorkingDir", ""),
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "DetachKeys": _NEVER,
    }
    own = [f"{process_tree.MARKER}={marker}"]
    # What the request says itself goes before its raw fields, as with a container.
    return fields | body | {"Env": [*(str(entry) for entry in given), *environment, *own]}
