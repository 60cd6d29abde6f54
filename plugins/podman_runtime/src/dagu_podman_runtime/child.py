"""A program that serves a socket for this process, and ends when this process does, however that ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from dagu.errors import EngineUnreachable
from dagu_podman_runtime.endpoint import Answer, connect

_READY = 60.0  # seconds
_END = 10.0
_PAUSE = 0.02
# A pipe of ours is the standard input: its end ends the program. PR_SET_PDEATHSIG would do so at the end of the
# thread that started it, which is not the end of this process.
_LIFELINE = """
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ cat <&3 >/dev/null; : >"$folder/over"; kill -TERM "$program" 2>/dev/null; } &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
[ -e "$folder/over" ] && rm -rf "$folder"
exit "$status"
"""


class SocketChild:
    """Runs a program and waits until its socket answers.

    Args:
        command: Makes the program's argv from the path of the socket.
        what: Names the program in messages.
        environ: The program's environment.

    Raises:
        EngineUnreachable: It ended, or its socket did not answer in time.
    """

    def __init__(
        self, command: Callable[[str], Sequence[str]], *, what: str, environ: Mapping[str, str]
    ) -> None:
        self._what = what
        self._folder = tempfile.mkdtemp(prefix="dagu-podman-")
        self._socket = os.path.join(self._folder, "podman.sock")
        self._log = os.path.join(self._folder, "log")
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _LIFELINE, "sh", self._folder, *command(self._socket)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(environ),
                cwd=self._folder,  # conmon leaves a file named `oom` where it is
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"unix://{self._socket}"

    def close(self) -> None:
        """End the program and take its socket away."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + _READY
        while connect(self._socket) is not Answer.YES:
            if self._process.poll() is not None or time.monotonic() > limit:
                ended = self._process.returncode is not None
                how = (
                    f"ended with status {self._process.returncode}"
                    if ended
                    else "did not become ready in time"
                )
                raise EngineUnreachable(f"{self._what} {how}: {self._tail()}")
            time.sleep(_PAUSE)

    def _tail(self) -> str:
        with open(self._log, encoding="utf-8", errors="replace") as log:
            text = " ".join(log.read()[-2000:].split())
        return text or "it said nothing"
