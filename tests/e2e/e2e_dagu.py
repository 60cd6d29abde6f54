"""The real command in a home of its own, and what it left in history, in logs and on the engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from e2e_engines import EngineUnderTest, clean_environment

from dagu.contracts.container import ContainerRequest, ContainerState, ExecRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.history.logs import RunLogs
from dagu.history.records import RunRecord, Status, StepRecord
from dagu.history.store import History
from dagu.plugins import Plugins
from dagu.sandbox import labels

PROGRAM = str(Path(sys.executable).parent / "dagu")
GUARD = 240
"""Seconds after which a command counts as hung."""


@dataclass(frozen=True)
class Ran:
    """A run that ended.

    Attributes:
        code: Exit status of the command.
        run: Its record; None if no run was made.
    """

    code: int
    stdout: str
    stderr: str
    home: Path
    run: RunRecord | None

    @property
    def record(self) -> RunRecord:
        assert self.run is not None, self.stderr
        return self.run

    @property
    def status(self) -> Status:
        return self.record.status

    def step(self, name: str) -> StepRecord:
        return next(step for step in self.record.steps if step.name == name)

    def output(self, step: str, stream: str = "stdout", *, attempt: int = 0) -> bytes:
        """A step's output, of its last attempt unless told otherwise."""
        number = attempt or len(self.step(step).attempts)
        return (
            RunLogs(self.home, self.record.workflow, self.record.run_id)
            .path(step, number, stream)
            .read_bytes()
        )

    def text(self, step: str) -> str:
        """A step's standard output as text."""
        return self.output(step).decode()

    def succeeded(self) -> Ran:
        """Itself, where it succeeded."""
        details = (
            "\n".join(f"{step.name}: {step.status} {step.error}" for step in self.run.steps)
            if self.run
            else ""
        )
        assert self.code == 0, f"{self.stderr}\n{details}"
        assert self.status is Status.SUCCEEDED
        return self

    def failed(self, *fragments: str) -> Ran:
        """Itself, where it failed with all of the fragments on standard error and no traceback."""
        assert self.code != 0, self.stdout
        for fragment in fragments:
            assert fragment in self.stderr, self.stderr
        assert "Traceback" not in self.stderr
        return self


