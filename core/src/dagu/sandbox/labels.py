"""The labels that say whose a container, network or volume is, and whether the owner still lives.

The owner is a process of one boot of one machine. On that machine its life can be proven: the process id together
with its start time names it for as long as the machine runs (proc(5), field 22 of ``stat``). A runner inside a
container counts its processes for itself, so the owner names its PID namespace too (pid_namespaces(7)).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PREFIX = "dev.dagu."
OWNER = PREFIX + "owner"
RUN = PREFIX + "run"
STEP = PREFIX + "step"
ATTEMPT = PREFIX + "attempt"
KEEP = PREFIX + "keep"
RUNNER = PREFIX + "runner"
"""The container that the owner runs in, where it runs in one."""

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

    def _inside(self) -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _namespace(entry.name) == self.namespace:
                inner = _status(entry.name, "NSpid").split()
                if inner and inner[-1] == str(self.pid) and _start_time(int(entry.name)) == self.start:
                    return True
        return False


def owner_of(marks: Mapping[str, str]) -> Owner | None:
    """The owner that a thing's labels name, None if it is not one of ours."""
    return Owner.parse(marks.get(OWNER, ""))


def for_run(run_id: str, *, step: str = "", attempt: int = 0, keep: bool = False) -> Mapping[str, str]:
    """The labels of a thing that this process makes for a run."""
    labels = {OWNER: str(Owner.me()), RUN: run_id}
    if step:
        labels[STEP] = step
        labels[ATTEMPT] = str(attempt)
    if keep:
        labels[KEEP] = "true"
    return labels


@cache
def _host() -> str:
    # The machine id survives renaming and is unique; a container without one has its host name.
    try:
        return Path("/etc/machine-id").read_text().strip() or os.uname().nodename
    except OSError:
        return os.uname().nodename


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
