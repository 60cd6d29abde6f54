"""A command in a running container."""

from __future__ import annotations

from pathlib import Path

from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.process_tree import MARKER, new_marker
from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Streams
from dagu_bubblewrap_runtime import entering
from dagu_bubblewrap_runtime.processes import end_tree


class BubblewrapExecution(Execution):
    """Started in the namespaces of the main process ``pid``, with its environment and the request's."""

    def __init__(self, pid: int, request: ExecRequest, streams: Streams, working_dir: str) -> None:
        self._mark = new_marker()
        self._running = entering.begin_command(
            pid,
            request.argv,
            env={**_environment(pid), **request.env, MARKER: self._mark},
            working_dir=request.working_dir or working_dir,
            streams=streams,
        )

    def wait(self) -> ExitStatus:
        return ExitStatus(code=self._running.wait())

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        end_tree(self._mark, signal=signal, grace=grace)
        self._running.process.wait()


def _environment(pid: int) -> dict[str, str]:
    """What the main process was started with: the kernel keeps it, so no file has to."""
    try:
        block = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="surrogateescape")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(entry.split("=", 1) for entry in block.split("\0") if "=" in entry)