@dataclass(frozen=True)
class Running:
    """A run that may still go on."""

    dagu: Dagu
    run_id: str
    process: subprocess.Popen[str]

    def finish(self) -> Ran:
        """Wait for its end."""
        try:
            stdout, stderr = self.process.communicate(timeout=GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        done = subprocess.CompletedProcess(self.process.args, self.process.returncode, stdout, stderr)
        return self.dagu.ran(self.run_id, done)


class Dagu:
    """Runs ``dagu`` on one engine, and afterwards finds everything gone that it made there.

    Args:
        directory: Where workflow files are and commands run.
        engine: None for the host alone.
    """

    def __init__(self, home: Path, directory: Path, engine: EngineUnderTest | None) -> None:
        self.home, self.directory = home, directory
        self.environ = dict(engine.environ if engine else clean_environment())
        self.environ |= {"DAGU_HOME": str(home), "HOME": str(home)}
        self._pids: set[int] = set()
        self._runtime: ContainerRuntime | None = None
        self._undo = ExitStack()
        self._numbered = 0

    def command(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = GUARD
    ) -> subprocess.CompletedProcess[str]:
        """Run one command line to its end."""
        process = self.begin(*arguments, env=env)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def begin(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start one command line."""
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            env={**self.environ, **(env or {})},
            cwd=self.directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._pids.add(process.pid)
        return process

    def write(self, source: str, name: str = "") -> Path:
        """Write a workflow file."""
        self._numbered += 1
        path = self.directory / f"{name or f'flow{self._numbered}'}.yaml"
        path.write_text(textwrap.dedent(source))
        return path

    def start(self, source: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run a workflow, given as text or as a file."""
        path = source if isinstance(source, Path) else self.write(source)
        run_id = f"e2e-{os.urandom(6).hex()}"
        done = self.command("start", "--run-id", run_id, str(path), *arguments, env=env)
        return self.ran(run_id, done)

    def begin_run(self, source: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        """Start a workflow, and come back while it runs."""
        path = source if isinstance(source, Path) else self.write(source)
        run_id = f"e2e-{os.urandom(6).hex()}"
        return Running(self, run_id, self.begin("start", "--run-id", run_id, str(path), *arguments, env=env))

    def ran(self, run_id: str, done: subprocess.CompletedProcess[str]) -> Ran:
        """What a finished command left of a run."""
        with History(self.home) as history:
            found = history.runs(run_id_part=run_id)
            run = history.run(run_id) if found else None
        return Ran(code=done.returncode, stdout=done.stdout, stderr=done.stderr, home=self.home, run=run)

    @property
    def runtime(self) -> ContainerRuntime:
        """The engine, asked without dagu in between."""
        if self._runtime is None:
            self._runtime = Plugins(self.environ).runtime_from_environment(self.environ).factory(self.environ)
        return self._runtime

    def containers(self) -> list[ContainerState]:
        """Containers that commands of this test made, and that are still there."""
        return [state for state in self.runtime.find({labels.OWNER: ""}) if self._ours(state.labels)]

    def until(self, seen: Callable[[], bool]) -> None:
        """Wait until something of the outside has happened, which only looking tells."""
        deadline = time.monotonic() + GUARD
        while not seen():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.05)

    def until_contained(self, run: Running) -> ContainerState:
        """Wait until a run has a running container."""
        while True:
            for state in self.runtime.find({labels.RUN: run.run_id}):
                if state.running:
                    return state
            assert run.process.poll() is None, run.finish().stderr
            time.sleep(0.05)

    def running(self, run: Running) -> list[ContainerState]:
        """The running containers of a run."""
        return [state for state in self.runtime.find({labels.RUN: run.run_id}) if state.running]

    def kept(self, run: Ran) -> ContainerState:
        """The one container that a run was to keep; it is removed at the end of the test."""
        (state,) = self.runtime.find({labels.RUN: run.record.run_id})
        self._undo.callback(self.runtime.remove, state.id)
        return state

    def remove_later(self, container: str) -> None:
        """Remove a container at the end of the test."""
        self._undo.callback(self.runtime.remove, container)

    def name(self) -> str:
        """A name that nothing else has."""
        return f"dagu-e2e-{os.urandom(5).hex()}"

    def container(self, *command: str, start: bool = True, **fields: Any) -> str:
        """A container of the test's own, which sleeps unless told otherwise."""
        fields = {"image": "alpine:3.20", "entrypoint": (), "init": True} | fields
        container = self.runtime.create(ContainerRequest(command=command or ("sleep", "86400"), **fields))
        self._undo.callback(self.runtime.remove, container)
        if start:
            self.runtime.start(container)
        return container

    def execute(self, container: str, *argv: str) -> bytes:
        """Standard output of a command in a container, past dagu."""
        output = BytesIO()
        execution = self.runtime.exec(container, ExecRequest(argv=argv), Streams(stdout=output.write))
        status = execution.wait()
        assert status.code == 0, (argv, status)
        return output.getvalue()

    def volume(self) -> str:
        """A named volume of the test's own."""
        name = self.name()
        self.runtime.create_volume(name)
        self._undo.callback(self.runtime.remove_volume, name)
        return name

    def network(self, *, internal: bool = False) -> str:
        """A network of the test's own."""
        name = self.name()
        self.runtime.create_network(name, internal=internal)
        self._undo.callback(self.runtime.remove_network, name)
        return name

    def close(self) -> None:
        """Check that nothing is left on the engine, and remove it if there is."""
        try:
            if self._runtime is not None or self._pids:
                self._check()
        finally:
            if self._runtime is not None:
                self._runtime.close()

    def _check(self) -> None:
        runtime = self.runtime
        self._undo.close()
        wanted = {labels.OWNER: ""}
        left: list[tuple[str, str, Any]] = [("container", s.id, runtime.remove) for s in self.containers()]
        left += [
            ("network", item.name, runtime.remove_network)
            for item in runtime.find_networks(wanted)
            if self._ours(item.labels)
        ]
        left += [
            ("volume", item.name, runtime.remove_volume)
            for item in runtime.find_volumes(wanted)
            if self._ours(item.labels)
        ]
        for _, name, remove in left:
            remove(name)
        assert not left, f"left behind: {[(kind, name) for kind, name, _ in left]}"

    def _ours(self, marks: Mapping[str, str]) -> bool:
        owner = labels.Owner.parse(marks.get(labels.OWNER, ""))
        return owner is not None and owner.pid in self._pids


def remove_tree(path: Path) -> None:
    """Remove a directory with what containers of any user left in it."""
    shutil.rmtree(path)
