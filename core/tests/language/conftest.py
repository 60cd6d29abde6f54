"""A project of workflow files, run by the `dagu` command: in this process, or as a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dagu.cli.main import main
from dagu.errors import RunNotFound
from dagu.history.logs import RunLogs
from dagu.history.records import RunRecord, StepRecord
from dagu.history.store import History

PROGRAM = "import sys; from dagu.cli.main import main; sys.exit(main())"
HOST = {
    "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    "SHELL": "/bin/sh",
    "LANG": "C.UTF-8",
    "NO_COLOR": "1",
}


@dataclass
class Ended:
    """A command that ended: its exit code, what it printed, and the run that it left."""

    code: int
    out: str
    err: str
    home: Path
    record: RunRecord | None = None
    run_id: str = "r"

    def step(self, name: str) -> StepRecord:
        """The record of a step, by name or id."""
        assert self.record is not None, f"no run was kept:\n{self.err}"
        return next(step for step in self.record.steps if name in (step.name, step.id))

    @property
    def status(self) -> str:
        """Of the run."""
        assert self.record is not None, f"no run was kept:\n{self.err}"
        return self.record.status.value

    @property
    def steps(self) -> dict[str, str]:
        """Status by name of the steps proper: no handlers, no foreach bodies."""
        assert self.record is not None, f"no run was kept:\n{self.err}"
        return {step.name: step.status.value for step in self.record.steps if step.kind == "step"}

    def stdout(self, step: str, attempt: int = 1) -> str:
        """What a step printed, without the last line's end."""
        return self._log(step, attempt, "stdout")

    def stderr(self, step: str, attempt: int = 1) -> str:
        """What a step printed on standard error."""
        return self._log(step, attempt, "stderr")

    def _log(self, step: str, attempt: int, stream: str) -> str:
        assert self.record is not None, f"no run was kept:\n{self.err}"
        logs = RunLogs(self.home, self.record.workflow, self.record.run_id)
        return logs.path(self.step(step).name, attempt, stream).read_text().removesuffix("\n")

    def fails_with(self, *fragments: str) -> None:
        """E(…) of the reference: exit code 1, and standard error holds each fragment."""
        assert self.code == 1, f"exit code {self.code}\n{self.err}"
        for fragment in fragments:
            assert fragment in self.err, f"{fragment!r} is not in:\n{self.err}"


@dataclass
class Project:
    """A directory with workflow files, and a home of its own."""

    directory: Path
    home: Path
    captured: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def file(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def read(self, name: str) -> str:
        """A file of the project, without the last line's end."""
        return (self.directory / name).read_text().removesuffix("\n")

    def __call__(self, *arguments: str, **environ: str) -> Ended:
        """Run a command in this process."""
        self.captured.readouterr()
        code = main(arguments, {**self.environ, **environ})
        return Ended(code, *self.captured.readouterr(), home=self.home)

    def program(self, *arguments: str, **environ: str) -> Ended:
        """Run a command as a program."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            cwd=self.directory,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, home=self.home)

    def start(self, text: str, *arguments: str, command: str = "start", **environ: str) -> Ended:
        """Write ``wf.yaml`` and start it; the run's record comes with the end."""
        self.file("wf.yaml", text)
        before, dash, after = _split(arguments)
        run_id = before[before.index("-r") + 1] if "-r" in before else ""
        if not run_id:
            self._count += 1
            run_id = f"r{self._count}"
            before = ("-r", run_id, *before)
        ended = self(command, *before, "wf.yaml", *dash, *after, **environ)
        return self.with_record(ended, run_id)

    def with_record(self, ended: Ended, run_id: str) -> Ended:
        """The end of a command, with the record of a run."""
        ended.run_id = run_id
        if (self.home / "history.db").exists():
            with History(self.home) as history, suppress(RunNotFound):
                ended.record = history.run(run_id)
        return ended

    def children(self, root: str) -> list[RunRecord]:
        """The child runs of a run, oldest first."""
        with History(self.home) as history:
            return [history.run(run.run_id) for run in reversed(history.runs(root_id=root))]

    def refuses(self, text: str, *fragments: str) -> None:
        """A load error stops `validate`, `start` and `dry` alike, before any step."""
        for ended in (self.validate(text), self.start(text), self.start(text, command="dry")):
            ended.fails_with(*fragments)
            assert ended.record is None
        assert not (self.directory / "ran").exists()

    def validate(self, text: str, *arguments: str, **environ: str) -> Ended:
        """Write ``wf.yaml`` and check it."""
        self.file("wf.yaml", text)
        return self("validate", *arguments, "wf.yaml", **environ)


def _split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if "--" not in arguments:
        return arguments, (), ()
    at = arguments.index("--")
    return arguments[:at], ("--",), arguments[at + 1 :]


@pytest.fixture
def dagu(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    directory, home, user = (tmp_path / name for name in ("project", "home", "user"))
    directory.mkdir()
    user.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.delenv("DAGU_HOME", raising=False)
    passed = {name: value for name, value in os.environ.items() if re.match(r"DOCKER_|PYTHON|COVERAGE", name)}
    environ = {**passed, **HOST, "HOME": str(user), "DAGU_HOME": str(home)}
    return Project(directory, home, capfd, environ)


@pytest.fixture
def python() -> str:
    """A Python for steps."""
    return sys.executable
