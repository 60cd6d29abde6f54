"""What ends host processes when the runner itself is killed: a small shell that waits for the runner's end.

It reads from a pipe that only the runner holds. The kernel closes that pipe however the runner dies; a runner that
ends well says so first. Then every process with this runner's mark in its environment is ended. Should the guardian
be killed as well, the next run finds those processes by the same mark (:func:`orphans`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from dagu.sandbox.labels import Owner

MARK = "DAGU_RUN_OWNER"
"""The environment variable that says which runner a process belongs to."""

_SCRIPT = r"""
trap '' TERM INT HUP QUIT
read -r word
[ "$word" = done ] && exit 0
marked() {
  for f in $(grep -laF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    p=${f#/proc/}
    p=${p%/environ}
    s=$(cat "/proc/$p/stat" 2>/dev/null) || continue
    case ${s##*) } in Z*|X*) ;; *) echo "$p" ;; esac
  done
}
found=$(marked "$1")
[ -n "$found" ] || exit 0
kill -s TERM $found 2>/dev/null
sleep 1
while found=$(marked "$1"); [ -n "$found" ]; do
  kill -s KILL $found 2>/dev/null
  sleep 0.05
done
"""


class Guardian:
    """The guardian of this process; started when the first host command is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._text = ""

    def mark(self) -> dict[str, str]:
        """The environment entry for a host command, and a guardian that watches for it."""
        with self._lock:
            if self._process is None or self._pid != os.getpid():
                self._text = f"{Owner.me()};"
                self._process = _start(self._text)
                self._pid = os.getpid()
                atexit.register(self.dismiss)
            return {MARK: self._text}

    def dismiss(self) -> None:
        """This process ends well; the guardian has nothing to do."""
        with self._lock:
            process, self._process = self._process, None
        if process is None or self._pid != os.getpid() or process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"done\n")
            process.stdin.close()
        process.wait()


GUARDIAN = Guardian()


def _start(text: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT, "dagu-guardian", f"{MARK}={text}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        cwd="/",
        start_new_session=True,
        bufsize=0,
    )


def orphans() -> Iterator[int]:
    """Host processes whose runner is dead. Only those of this user can be seen."""
    wanted = f"{MARK}=".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            environ = Path("/proc", entry, "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for item in environ:
            if item.startswith(wanted):
                owner = Owner.parse(item.removeprefix(wanted).decode(errors="replace").rstrip(";"))
                if owner is not None and owner.alive() is False:
                    yield int(entry)


def end_orphans() -> int:
    """Kill host processes whose runner is dead, and say how many there were."""
    count = 0
    for pid in list(orphans()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count
