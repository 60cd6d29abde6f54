"""Commands in running containers."""

from __future__ import annotations

import json
import re
from typing import Any

from dagu.contracts import process_tree
from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Sink, Streams
from dagu.errors import ContainerNotFound, EngineLost
from dagu_docker_runtime import raw
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, command_failure, container_failure
from dagu_docker_runtime.exec_tree import ExecTree
from dagu_docker_runtime.exec_words import Beginning, FirstWords
from dagu_docker_runtime.request import join_env
from dagu_docker_runtime.streams import StreamPump
from dagu_docker_runtime.waits import inspect

_KILLED = 137
# What runc itself says in the command's place when the kernel refuses it: a missing interpreter, a foreign format.
_LAST_WORDS = re.compile(rb"(standard_init_linux\.go:\d+: )?exec (user process caused|\S+): [^\n]{1,200}\n?")
_NOT_EXECUTED = (1, 255)


class DockerExecution(Execution):
    """A command that was started by an exec."""

    def __init__(
        self, client: Client, container: str, exec_id: str, streams: Streams, tree: ExecTree
    ) -> None:
        self._client, self._container, self._id, self._tree = client, container, exec_id, tree
        self._stdout = FirstWords(streams.stdout)
        self._stderr = Beginning(streams.stderr)
        self._streams = Streams(stdin=streams.stdin, stdout=self._stdout, stderr=self._stderr)
        self._pump: StreamPump | None = None
        self._status = ExitStatus(code=0)

    def start(self, *, terminal: bool) -> None:
        """Start it, once."""
        stream = self._client.open_stream(
            f"execute a command in the container {self._container}",
            "POST",
            f"/exec/{self._id}/start",
            {},
            body={"Detach": False, "Tty": terminal},
            upgrade=True,
        )
        self._pump = StreamPump(
            stream, self._streams, terminal=terminal, name=f"exec {self._id[:12]}", finish=self._finish
        )

    def wait(self) -> ExitStatus:
        assert self._pump is not None
        self._pump.join()
        return self._status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        assert self._pump is not None
        self._tree.end(signal, grace, running=self._running, ended_within=self._pump.ended_within)

    def _running(self) -> bool | None:
        """Whether its first process runs; None while the engine is about to start it."""
        told = self._inspect()
        if told is None or not told["Running"]:
            return False
        return True if told["Pid"] else None

    def _finish(self) -> None:
        told = self._inspect()
        code = None
        if told is not None and told["Running"]:
            # Its output ended before it did: the engine learns of the end a moment later, or the command closed
            # its output and works on.
            code = self._await_exit()
            told = self._inspect()
        if told is None:
            self._stdout.pass_on()
            self._status = self._without_exec(code)
            return
        place = f"the container {self._container[:12]}"
        if not told["Pid"] and not told["Running"]:
            said = self._stdout.held.decode(errors="replace")
            failure = command_failure(said, place)
            if failure is None and self._container_ended():
                self._status = ExitStatus(code=_KILLED, error="its container ended before it began")
                return
            raise failure or Refused(400, said, f"execute a command in {place}")
        self._stdout.pass_on()
        code = told["ExitCode"] if told["ExitCode"] is not None else code
        if code in _NOT_EXECUTED and self._stdout.silent and _LAST_WORDS.fullmatch(self._stderr.text):
            failure = command_failure(self._stderr.text.decode(errors="replace"), place)
            if failure is not None:
                raise failure
        self._status = self._ended(_KILLED if code is None else int(code) & 0xFF)

    def _ended(self, code: int) -> ExitStatus:
        if code != _KILLED:
            return ExitStatus(code=code)
        try:
            state = inspect(self._client, self._container)["State"]
        except ContainerNotFound:
            return ExitStatus(code=code)
        return ExitStatus(code=code, oom_killed=bool(state.get("OOMKilled")))

    def _container_ended(self) -> bool:
        try:
            return not inspect(self._client, self._container)["State"]["Running"]
        except ContainerNotFound:
            return True

    def _without_exec(self, code: int | None) -> ExitStatus:
        """The engine forgot the exec: with its container, or because it was started anew."""
        if self._container_ended():
            return ExitStatus(code=_KILLED if code is None else code, error="its container was removed")
        raise EngineLost(
            f"the Docker engine forgot the command that was executed in the container {self._container}",
            hint="see whether Docker was restarted",
        )

    def _inspect(self) -> dict[str, Any] | None:
        try:
            with self._client.call(f"inspect the exec {self._id[:12]}") as api:
                told: dict[str, Any] = api.exec_inspect(self._id)
                return told
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def _await_exit(self) -> int | None:
        """Block until the engine reports the end of the exec, or of its container."""
        wanted = {"container": [self._container], "event": ["exec_die", "die", "destroy"]}
        doing = f"wait for the exec {self._id[:12]}"
        # Events since ever are replayed from the engine's memory, so none falls between two questions.
        query = {"since": "0", "filters": json.dumps(wanted)}
        events = self._client.open_stream(doing, "GET", "/events", query)
        try:
            told = self._inspect()
            if told is None or not told["Running"]:
                return None
            text = b""
            while block := events.read(4096):
                *lines, text = (text + block).split(b"\n")
                for event in map(json.loads, lines):
                    attributes = event["Actor"]["Attributes"]
                    if event["Action"] != "exec_die":
                        return None
                    if attributes.get("execID") == self._id:
                        return int(attributes["exitCode"])
        finally:
            events.close()
        raise EngineLost(f"the Docker engine at {self._client.endpoint.url} went away, trying to {doing}")


