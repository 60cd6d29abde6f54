"""Running ``enter.py``: commands and archives in a container's namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from dagu.contracts.streams import BLOCK, Sink, Streams, write_all
from dagu.errors import CommandForbidden, CommandNotFound, ContainerNotFound, RequestRefused
from dagu_bubblewrap_runtime.pump import Pumped, in_memory

ENTER = Path(__file__).with_name("enter.py")


def begin_command(
    pid: int, argv: Sequence[str], *, env: Mapping[str, str], working_dir: str, streams: Streams
) -> Pumped:
    """Start a command beside the main process ``pid``; it is started, or could not be, on return.

    Raises:
        CommandNotFound: The program is not there.
        CommandForbidden: It may not be executed.
        ContainerNotFound: The container ended meanwhile.
        RequestRefused: There is no such working directory.
    """
    spec = {"task": "execute", "pid": pid, "argv": list(argv), "env": dict(env), "working_dir": working_dir}
    with _Order(spec) as order:
        running = Pumped(
            order.argv,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            descriptors=order.descriptors,
        )
        problem = order.problem()
    if problem:
        running.wait()
        _raise(problem, argv[0], working_dir)
    return running


def unpack(pid: int, root: Path, path: str, archive: BinaryIO) -> None:
    """Unpack a tar stream in a container.

    Raises:
        FileNotFoundError: There is no such directory.
        ContainerNotFound: The container ended meanwhile.
        RequestRefused: The archive is broken, or its files can't be made.
    """
    with _Order({"task": "unpack", "pid": pid, "root": str(root), "path": path}) as order:
        process = order.start(stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stdin is not None
        # What ends early says so in its report, or has all that it wants.
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            while block := archive.read(BLOCK):
                write_all(pipe.fileno(), block)
        problem = order.problem()
        process.wait()
    if problem:
        _raise(problem, path, path)


def pack(pid: int, root: Path, path: str, sink: Sink) -> None:
    """Stream a path of a container out as tar.

    Raises:
        FileNotFoundError: It is not there.
        ContainerNotFound: The container ended meanwhile.
        RequestRefused: It can't be read.
    """
    with _Order({"task": "pack", "pid": pid, "root": str(root), "path": path}) as order:
        process = order.start(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as pipe:
            while block := os.read(pipe.fileno(), BLOCK):
                sink(block)
        problem = order.problem()
        process.wait()
    if problem:
        _raise(problem, path, path)


class _Order:
    """A spec on its way to ``enter.py``, and the report on its way back."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = in_memory(json.dumps(spec).encode())
        self._reader, self._writer = os.pipe()

    def __enter__(self) -> _Order:
        return self

    def __exit__(self, *exc: object) -> None:
        for descriptor in (self._spec, self._reader, self._writer):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    @property
    def argv(self) -> list[str]:
        # -I and -S: nothing of the user's own Python set-up has a say, and it starts sooner.
        return [sys.executable, "-I", "-S", str(ENTER), str(self._spec), str(self._writer)]

    @property
    def descriptors(self) -> tuple[int, int]:
        return self._spec, self._writer

    def start(self, *, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv,
            stdin=stdin,
            stdout=stdout,
            env={},
            pass_fds=self.descriptors,
            start_new_session=True,
            bufsize=0,
        )

    def problem(self) -> dict[str, Any]:
        """What went wrong, once that is known; empty if nothing did."""
        os.close(self._writer)
        self._writer = -1
        told = b""
        while block := os.read(self._reader, BLOCK):
            told += block
        problem: dict[str, Any] = json.loads(told) if told else {}
        return problem


def _raise(problem: Mapping[str, Any], subject: str, working_dir: str) -> NoReturn:
    stage, text = problem["stage"], problem["text"]
    missing = problem["errno"] in (2, 20)  # ENOENT, ENOTDIR
    if stage == "program":
        raise (CommandNotFound if missing else CommandForbidden)(f"{subject}: {text}")
    if stage == "path" and missing:
        raise FileNotFoundError(f"{subject}: {text}")
    if stage == "container" and problem["errno"] in (2, 3):  # ESRCH
        raise ContainerNotFound("the container ended meanwhile")
    raise RequestRefused(f"{stage} {working_dir}: {text}")
