"""Removing what a dead owner left on the engine; what a live one holds is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RuntimeFailure
from dagu.sandbox import labels


@dataclass(frozen=True)
class Leftover:
    """A thing whose owner is dead. ``kind`` is ``container``, ``network`` or ``volume``."""

    kind: str
    name: str
    run: str
    step: str


def leftovers(runtime: ContainerRuntime) -> list[Leftover]:
    """What dead owners of this machine left; containers first, for networks and volumes are in use by them."""
    found: list[Leftover] = []
    capable = runtime.check().capabilities
    if Capability.LABELS not in capable:
        return found
    wanted = {labels.OWNER: ""}
    things = [("container", state.id, state.labels) for state in runtime.find(wanted)]
    if Capability.NETWORKS in capable:
        things += [("network", item.name, item.labels) for item in runtime.find_networks(wanted)]
    if Capability.VOLUMES in capable:
        things += [("volume", item.name, item.labels) for item in runtime.find_volumes(wanted)]
    for kind, name, marks in things:
        owner = labels.Owner.parse(marks.get(labels.OWNER, ""))
        kept = labels.KEEP in marks
        if owner is not None and not kept and owner.alive() is False:
            found.append(Leftover(kind, name, marks.get(labels.RUN, ""), marks.get(labels.STEP, "")))
    return found


def reap(
    runtime: ContainerRuntime,
    things: Iterable[Leftover],
    *,
    failed: Callable[[Leftover, RuntimeFailure], None],
) -> list[Leftover]:
    """Remove leftovers and return those that are gone; the rest is told to ``failed``."""
    remove = {
        "container": runtime.remove,
        "network": runtime.remove_network,
        "volume": runtime.remove_volume,
    }
    gone: list[Leftover] = []
    for thing in things:
        try:
            remove[thing.kind](thing.name)
        except RuntimeFailure as error:
            failed(thing, error)
        else:
            gone.append(thing)
    return gone
