"""The engine's JSON about containers and images, as the contract's values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dagu.contracts.container import (
    ContainerState,
    ContainerStatus,
    ExitStatus,
    Health,
    ImageInfo,
    Mount,
    MountType,
    NamedObject,
)

_ENDED = (ContainerStatus.EXITED, ContainerStatus.DEAD)
_MOUNT_TYPES = {kind.value: kind for kind in MountType}


def container_state(told: Mapping[str, Any], gateways: Mapping[str, str]) -> ContainerState:
    """What ``GET /containers/ID/json`` says."""
    state = told["State"]
    config = told["Config"]
    status = ContainerStatus(state["Status"])
    return ContainerState(
        id=told["Id"],
        name=told["Name"].removeprefix("/"),
        image=config["Image"],
        status=status,
        health=Health((state.get("Health") or {}).get("Status") or "none"),
        exit=exit_status(state) if status in _ENDED else None,
        labels=dict(config.get("Labels") or {}),
        started_at=timestamp(state.get("StartedAt")),
        finished_at=timestamp(state.get("FinishedAt")),
        mounts=tuple(_mount(mount) for mount in told.get("Mounts") or () if mount["Type"] in _MOUNT_TYPES),
        gateways=dict(gateways),
        pid=int(state.get("Pid") or 0),
    )


def exit_status(state: Mapping[str, Any]) -> ExitStatus:
    """How a container's main process ended, from its ``State``."""
    return ExitStatus(
        code=int(state["ExitCode"]) & 0xFF,
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
    )


def image_info(told: Mapping[str, Any]) -> ImageInfo:
    """What ``GET /images/NAME/json`` says."""
    config = told.get("Config") or {}
    test = (config.get("Healthcheck") or {}).get("Test") or []
    return ImageInfo(
        id=told["Id"],
        digests=tuple(told.get("RepoDigests") or ()),
        platform="/".join(filter(None, (told.get("Os"), told.get("Architecture"), told.get("Variant")))),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        user=config.get("User") or "",
        working_dir=config.get("WorkingDir") or "",
        env=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
        has_healthcheck=bool(test) and test[0] != "NONE",
        size=int(told.get("Size") or 0),
    )


def named_object(told: Mapping[str, Any], created: str) -> NamedObject:
    """A network or volume. ``created`` names the key that holds the time."""
    return NamedObject(
        name=told["Name"],
        labels=dict(told.get("Labels") or {}),
        created_at=timestamp(told.get(created)) or 0.0,
    )


def timestamp(text: str | None) -> float | None:
    """Seconds since the epoch; None for Go's zero time and for none at all."""
    if not text or text.startswith("0001-01-01"):
        return None
    return datetime.fromisoformat(text).timestamp()


def same_platform(asked: str, image: str) -> bool:
    """Whether an image's platform fits the one asked for; parts that either leaves out fit."""
    return all(
        left == right for left, right in zip(_parts(asked), _parts(image), strict=False) if left and right
    )


def _parts(platform: str) -> tuple[str, str, str]:
    operating_system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(architecture, architecture)
    if (architecture, variant) in (("arm64", "v8"), ("amd64", "v1")):
        variant = ""
    return operating_system, architecture, variant


def _mount(told: Mapping[str, Any]) -> Mount:
    return Mount(
        type=_MOUNT_TYPES[told["Type"]],
        source=told.get("Source") or "",
        target=told["Destination"],
        read_only=not told.get("RW", True),
    )