class Execs:
    """Execs of one engine."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(self, container: str, request: ExecRequest, streams: Streams) -> DockerExecution:
        with self._client.call("execute a command") as api:
            fields = raw.exec_fields(request.raw, api.api_version)
        marker = process_tree.new_marker()
        user = request.user or str(fields.get("User") or "")
        tree = ExecTree(self._client, container, marker, user, run=self.run)
        env = {**request.env, process_tree.MARKER: marker}
        execution = DockerExecution(
            self._client,
            container,
            self._create(
                container,
                request.argv,
                env=join_env(fields.get("Env"), env),
                user=user,
                working_dir=request.working_dir or str(fields.get("WorkingDir") or ""),
                stdin=streams.stdin is not None,
                terminal=bool(fields.get("Tty")),
                privileged=bool(fields.get("Privileged")),
            ),
            streams,
            tree,
        )
        try:
            execution.start(terminal=bool(fields.get("Tty")))
        except Refused as error:
            raise _not_running(error, container) from error
        return execution

    def run(
        self, container: str, argv: tuple[str, ...], user: str, privileged: bool, stdout: Sink
    ) -> ExitStatus:
        """Run a command of our own to its end.

        Raises:
            ContainerNotFound: The container does not run.
            CommandNotFound: The program is not in it.
        """
        tree = ExecTree(self._client, container, "", user, run=self.run)
        exec_id = self._create(container, argv, user=user, privileged=privileged)
        execution = DockerExecution(self._client, container, exec_id, Streams(stdout=stdout), tree)
        try:
            execution.start(terminal=False)
        except Refused as error:
            raise _not_running(error, container) from error
        return execution.wait()

    def _create(
        self,
        container: str,
        argv: tuple[str, ...],
        *,
        env: list[str] | None = None,
        user: str = "",
        working_dir: str = "",
        stdin: bool = False,
        terminal: bool = False,
        privileged: bool = False,
    ) -> str:
        try:
            with self._client.call(f"execute a command in the container {container}") as api:
                made = api.exec_create(
                    container,
                    list(argv),
                    stdin=stdin,
                    tty=terminal,
                    privileged=privileged,
                    user=user,
                    environment=env,
                    workdir=working_dir or None,
                )
        except Refused as error:
            raise _not_running(error, container) from error
        return str(made["Id"])


def _not_running(error: Refused, container: str) -> Exception:
    if error.status == 409 and ("is not running" in error.said or "is restarting" in error.said):
        return ContainerNotFound(f"the container {container} does not run: {error.said}")
    return container_failure(error, container)
