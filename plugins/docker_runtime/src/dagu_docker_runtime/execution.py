"""A command that was started by an exec."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from dagu.contracts.container import ExitStatus
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Streams
from dagu.errors import EngineLost, EngineUnreachable
from dagu_docker_runtime import inspection
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, command_failure
from dagu_docker_runtime.exec_tree import ExecTree
from dagu_docker_runtime.exec_words import Beginning, FirstWords
from dagu_docker_runtime.streams import StreamPump

_KILLED = 137
# What runc itself says in the command's place when the kernel refuses it: a missing interpreter, a foreign format.
_LAST_WORDS = re.compile(rb"(standard_init_linux\.go:\d+: )?exec (user process caused|\S+): [^\n]{1,200}\n?")
_NOT_EXECUTED = (1, 255)
_SETTLING = 100


class DockerExecution(Execution):
    """A command that was started by an exec."""

    def __init__(
        self, client: Client, container: str, exec_id: str, streams: Streams, tree: ExecTree
    ) -> None:
        self._client, self._container, self._id, self._tree = client, container, exec_id, tree
        self._stdout = FirstWords(streams.stdout)
        self._stderr = Beginning(streams.stderr)
        self._streams = Streams(stdin=streams.stdin, stdout=self._stdout, stderr=self._stderr)
        self._place = f"the container {container[:12]}"
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
        """Find out how it ended, or why it never began. The streams of a killed engine end cleanly, too."""
        try:
            self._find_status()
        except EngineUnreachable as error:
            raise self._lost(error.message) from error

    def _find_status(self) -> None:
        told = self._inspect()
        code = None
        for _ in range(_SETTLING):
            if told is None or not told["Running"] or told["Pid"]:
                break
            # A command that could not be started counts as running until the engine has written down why.
            time.sleep(0.01)
            told = self._inspect()
        if told is not None and told["Running"]:
            # Its output ended before it did: the engine learns of the end a moment later, or the command closed
            # its output and works on.
            code = self._await_exit()
            told = self._inspect()
        if told is None:
            self._stdout.pass_on()
            self._status = self._without_exec(code)
            return
        code = told["ExitCode"] if told["ExitCode"] is not None else code
        if not told["Pid"] and (self._stdout.held or code is None):
            self._never_began(self._stdout.held.decode(errors="replace"))
            return
        self._stdout.pass_on()
        if code in _NOT_EXECUTED and self._stdout.silent and _LAST_WORDS.fullmatch(self._stderr.text):
            failure = command_failure(self._stderr.text.decode(errors="replace"), self._place)
            if failure is not None:
                raise failure
        self._status = self._ended(_KILLED if code is None else int(code) & 0xFF)

    def _never_began(self, said: str) -> None:
        failure = command_failure(said, self._place)
        if failure is None and self._container_ended():
            self._status = ExitStatus(code=_KILLED, error="its container ended before it began")
            return
        raise failure or Refused(400, said, f"execute a command in {self._place}")

    def _ended(self, code: int) -> ExitStatus:
        state = inspection.state(self._client, self._container) if code == _KILLED else None
        return ExitStatus(code=code, oom_killed=bool(state and state.get("OOMKilled")))

    def _container_ended(self) -> bool:
        state = inspection.state(self._client, self._container)
        return state is None or not state["Running"]

    def _without_exec(self, code: int | None) -> ExitStatus:
        """The engine forgot the exec: with its container, or because it was started anew."""
        if self._container_ended():
            return ExitStatus(code=_KILLED if code is None else code, error="its container was removed")
        raise self._lost("it knows nothing of the command any more")

    def _lost(self, why: str) -> EngineLost:
        return EngineLost(
            f"the Docker engine at {self._client.endpoint.url} went away while a command ran in {self._place}: {why}",
            hint="see whether it was stopped or crashed; the command may still be running",
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
            with self._client.call(doing):
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
        raise self._lost("the engine's events ended")
