"""The labels that say whose a container, network or volume is, and whether the owner still lives.

The owner is a process of one boot of one machine. On that machine its life can be proven: the process id together
with its start time names it for as long as the machine runs (proc(5), field 22 of ``stat``).
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


@dataclass(frozen=True)
class Owner:
    """The process that a thing belongs to: ``host`` and ``boot`` say where, ``pid`` and ``start`` which."""

    host: str
    boot: str
    pid: int
    start: int

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        return cls(_host(), _boot(), os.getpid(), _start_time(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """What a label says, None if it is not one of ours."""
        parts = text.split("/")
        if len(parts) != 4 or not parts[2].isdigit() or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.pid}/{self.start}"

    def alive(self) -> bool | None:
        """Whether the process lives; None where that can't be known from here (another machine)."""
        if self.host != _host():
            return None
        return self.boot == _boot() and _start_time(self.pid) == self.start


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
