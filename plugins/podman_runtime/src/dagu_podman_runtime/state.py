"""From what Podman tells of a container to the contract's values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dagu.contracts.container import (
    ContainerState,
    ContainerStatus,
    ExitStatus,
    Health,
    Mount,
    MountType,
    NamedObject,
)

Json = Mapping[str, Any]

_STATUS = {
    "created": ContainerStatus.CREATED,
    "configured": ContainerStatus.CREATED,
    "initialized": ContainerStatus.CREATED,
    "running": ContainerStatus.RUNNING,
    "stopping": ContainerStatus.RUNNING,
    "paused": ContainerStatus.PAUSED,
    # It ended, and what cleans up after it, or starts it again, has not come by yet.
    "stopped": ContainerStatus.EXITED,
    "exited": ContainerStatus.EXITED,
    "removing": ContainerStatus.REMOVING,
}
_HEALTH = {"healthy": Health.HEALTHY, "unhealthy": Health.UNHEALTHY}
_MOUNTS = {kind.value: kind for kind in MountType}
_BACK = ("always", "unless-stopped")


def container_state(found: Json, *, oom_killed: bool = False, rootless: bool = False) -> ContainerState:
    """What an inspection says.

    Args:
        oom_killed: It was seen by other means that memory ran out.
        rootless: The engine's networks are in a namespace of its own, so their gateways are not the machine's.
    """
    state: Json = found["State"]
    status = _STATUS.get(str(state.get("Status", "")).lower(), ContainerStatus.DEAD)
    ended = status in (ContainerStatus.EXITED, ContainerStatus.DEAD)
    started_at, finished_at = seconds(state.get("StartedAt")), seconds(state.get("FinishedAt"))
    if started_at is not None and finished_at is not None:
        # It is the time of a file, which a file system tells no finer than the kernel's ticks.
        finished_at = max(finished_at, started_at)
    code = int(state.get("ExitCode") or 0)
    return ContainerState(
        id=str(found["Id"]),
        name=str(found.get("Name", "")),
        image=str(found.get("ImageName", "")),
        status=status,
        health=_health(found),
        exit=exit_status(
            code, oom_killed=oom_killed or bool(state.get("OOMKilled")), error=str(state.get("Error") or "")
        )
        if ended
        else None,
        labels=dict((found.get("Config") or {}).get("Labels") or {}),
        started_at=started_at,
        finished_at=finished_at if ended else None,
        mounts=tuple(_mount(mount) for mount in found.get("Mounts") or ()),
        gateways={} if rootless else _gateways(found),
        pid=int(state.get("Pid") or 0) if status is ContainerStatus.RUNNING else 0,
    )


def exit_status(code: int, *, oom_killed: bool = False, error: str = "") -> ExitStatus:
    """An exit status whose code is within 0 to 255."""
    return ExitStatus(code=code & 0xFF, oom_killed=oom_killed, error=error)


def has_health_check(found: Json) -> bool:
    """Whether an inspected container has a check that is not switched off."""
    check = (found.get("Config") or {}).get("Healthcheck") or {}
    test = check.get("Test") or []
    return bool(test) and test[0] not in ("", "NONE")


def starts_again(found: Json) -> bool:
    """Whether the engine starts an inspected container again when it ends."""
    policy = (found.get("HostConfig") or {}).get("RestartPolicy") or {}
    return policy.get("Name") in _BACK


def seconds(text: Any) -> float | None:
    """Seconds since the epoch of Podman's time stamps; None of its zero time."""
    if isinstance(text, int | float):
        return float(text) if text > 0 else None
    if not text or str(text).startswith("0001-"):
        return None
    # Python reads six digits of a fraction, Go writes up to nine.
    head, dot, tail = str(text).partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        head = f"{head}.{tail[: min(digits, 6)]:0<6}{tail[digits:]}"
    return datetime.fromisoformat(head.replace("Z", "+00:00")).timestamp()


def named(found: Json) -> NamedObject:
    """A network or a volume."""
    created = found.get("created") or found.get("CreatedAt")
    return NamedObject(
        name=str(found.get("name") or found.get("Name") or ""),
        labels=dict(found.get("labels") or found.get("Labels") or {}),
        created_at=seconds(created) or 0.0,
        gateway=gateway(found),
    )


def gateway(network: Json) -> str:
    """The address of the engine's machine on a network; empty if it has none."""
    return next((str(pool["gateway"]) for pool in network.get("subnets") or () if pool.get("gateway")), "")


def _health(found: Json) -> Health:
    if not has_health_check(found):
        return Health.NONE
    state: Json = found["State"]
    told = state.get("Health") or state.get("Healthcheck") or {}
    return _HEALTH.get(str(told.get("Status", "")).lower(), Health.STARTING)


def _mount(found: Json) -> Mount:
    kind = _MOUNTS.get(str(found.get("Type", "")).lower(), MountType.BIND)
    return Mount(
        type=kind,
        source=str(found.get("Source") or "") if kind is not MountType.TMPFS else "",
        target=str(found.get("Destination", "")),
        read_only=not found.get("RW", True),
    )


def _gateways(found: Json) -> dict[str, str]:
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        str(name): str(network["Gateway"])
        for name, network in networks.items()
        if network and network.get("Gateway")
    }
