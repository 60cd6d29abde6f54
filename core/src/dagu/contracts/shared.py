"""A database that several machines share: the history of all their runs, and the way of runs to workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import RunRecord
from dagu.frozen import dataclass

if TYPE_CHECKING:
    from dagu.contracts.specs import Service

URL_VARIABLE = "DAGU_DATABASE_URL"
"""Names the database; its scheme selects the plugin."""

BEGIN, RETRY, RESUME = "begin", "retry", "resume"
INTERRUPT, AGAIN = "interrupt", "retry"
OK = "ok"
"""The health of an engine that answers."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A run that a worker is to take.

    Attributes:
        command: ``begin`` a queued run; ``retry`` or ``resume`` one that ended.
        selector: Labels that the worker must have, all of them.
        on_lost: What becomes of it when its worker is lost: ``interrupt``, or ``retry`` on another one, once.
        engine: It needs a container engine, so only a worker whose engine answers may take it.
        workspace: An archive of its working directory, which goes along.
    """

    run_id: str
    command: str = BEGIN
    selector: tuple[str, ...] = ()
    on_lost: str = INTERRUPT
    engine: bool = False
    workspace: BinaryIO | None = None


class SharedDatabase(ABC):
    """The database, as a server or a command uses it. Any thread may call.

    Every method may raise:
        DaguError: The database can't be reached, or is not prepared.
    """

    history: HistoryStore
    """The runs of all machines. A run on a worker has its name as ``worker_id``."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back, the history too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def send(self, order: Order) -> None:
        """Give a recorded run to the workers; within a transaction of the history, as a part of it.

        Raises:
            UsageError: A worker has it already, or may have it still.
        """

    @abstractmethod
    def cancel(self, run_id: str) -> bool:
        """Have the worker of a run stop it, or, when that was asked before, kill it; returns at once.

        False if no worker has it. One that no worker has taken yet is ended; if it had ended before, left as it was.
        """

    @abstractmethod
    def under_way(self) -> Collection[str]:
        """Ids of the runs that wait for a worker or that one has."""

    @abstractmethod
    def advice(self, order: Order) -> str:
        """Why no living worker could take such a run, in a sentence; empty if one could."""

    @abstractmethod
    def wait(self, run_id: str, timeout: float | None = None, *, output: bool = True) -> bool:
        """Block until no worker has the run; False if that took longer, in seconds.

        Args:
            output: Also until all of its output is home.
        """

    @abstractmethod
    def workers(self) -> Sequence[Mapping[str, Any]]:
        """The workers: ``name``, ``labels``, ``runtime``, ``state``, ``health``, ``active``, ``limit`` and more."""

    @abstractmethod
    def be_server(self) -> bool:
        """Make sure that this process is the one server of the database, which follows schedules and keeps output.

        It is until :meth:`close`, or until its connection breaks: then it is to be asked for again.

        Returns:
            False while another server of this home is.

        Raises:
            UsageError: A server with another home is.
        """

    @abstractmethod
    def service(self) -> Service:
        """What a server runs beside its scheduler: it brings output home and notices lost workers.

        Raises:
            UsageError: Another home has a server.
        """


class LocalRuns(ABC):
    """Runs on this machine, as a worker starts them: with a home of their own, whose history is not shared."""

    home: Path
    history: HistoryStore

    @abstractmethod
    def begin(
        self, run: RunRecord, command: str, *, tied: bool = False, workspace: BinaryIO | None = None
    ) -> None:
        """Take over a record, with its steps, and start its process.

        The process ends itself, and what it runs, when this process is gone.

        Args:
            tied: Its containers end with it also when both are killed, for another machine will take the run up;
                what can't end so is refused.
            workspace: An archive of its working directory. If it was here before, what is left of that is used.

        Raises:
            DaguError: It can't be started.
        """

    @abstractmethod
    def stop(self, run_id: str, *, kill: bool = False) -> None:
        """Have its process stop the run, or end everything at once; returns soon. An ended one is fine."""

    @abstractmethod
    def destroy(self, run_id: str) -> None:
        """Kill its process with all that it started on the host, at once."""

    @abstractmethod
    def wait(self, run_id: str) -> None:
        """Block until its process ended, and the local history says how."""

    @abstractmethod
    def end_leftovers(self) -> None:
        """End what a worker before this one left running in this home, and remove what it left on the engine.

        Raises:
            DaguError: Something may be left, since the engine does not answer.
        """

    @abstractmethod
    def forget(self, days: float) -> None:
        """Remove what is kept here of runs that ended longer ago than that; they are at home."""

    @abstractmethod
    def folders(self, run: RunRecord) -> Mapping[str, Path]:
        """Where a run keeps files: ``logs`` and ``artifacts``; they need not exist."""

    @abstractmethod
    def health(self) -> str:
        """Ask this machine's container engine: ``ok``, or what is wrong, in a line. May take a minute."""

    @abstractmethod
    def close(self) -> None:
        """Close the history, and end a question to the engine."""
