"""What hooks return: named, frozen descriptions whose factory does the work when it is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from dagu.contracts.provider import HarnessProvider, ProviderFacts
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.service import ServiceContext
from dagu.contracts.shared import LocalRuns, SharedDatabase
from dagu.frozen import dataclass


@dataclass(frozen=True, kw_only=True)
class RuntimeSpec:
    """A container runtime that a plugin offers.

    Attributes:
        name: What ``DAGU_CONTAINER_RUNTIME`` selects: lower case letters, digits and dashes.
        summary: One line for lists.
        factory: Makes the runtime from the process environment. It imports the SDK; it raises the errors of
            :class:`~dagu.contracts.runtime.ContainerRuntime` where it connects already.
        environment: Names of the environment variables that it reads, for the notice that a workflow can't
            set them and for docs.
    """

    name: str
    summary: str
    factory: Callable[[Mapping[str, str]], ContainerRuntime]
    environment: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProviderSpec:
    """A harness provider that a plugin offers. ``name`` is what ``with.provider`` selects."""

    name: str
    summary: str
    facts: ProviderFacts
    factory: Callable[[], HarnessProvider]


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A group of subcommands. ``factory`` returns a ``typer.Typer`` and is called when the group is used.

    Its commands find a :class:`CommandHost` in ``obj`` of their ``typer.Context``.
    """

    name: str
    summary: str
    factory: Callable[[], Any]


class CommandHost(Protocol):
    """What a plugin's command may use of the command line that it runs in."""

    environ: Mapping[str, str]

    def serve(self, service: str, flags: Mapping[str, str]) -> int:
        """Run one of the services that plugins offer, alone, until a signal ends it.

        Args:
            flags: What was given on the command line, by environment name (``DAGU_PORT``); empty ones were not.

        Returns:
            The exit status for the command.

        Raises:
            DaguError: It could not be started.
        """

    def shared(self) -> SharedDatabase | None:
        """The shared database, None if the environment names none. Open until the process ends.

        Raises:
            DaguError: It can't be used.
        """

    def local_runs(self, worker: str) -> LocalRuns:
        """Runs of this machine for a worker of that name."""


class Service(ABC):
    """Something that ``start-all`` keeps running."""

    @abstractmethod
    def run(self) -> None:
        """Serve until :meth:`stop` is called from another thread; return at once if it was called before."""

    @abstractmethod
    def stop(self, grace: float) -> None:
        """Ask the service to finish within ``grace`` seconds."""


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """A service that a plugin offers. ``factory`` gets what the service may use."""

    name: str
    summary: str
    factory: Callable[[ServiceContext], Service]


@dataclass(frozen=True, kw_only=True)
class DatabaseSpec:
    """A kind of database that machines share, which a plugin offers.

    Attributes:
        name: The scheme of its URLs in ``DAGU_DATABASE_URL``.
        factory: Gets the process environment, the home directory of this process, and what tells whether a process
            owns a run of that home now.
    """

    name: str
    summary: str
    factory: Callable[[Mapping[str, str], Path, Callable[[str], bool]], SharedDatabase]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A reviewer's no. ``rule`` names what it is based on, ``reason`` says it in a sentence."""

    rule: str
    reason: str
