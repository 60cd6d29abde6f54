"""From Podman's descriptions to the contract's values."""

from __future__ import annotations

from typing import Any

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerStatus, Health, Mount, MountType
from dagu_podman_runtime import facts, state


def described(**state_fields: Any) -> dict[str, Any]:
    return {
        "Id": "i",
        "Name": "n",
        "ImageName": "docker.io/library/alpine:3.20",
        "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-01-01T00:00:00.5Z", **state_fields},
        "Config": {"Labels": {"a": "b"}},
    }


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("created", ContainerStatus.CREATED),
        ("configured", ContainerStatus.CREATED),
        ("initialized", ContainerStatus.CREATED),
        ("running", ContainerStatus.RUNNING),
        ("paused", ContainerStatus.PAUSED),
        ("stopped", ContainerStatus.EXITED),
        ("exited", ContainerStatus.EXITED),
        ("removing", ContainerStatus.REMOVING),
        ("unheard of", ContainerStatus.DEAD),
    ],
)
def test_statuses(word: str, status: ContainerStatus) -> None:
    found = state.container_state(described(Status=word, ExitCode=3))
    assert found.status is status
    assert (found.exit is not None) == (status in (ContainerStatus.EXITED, ContainerStatus.DEAD))
    assert found.pid == (7 if status is ContainerStatus.RUNNING else 0)


def test_an_ended_one() -> None:
    found = state.container_state(
        described(Status="exited", ExitCode=-1, OOMKilled=True, FinishedAt="2026-01-01T00:00:00.499Z")
    )
    assert found.exit is not None
    assert (found.exit.code, found.exit.oom_killed) == (255, True)
    assert found.started_at == found.finished_at, "an end is not before the start"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T00:00:01.123456789Z", 1.123456),
        ("1970-01-01T01:00:01.5+01:00", 1.5),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        (-62135596800, None),
        (12, 12.0),
    ],
)
def test_times(text: Any, seconds: float | None) -> None:
    assert state.seconds(text) == seconds


@pytest.mark.parametrize(
    ("check", "told", "health"),
    [
        (None, {"Status": ""}, Health.NONE),
        ({"Test": ["NONE"]}, {"Status": "healthy"}, Health.NONE),
        ({"Test": ["CMD", "x"]}, {"Status": ""}, Health.STARTING),
        ({"Test": ["CMD", "x"]}, {"Status": "starting"}, Health.STARTING),
        ({"Test": ["CMD", "x"]}, {"Status": "healthy"}, Health.HEALTHY),
        ({"Test": ["CMD", "x"]}, {"Status": "unhealthy"}, Health.UNHEALTHY),
    ],
)
def test_health(check: Any, told: Any, health: Health) -> None:
    found = described(Health=told)
    found["Config"]["Healthcheck"] = check
    assert state.container_state(found).health is health


def test_mounts_and_gateways() -> None:
    found = described()
    found["Mounts"] = [
        {"Type": "bind", "Source": "/s", "Destination": "/t", "RW": False},
        {"Type": "volume", "Name": "v", "Source": "/var/lib/v", "Destination": "/v", "RW": True},
    ]
    found["NetworkSettings"] = {"Networks": {"a": {"Gateway": "10.0.0.1"}, "b": {"Gateway": ""}, "c": None}}
    seen = state.container_state(found)
    assert seen.mounts == (
        Mount(type=MountType.BIND, source="/s", target="/t", read_only=True),
        Mount(type=MountType.VOLUME, source="/var/lib/v", target="/v"),
    )
    assert seen.gateways == {"a": "10.0.0.1"}
    assert state.container_state(found, rootless=True).gateways == {}


LIMITS = {Capability.CPU_LIMIT, Capability.MEMORY_LIMIT, Capability.PIDS_LIMIT}


@pytest.mark.parametrize(
    ("rootless", "v2", "controllers", "sees_oom", "refused"),
    [
        (False, False, "cpu memory pids", True, set()),
        (False, False, "cpu memory pids", False, {Capability.MEMORY_LIMIT}),
        (True, False, "", True, LIMITS),
        (True, False, "cpu memory pids", True, LIMITS),
        (True, True, "cpu memory pids", False, set()),
        (True, True, "memory pids", False, {Capability.CPU_LIMIT}),
        (False, True, "cpu memory pids", False, set()),
    ],
)
def test_limits_that_would_not_hold_are_not_declared(
    rootless: bool, v2: bool, controllers: str, sees_oom: bool, refused: set[Capability]
) -> None:
    known = facts.Facts(
        version="4.3.1",
        rootless=rootless,
        cgroup_v2=v2,
        controllers=frozenset(controllers.split()),
        platform="linux/amd64",
        selinux=False,
        swap=False,
        shares_filesystem=True,
        sees_oom=sees_oom,
    )
    info = known.info("unix:///s", "the rule")
    assert set(Capability) - info.capabilities == refused
    assert bool(refused) <= bool(info.warnings)
