"""The host: commands as processes of this machine, each in a session of its own."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from dagu.contracts.container import ExitStatus
from dagu.contracts.process_tree import MARKER, new_marker
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused
from dagu.sandbox.command import Command
from dagu.sandbox.guardian import GUARDIAN
from dagu.sandbox.host_files import drop_files, put_files
from dagu.sandbox.host_pipes import Pipes
from dagu.sandbox.host_tree import end_tree
from dagu.sandbox.place import Place


class HostPlace(Place):
    """Runs commands as processes of this machine, with exactly the command's environment."""

    kind = "host"
    contained = False

    def start(self, command: Command, streams: Streams) -> Execution:
        return _HostExecution(command, streams)

    def read_file(self, path: str) -> bytes | None:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RequestRefused(f"{path} can't be read: {error.strerror}") from error


class _HostExecution(Execution):
    """A process. Its output is moved by who waits for it, or ends it."""

    def __init__(self, command: Command, streams: Streams) -> None:
        self._marker = new_marker()
        self._files = put_files(command.files, command.working_dir)
        try:
            self._process = _spawn(command, self._marker, self._files)
        except BaseException:
            drop_files(self._files)
            raise
        self._pipes = Pipes(self._process, streams, command.stdin, self._kill)

    def wait(self) -> ExitStatus:
        self._pipes.serve()
        drop_files(self._files)
        if self._pipes.failure is not None:
            raise self._pipes.failure
        code = self._process.returncode
        return ExitStatus(code=code if code >= 0 else 128 - code)

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        # Nobody may be waiting yet, and a process that can't print can't end well.
        threading.Thread(target=self._pipes.serve, daemon=True).start()
        self._end(signal, grace)

    def _kill(self) -> None:
        self._end("KILL", 0)

    def _end(self, signal: str, grace: float) -> None:
        end_tree(self._process, f"{MARKER}={self._marker}", signal=signal, grace=grace)


def _spawn(command: Command, marker: str, files: Mapping[str, str]) -> subprocess.Popen[bytes]:
    argv = command.placed(files)
    env = {**command.env, MARKER: marker, **GUARDIAN.mark()}
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=command.working_dir or None,
            env=env,
            start_new_session=True,
            bufsize=0,
        )
    except FileNotFoundError as error:
        if command.working_dir and not os.path.isdir(command.working_dir):
            raise RequestRefused(f"working directory {command.working_dir} does not exist") from error
        where = "" if "/" in argv[0] else f" on PATH ({env.get('PATH', 'not set')})"
        raise CommandNotFound(f"{argv[0]}: command not found{where}") from error
    except PermissionError as error:
        raise CommandForbidden(f"{argv[0]}: permission denied") from error
    except (OSError, ValueError) as error:
        raise RequestRefused(f"{argv[0]}: can't be started: {error}") from error
