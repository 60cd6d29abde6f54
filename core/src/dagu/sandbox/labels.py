"""The labels that say whose a container, network or volume is, and whether the owner still lives.

The owner is a process of one boot of one machine. On that machine its life can be proven: the process id together
with its start time names it for as long as the machine runs (proc(5), field 22 of ``stat``). A runner inside a
container counts its processes for itself, so the owner names its PID namespace too (pid_namespaces(7)). Where the
process can't be seen from, its container may be known to the engine.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dagu.frozen import dataclass

PREFIX = "dev.dagu."
OWNER = PREFIX + "owner"
RUN = PREFIX + "run"
STEP = PREFIX + "step"
ATTEMPT = PREFIX + "attempt"
KEEP = PREFIX + "keep"
RUNNER = PREFIX + "runner"
"""The owner's own container, if this engine has it, and when it was started: ``id@seconds``."""
HOME = PREFIX + "home"
"""Where the owner keeps its runs; the locks there tell whether another process took the run up."""

_FIRST = 0xEFFFFFFC
"""The number of the PID namespace that a machine starts with: PROC_PID_INIT_INO in the kernel's proc_ns.h."""


@dataclass(frozen=True)
class Owner:
    """The process that a thing belongs to.

    Attributes:
        host, boot: Where it lives.
        pid, start: Which one it is there.
        namespace: The PID namespace that ``pid`` is counted in; 0 where that can't be told.
    """

    host: str
    boot: str
    pid: int
    start: int
    namespace: int = 0

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        return cls(_host(), _boot(), os.getpid(), _start_time(os.getpid()) or 0, _namespace("self"))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """What a label says, None if it is not one of ours."""
        host, _, rest = text.partition("/")
        boot, _, numbers = rest.partition("/")
        parts = numbers.split("/")
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            return None
        return cls(host, boot, *(int(part) for part in parts))

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.pid}/{self.start}/{self.namespace}"

    def alive(self) -> bool | None:
        """Whether the process lives; None where that can't be known from here."""
        if self.boot != _boot():
            # The same machine, started anew since, or another one.
            return False if self.host == _host() else None
        here = _namespace("self")
        if self.namespace == here:
            return _start_time(self.pid) == self.start
        # Only the first namespace sees the processes of all others.
        return self._inside() if here == _FIRST else None

    def _inside(self) -> bool | None:
        hidden = False
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            # Which namespace another user's process is in is not told; that it has one within ours, is.
            inner = _status(entry.name, "NSpid").split()
            if len(inner) < 2 or inner[-1] != str(self.pid) or _start_time(int(entry.name)) != self.start:
                continue
            namespace = _namespace(entry.name)
            if namespace == self.namespace:
                return True
            hidden = hidden or namespace == 0
        return None if hidden else False


def owner_of(marks: Mapping[str, str]) -> Owner | None:
    """The owner that a thing's labels name, None if it is not one of ours."""
    return Owner.parse(marks.get(OWNER, ""))


def for_run(
    run_id: str, *, home: str = "", runner: str = "", step: str = "", attempt: int = 0, keep: bool = False
) -> Mapping[str, str]:
    """The labels of a thing that this process makes for a run.

    Args:
        home: Where the run is kept, absolute.
        runner: This process' own container, as :data:`RUNNER` has it.
    """
    labels = {OWNER: str(Owner.me()), RUN: run_id}
    if home:
        labels[HOME] = home
    if runner:
        labels[RUNNER] = runner
    if step:
        labels[STEP] = step
        labels[ATTEMPT] = str(attempt)
    if keep:
        labels[KEEP] = "true"
    return labels


@cache
def _host() -> str:
    # The machine id survives renaming and is unique. In a container it may be the image's, which others have too.
    try:
        machine = Path("/etc/machine-id").read_text().strip()
    except OSError:
        machine = ""
    name = "" if machine and _namespace("self") == _FIRST else os.uname().nodename
    # It is not to be shown to containers as it is (machine-id(5)).
    return hashlib.sha256(f"dagu {machine} {name}".encode()).hexdigest()[:16]


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()
    return None if state in b"ZX" else int(fields[18])


def _namespace(process: str) -> int:
    try:
        link = os.readlink(f"/proc/{process}/ns/pid")
    except OSError:
        return 0
    digits = link.removeprefix("pid:[").removesuffix("]")
    return int(digits) if digits.isdigit() else 0


def _status(process: str, field: str) -> str:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2] for line in lines if line.startswith(f"{field}:")), "")
