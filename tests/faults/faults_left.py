"""What is left of a runner that was killed."""

from __future__ import annotations

from pathlib import Path

from e2e_dagu import Dagu, Running

from dagu.sandbox import labels
from dagu.sandbox.guardian import MARK


def left(dagu: Dagu, running: Running) -> list[str]:
    """What is on the engine, and among the machine's processes, of a killed runner."""
    pid = running.process.pid
    found = [f"container {s.name}" for s in dagu.runtime.find({labels.OWNER: ""}) if _of(s.labels, pid)]
    found += [
        f"network {n.name}" for n in dagu.runtime.find_networks({labels.OWNER: ""}) if _of(n.labels, pid)
    ]
    found += [f"volume {v.name}" for v in dagu.runtime.find_volumes({labels.OWNER: ""}) if _of(v.labels, pid)]
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            items = path.read_bytes().split(b"\0")
        except OSError:
            continue
        owners = [item.partition(b"=")[2].decode() for item in items if item.startswith(f"{MARK}=".encode())]
        if any(_is(owner.rstrip(";"), pid) for owner in owners):
            found.append(f"process {path.parent.name}")
    return found


def _of(marks: dict[str, str], pid: int) -> bool:
    return _is(marks.get(labels.OWNER, ""), pid)


def _is(owner: str, pid: int) -> bool:
    parsed = labels.Owner.parse(owner)
    return parsed is not None and parsed.pid == pid
