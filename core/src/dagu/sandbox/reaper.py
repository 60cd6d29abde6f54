"""Removing what a dead owner left on the engine; what a live one holds is never touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import Protocol

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerState, ContainerStatus
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound, RuntimeFailure
from dagu.frozen import dataclass
from dagu.sandbox import labels
from dagu.sandbox.paths import own_container_ids

_OVER = {ContainerStatus.CREATED, ContainerStatus.EXITED, ContainerStatus.DEAD, ContainerStatus.REMOVING}


@dataclass(frozen=True)
class Leftover:
    """A thing whose owner is dead. ``kind`` is ``container``, ``network`` or ``volume``."""

    kind: str
    name: str
    run: str
    step: str
    marks: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


class Claims(Protocol):
    """Who takes up the runs of dead owners."""

    def unclaimed(self, marks: Mapping[str, str]) -> AbstractContextManager[bool]:
        """Keep the run that labels name from being taken up meanwhile; False if it was already."""


class _Nobody:
    def unclaimed(self, marks: Mapping[str, str]) -> AbstractContextManager[bool]:
        del marks
        return nullcontext(True)


NOBODY: Claims = _Nobody()


def leftovers(
    runtime: ContainerRuntime, *, spared: Collection[str] = (), unknown: bool = False
) -> list[Leftover]:
    """What dead owners left; containers first, for networks and volumes are in use by them.

    Args:
        spared: Ids of containers that this process takes over.
        unknown: Also what belongs to owners of which nothing can be known from here.
    """
    found: list[Leftover] = []
    for kind, name, marks in _things(runtime):
        owner = labels.owner_of(marks)
        if owner is None or labels.KEEP in marks or name in spared:
            continue
        alive = owner.alive()
        if alive is None and _container_over(runtime, marks):
            alive = False
        if alive is False or (alive is None and unknown):
            found.append(Leftover(kind, name, marks.get(labels.RUN, ""), marks.get(labels.STEP, ""), marks))
    return found


def reap(
    runtime: ContainerRuntime,
    things: Iterable[Leftover],
    *,
    failed: Callable[[Leftover, RuntimeFailure], None],
    claims: Claims = NOBODY,
) -> list[Leftover]:
    """Remove leftovers and return those that are gone; what could not be removed is told to ``failed``."""
    remove = {
        "container": runtime.remove,
        "network": runtime.remove_network,
        "volume": runtime.remove_volume,
    }
    gone: list[Leftover] = []
    for thing in things:
        with claims.unclaimed(thing.marks) as free:
            if not free:
                continue
            try:
                remove[thing.kind](thing.name)
            except RuntimeFailure as error:
                failed(thing, error)
            else:
                gone.append(thing)
    return gone


def own_runner(runtime: ContainerRuntime) -> str:
    """What :data:`labels.RUNNER` says of this process' own container; empty where the engine has none such."""
    for candidate in own_container_ids():
        try:
            return _mark(runtime.inspect(candidate))
        except ContainerNotFound:
            continue
    return ""


def _mark(state: ContainerState) -> str:
    return f"{state.id}@{state.started_at or 0:.3f}"


def _things(runtime: ContainerRuntime) -> list[tuple[str, str, Mapping[str, str]]]:
    capable = runtime.check().capabilities
    if Capability.LABELS not in capable:
        return []
    wanted = {labels.OWNER: ""}
    things = [("container", state.id, state.labels) for state in runtime.find(wanted)]
    if Capability.NETWORKS in capable:
        things += [("network", item.name, item.labels) for item in runtime.find_networks(wanted)]
    if Capability.VOLUMES in capable:
        things += [("volume", item.name, item.labels) for item in runtime.find_volumes(wanted)]
    return things


def _container_over(runtime: ContainerRuntime, marks: Mapping[str, str]) -> bool:
    """Whether the owner ran in a container of this engine that has ended, or was started anew, since."""
    mark = marks.get(labels.RUNNER, "")
    if not mark:
        return False
    try:
        state = runtime.inspect(mark.partition("@")[0])
    except ContainerNotFound:
        return True
    return state.status in _OVER or _mark(state) != mark
