"""What an action makes of a step: commands, and where they run, decided before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from dagu.contracts.container import EMPTY
from dagu.contracts.provider import HarnessEvent
from dagu.frozen import dataclass
from dagu.run.cancel import Cancellation
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended
from dagu.sandbox.command import Command
from dagu.sandbox.place import Place
from dagu.sandbox.stopping import Stop

ReadEvents = Callable[[bytes], Sequence[HarnessEvent]]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a step's commands will run.

    Attributes:
        kind: For history.
        contained: Inside a container: none of the runner's environment, and paths of the container.
        shell: argv of the place's own shell, None for the runner's rules of the host.
        working_dir: Where commands start, absolute; empty is the place's own.
        env: What the container sets itself; it wins over everything of the step.
        hidden: Names of the run's environment that its commands do not get (secrets that are files there).
        temporary: Where commands in a container may leave files that are fetched afterwards.
        open: Makes the place, for the commands it will get, unless it is no longer wanted; raises RuntimeFailure.
        shared: The place outlives the step and is not the step's to close.
        explain: What a complaint of a command may mean there: cause and remedy, empty where nothing fits.
    """

    kind: str
    contained: bool
    open: Callable[[Sequence[Command], Stop], Place]
    shell: tuple[str, ...] | None = None
    working_dir: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    hidden: frozenset[str] = frozenset()
    temporary: str = "/tmp"
    shared: bool = False
    explain: Callable[[str], str] = lambda _said: ""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One way to do the step's work: commands that run in turn until one fails.

    Attributes:
        make: Makes the commands; raises TaskInvalid or another DaguError for a set-up failure.
        provider: Name of the harness provider, empty for anything else.
        keeps_output: A failed attempt's standard output is the step's all the same.
    """

    make: Callable[[], Sequence[Prepared]]
    provider: str = ""
    keeps_output: bool = True


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A command that is ready to run, and how its standard output is read.

    Attributes:
        read_events: Reads the event stream on standard output; None where output is the answer.
        model: The model that was asked for, which stands where the events do not tell one.
        install: How to get the program where it is missing, if that is known.
    """

    command: Command
    read_events: ReadEvents | None = None
    model: str = ""
    install: str = ""


Inside = Callable[[AttemptLog, Cancellation], Ended]
"""Work that the runner does itself (write a file, run another workflow), and how it ended.

It ends soon after the cancellation, which is the attempt's own, is set.
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that an action made of a step: alternatives, tried in turn, or work inside the runner."""

    target: Target
    alternatives: tuple[Alternative, ...] = ()
    inside: Inside | None = None
