"""The host: commands as processes of this machine, each in a session of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from dagu.contracts.container import ExitStatus
from dagu.contracts.process_tree import MARKER, new_marker
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import BLOCK, Sink, Streams
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused
from dagu.sandbox.command import Command
from dagu.sandbox.guardian import GUARDIAN
from dagu.sandbox.host_tree import end_tree
from dagu.sandbox.place import Place

_LINGER = 0.5
"""Seconds that a command's output may stay open after its end before what holds it is killed."""


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
    def __init__(self, command: Command, streams: Streams) -> None:
        self._marker = new_marker()
        self._files = _put_files(command.files, command.working_dir)
        self._failures: list[BaseException] = []
        try:
            self._process = _spawn(command, self._marker, self._files)
        except BaseException:
            _drop_files(self._files)
            raise
        self._threads = [
            threading.Thread(target=work, args=args, daemon=True)
            for work, args in self._work(command.stdin, streams)
        ]
        for thread in self._threads:
            thread.start()

    def _work(
        self, stdin: bytes | None, streams: Streams
    ) -> Iterator[tuple[Callable[..., None], tuple[Any, ...]]]:
        process = self._process
        yield self._pump, (process.stdout, streams.stdout)
        yield self._pump, (process.stderr, streams.stderr)
        if stdin is not None:
            yield self._feed, (process.stdin, stdin)

    def _pump(self, pipe: IO[bytes], sink: Sink) -> None:
        descriptor = pipe.fileno()
        try:
            while block := os.read(descriptor, BLOCK):
                sink(block)
        except Exception as error:  # noqa: BLE001 (a sink's error reaches the caller from wait)
            self._failures.append(error)
            self.end(signal="KILL", grace=0)
        finally:
            pipe.close()

    @staticmethod
    def _feed(pipe: IO[bytes], content: bytes) -> None:
        # A program that does not read its input to the end is not at fault.
        with contextlib.suppress(BrokenPipeError):
            pipe.write(content)
        with contextlib.suppress(BrokenPipeError):
            pipe.close()

    def wait(self) -> ExitStatus:
        code = self._process.wait()
        self._drain()
        _drop_files(self._files)
        if self._failures:
            raise self._failures[0]
        return ExitStatus(code=code if code >= 0 else 128 - code)

    def _drain(self) -> None:
        # What the command left in the background may hold its output open. Nothing outlives its step.
        deadline = time.monotonic() + _LINGER
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self.end(signal="KILL", grace=0)
        for thread in self._threads:
            thread.join()

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
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


def _put_files(files: Mapping[str, bytes], working_dir: str) -> dict[str, str]:
    if not files:
        return {}
    folder = _folder(working_dir)
    paths = {}
    for name, content in files.items():
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "wb") as file:
            file.write(content)
        paths[name] = path
    return paths


def _folder(working_dir: str) -> str:
    """A new directory that only this user can read: where temporary files are, else where the command runs."""
    try:
        return tempfile.mkdtemp(prefix="dagu-", dir=os.environ.get("TMPDIR") or "/tmp")
    except OSError:
        beside = os.path.join(working_dir, ".dagu", "tmp", "scripts")
        try:
            os.makedirs(beside, mode=0o700, exist_ok=True)
            return tempfile.mkdtemp(prefix="dagu-", dir=os.path.abspath(beside))
        except OSError as error:
            raise RequestRefused(f"no file can be made for the command: {error}") from error


def _drop_files(paths: Mapping[str, str]) -> None:
    for folder in {os.path.dirname(path) for path in paths.values()}:
        shutil.rmtree(folder, ignore_errors=True)
