"""What ends processes when the runner itself is killed: a small shell that waits for the runner's end.

It reads from a pipe that only the runner holds. The kernel closes that pipe however the runner dies; a runner that
ends well says so first. Then every process with this runner's mark in its environment is ended: those of the host,
and those in containers that several commands share, as far as they are among this machine's. Should the guardian be
killed as well, the next run finds them by the same mark (:func:`orphans`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator

from dagu.sandbox.host_tree import environ, pids, with_descendants
from dagu.sandbox.labels import Owner

MARK = "DAGU_RUN_OWNER"
"""The environment variable that says which runner a process belongs to."""

# "found" holds all that is to end, as number and start time, which together are never another process' later. Besides
# those with the mark these are their descendants, for a process may clear its environment.
_SCRIPT = r"""
trap '' TERM INT HUP QUIT
read -r word
[ "$word" = done ] && exit 0
list() {
  for d in /proc/[0-9]*; do
    read -r s <"$d/stat" || continue
    p=${d#/proc/}
    s=${s##*) }
    set -- $s
    case $1 in Z*|X*) ;; *) echo "$p $2 ${20}" ;; esac
  done 2>/dev/null
}
found=' '
look() {
  marked=' '
  for f in $(grep -laF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    f=${f#/proc/}
    marked="$marked${f%/environ} "
  done
  all=$(list)
  pids=' '
  while read -r p parent start; do
    case $found in *" $p:$start "*) pids="$pids$p " ;; esac
  done <<EOF
$all
EOF
  grew=1
  while [ -n "$grew" ]; do
    grew=
    while read -r p parent start; do
      case $pids in *" $p "*) continue ;; esac
      case "$marked:$pids" in
        *" $p "*:*|*:*" $parent "*) pids="$pids$p " found="$found$p:$start " grew=1 ;;
      esac
    done <<EOF
$all
EOF
  done
  [ "$pids" != ' ' ]
}
look "$1" || exit 0
kill -s TERM $pids 2>/dev/null
sleep 1
while look "$1"; do
  kill -s KILL $pids 2>/dev/null
  sleep 0.05
done
"""


def mark_of(owner: str) -> str:
    """The value of :data:`MARK` for an owner; no other's begins like it."""
    return f"{owner};"


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
                self._text = mark_of(str(Owner.me()))
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
    """Processes whose runner is dead. Only those of this user can be seen."""
    wanted = f"{MARK}=".encode()
    for pid in pids():
        for item in environ(pid):
            if item.startswith(wanted):
                owner = Owner.parse(item.removeprefix(wanted).decode(errors="replace").rstrip(";"))
                if owner is not None and owner.alive() is False:
                    yield pid


def end_orphans() -> int:
    """Kill processes whose runner is dead with all that descends from them, and say how many there were."""
    ended = with_descendants(set(orphans())) - {os.getpid()}
    for pid in ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(ended)
