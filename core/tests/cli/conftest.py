"""The command line, called in this process or as a program, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from dagu.cli.main import main

DAGU = "import sys; from dagu.cli.main import main; sys.exit(main())"


@dataclass
class Result:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


class Dagu:
    """Calls commands."""

    def __init__(self, home: Path, directory: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.directory = directory
        self.environ = {**os.environ, "DAGU_HOME": str(home), "SHELL": "/bin/sh"}
        self._captured = captured

    def __call__(self, *arguments: str, **environ: str) -> Result:
        """Run a command in this process."""
        self._captured.readouterr()
        code = main(arguments, {**self.environ, **environ})
        return Result(code, *self._captured.readouterr())

    def program(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start a command as a program."""
        settings: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environ,
            "text": True,
        }
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-c", DAGU, *arguments],
            **{**settings, **options},  # type: ignore[call-overload]
        )
        return process

    def file(self, name: str, text: str) -> str:
        """Write a workflow file and return its path."""
        path = self.directory / name
        path.write_text(textwrap.dedent(text))
        return str(path)


@pytest.fixture
def dagu(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Dagu:
    return Dagu(tmp_path / "home", tmp_path, capfd)
