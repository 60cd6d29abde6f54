"""A recorder for agent programs: stand-ins on a PATH that write down how they were called and play a script."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dagu.contracts.container import EMPTY
from dagu.contracts.provider import FileArgument, Invocation

_PLAYER = r"""
import base64, json, os, signal, sys, time
script = json.load(open(sys.argv[1]))
call = {"argv": sys.argv[2:], "env": dict(os.environ), "cwd": os.getcwd(), "files": {}, "stdin": ""}
for argument in call["argv"][1:]:
    path = argument.partition("=")[2] if argument.startswith("-") else argument
    if os.path.isabs(path) and os.path.isfile(path):
        mode = os.stat(path).st_mode & 0o777
        content = base64.b64encode(open(path, "rb").read()).decode()
        call["files"][path] = {"mode": mode, "content": content}
if script["reads"]:
    call["stdin"] = base64.b64encode(sys.stdin.buffer.read()).decode()
name = f"{time.time_ns():020d}-{os.getpid()}.json"
with open(os.path.join(script["calls"], "." + name), "w") as file:
    json.dump(call, file)
os.rename(os.path.join(script["calls"], "." + name), os.path.join(script["calls"], name))
sys.stderr.buffer.write(base64.b64decode(script["stderr"]))
sys.stderr.flush()
for piece in script["stdout"]:
    time.sleep(script["delay"])
    sys.stdout.buffer.write(base64.b64decode(piece))
    sys.stdout.flush()
if script["crash"]:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(script["exit_code"])
"""


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file that an argument named (``PATH`` or ``--flag=PATH``) while the program ran."""

    content: bytes
    mode: int


@dataclass(frozen=True, kw_only=True)
class Call:
    """How a program was called.

    Attributes:
        argv: As it arrived, program first.
        stdin: All of standard input; empty if the program was told not to read it.
        files: By their absolute paths.
    """

    argv: tuple[str, ...]
    stdin: bytes = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    files: Mapping[str, RecordedFile] = field(default_factory=lambda: EMPTY, repr=False)


class AgentRecorder:
    """Makes stand-ins for agent programs.

    Args:
        folder: An empty folder, of the test's own.

    Attributes:
        bin: The folder to put first on a ``PATH``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)

    def install(
        self,
        binary: str,
        *,
        stdout: Sequence[bytes] = (),
        stderr: bytes = b"",
        delay: float = 0.0,
        exit_code: int = 0,
        crash: bool = False,
        reads_stdin: bool = True,
    ) -> Path:
        """Put a stand-in on the PATH, or give the one that is there another script.

        Args:
            stdout: Pieces that it writes one after the other.
            delay: Seconds before each piece.
            crash: It ends by SIGKILL instead of with ``exit_code``.
            reads_stdin: It reads standard input to its end before it writes.
        """
        calls = self._folder / "calls" / binary
        calls.mkdir(parents=True, exist_ok=True)
        script = self._folder / f"{binary}.json"
        content = {
            "calls": str(calls),
            "stdout": [base64.b64encode(piece).decode() for piece in stdout],
            "stderr": base64.b64encode(stderr).decode(),
            "delay": delay,
            "exit_code": exit_code,
            "crash": crash,
            "reads": reads_stdin,
        }
        script.write_text(json.dumps(content))
        player = self._folder / "player.py"
        player.write_text(_PLAYER)
        program = self.bin / binary
        words = shlex.join([sys.executable, "-I", str(player), str(script)])
        program.write_text(f'#!/bin/sh\nexec {words} "$0" "$@"\n')
        program.chmod(0o755)
        return program

    def calls(self, binary: str) -> list[Call]:
        """The calls of a program so far, in the order in which they came."""
        found = sorted((self._folder / "calls" / binary).glob("*.json"))
        return [_call(json.loads(path.read_text())) for path in found]

    def run(
        self, invocation: Invocation, *, env: Mapping[str, str] | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Carry out an invocation on this machine, as a runner would, with the stand-ins first on the PATH.

        Args:
            env: Added to this process' environment.
            timeout: Seconds, as a guard against a hang.
        """
        files = self._folder / "files"
        files.mkdir(exist_ok=True)
        for name, content in invocation.files.items():
            path = files / name
            path.touch(mode=0o600)
            path.write_bytes(content)
        argv = [
            argument.prefix + str(files / argument.name) if isinstance(argument, FileArgument) else argument
            for argument in invocation.argv
        ]
        search = os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)])
        return subprocess.run(
            argv,
            input=invocation.stdin or b"",
            capture_output=True,
            env={**os.environ, **(env or {}), **invocation.env, "PATH": search},
            cwd=self._folder,
            timeout=timeout,
            check=False,
        )


def _call(content: Mapping[str, object]) -> Call:
    raw: dict[str, dict[str, object]] = content["files"]  # type: ignore[assignment]
    files = {
        path: RecordedFile(content=base64.b64decode(str(file["content"])), mode=int(str(file["mode"])))
        for path, file in raw.items()
    }
    return Call(
        argv=tuple(content["argv"]),  # type: ignore[arg-type]
        stdin=base64.b64decode(str(content["stdin"])),
        env=content["env"],  # type: ignore[arg-type]
        cwd=str(content["cwd"]),
        files=files,
    )
