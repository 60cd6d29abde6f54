"""From a request to Podman's description of a container."""

from __future__ import annotations

from typing import Any

import pytest

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import RequestRefused
from dagu_podman_runtime.request import signal_number, specification

IMAGE: dict[str, Any] = {
    "FoundName": "docker.io/library/alpine:3.20",
    "Config": {"Entrypoint": ["/entry"], "Cmd": ["cmd"]},
}
SECOND = 1_000_000_000


def spec(image: dict[str, Any] = IMAGE, **fields: Any) -> dict[str, Any]:
    return specification(ContainerRequest(image="alpine:3.20", **fields), image)


def test_what_is_not_asked_for_is_left_to_the_engine() -> None:
    made = spec()
    for key in (
        "name",
        "command",
        "entrypoint",
        "user",
        "netns",
        "mounts",
        "resource_limits",
        "healthconfig",
        "hostname",
    ):
        assert key not in made
    assert made["image"] == IMAGE["FoundName"]


@pytest.mark.parametrize(
    ("entrypoint", "command", "wanted"),
    [
        (None, None, {}),
        (None, ("a", "b"), {"command": ["a", "b"]}),
        ((), ("a",), {"entrypoint": [""], "command": ["a"]}),
        (("e", "f"), None, {"entrypoint": ["e", "f"]}),
        (("e",), ("a",), {"entrypoint": ["e"], "command": ["a"]}),
        (None, (), {"entrypoint": ["/entry"]}),
    ],
)
def test_entry_point_and_command(entrypoint: Any, command: Any, wanted: dict[str, Any]) -> None:
    made = spec(entrypoint=entrypoint, command=command)
    assert {key: made[key] for key in ("entrypoint", "command") if key in made} == wanted


def test_limits() -> None:
    made = spec(cpus=1.5, memory=1000, pids_limit=7, shm_size=4096)
    assert made["resource_limits"] == {
        "cpu": {"quota": 150_000, "period": 100_000},
        "memory": {"limit": 1000, "swap": 1000},
        "pids": {"limit": 7},
    }
    assert made["shm_size"] == 4096


def test_too_few_cpus() -> None:
    with pytest.raises(RequestRefused, match=r"0\.001"):
        spec(cpus=0.001)


def test_mounts() -> None:
    made = spec(
        mounts=(
            Mount(type=MountType.BIND, source="/s a", target="/t", read_only=True),
            Mount(type=MountType.VOLUME, source="v", target="/v"),
            Mount(type=MountType.VOLUME, target="/anonymous", empty=True),
            Mount(type=MountType.TMPFS, target="/tmp", size=100, mode=0o1770),
        )
    )
    bind, tmpfs = made["mounts"]
    assert (bind["type"], bind["source"], bind["destination"]) == ("bind", "/s a", "/t")
    assert bind["options"] == ["rbind", "rprivate", "ro"]
    assert made["volumes"] == [
        {"Name": "v", "Dest": "/v", "Options": ["rw"]},
        {"Name": "", "Dest": "/anonymous", "Options": ["rw", "nocopy"]},
    ]
    assert {"size=100", "mode=1770", "notmpcopyup"} <= set(tmpfs["options"])


@pytest.mark.parametrize(
    ("network", "netns", "networks"),
    [
        ("", None, None),
        ("bridge", {"nsmode": "bridge"}, None),
        ("host", {"nsmode": "host"}, None),
        ("none", {"nsmode": "none"}, None),
        ("container:c", {"nsmode": "container", "value": "c"}, None),
        ("mine", {"nsmode": "bridge"}, {"mine": {}}),
    ],
)
def test_networks(network: str, netns: Any, networks: Any) -> None:
    made = spec(network=network)
    assert (made.get("netns"), made.get("Networks")) == (netns, networks)


def test_ports() -> None:
    made = spec(
        ports=(
            Port(container_port=80),
            Port(container_port=53, protocol="udp", host_ip="::1", host_port=5353),
        )
    )
    assert made["portmappings"] == [
        {"container_port": 80, "host_port": 0, "host_ip": "", "protocol": "tcp"},
        {"container_port": 53, "host_port": 5353, "host_ip": "::1", "protocol": "udp"},
    ]


@pytest.mark.parametrize("network", ["none", "container:c"])
def test_ports_without_a_network_of_its_own(network: str) -> None:
    with pytest.raises(RequestRefused, match="ports"):
        spec(network=network, ports=(Port(container_port=80),))


def test_ports_on_the_hosts_network() -> None:
    assert "portmappings" not in spec(
        network="host", ports=(Port(container_port=80, host_port=80), Port(container_port=9))
    )
    with pytest.raises(RequestRefused, match="host"):
        spec(network="host", ports=(Port(container_port=80, host_port=8080),))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("no-new-privileges",), {"no_new_privileges": True}),
        (("no-new-privileges:true",), {"no_new_privileges": True}),
        (("no-new-privileges=false",), {"no_new_privileges": False}),
        (("seccomp=unconfined",), {"seccomp_profile_path": "unconfined"}),
        (("seccomp=/p.json",), {"seccomp_profile_path": "/p.json"}),
        (
            ('seccomp={"defaultAction": "SCMP_ACT_ALLOW"}',),
            {"seccomp_profile_text": '{"defaultAction": "SCMP_ACT_ALLOW"}'},
        ),
        (("apparmor=unconfined",), {"apparmor_profile": "unconfined"}),
        (("label=type:t", "label:disable"), {"selinux_opts": ["type:t", "disable"]}),
        (("mask=/a:/b", "unmask=ALL"), {"mask": ["/a", "/b"], "unmask": ["ALL"]}),
        (("systempaths=unconfined",), {"unmask": ["ALL"]}),
    ],
)
def test_security_options(options: tuple[str, ...], wanted: dict[str, Any]) -> None:
    made = spec(security_opt=options)
    assert {key: made[key] for key in wanted} == wanted


def test_no_security_option_is_dropped() -> None:
    with pytest.raises(RequestRefused) as raised:
        spec(security_opt=("no-new-privileges", "nonsense", "seccomp=", "no-new-privileges:maybe"))
    for option in ("nonsense", "seccomp=", "no-new-privileges:maybe"):
        assert repr(option) in raised.value.message


def test_a_health_check_is_whole() -> None:
    made = spec(healthcheck=Healthcheck(test=("CMD", "true"), interval=1.5))
    assert made["healthconfig"] == {
        "Test": ["CMD", "true"],
        "Interval": 1_500_000_000,
        "Timeout": 30 * SECOND,
        "StartPeriod": 0,
        "Retries": 3,
    }


def test_the_images_health_check_is_completed_and_overridden() -> None:
    image = {**IMAGE, "Healthcheck": {"Test": ["CMD", "a"], "Interval": 5 * SECOND, "Retries": 0}}
    assert spec(image)["healthconfig"]["Retries"] == 3
    made = spec(image, healthcheck=Healthcheck(test=("CMD", "b"), retries=1))["healthconfig"]
    assert (made["Test"], made["Interval"], made["Retries"]) == (["CMD", "b"], 5 * SECOND, 1)
    assert spec(image, healthcheck=Healthcheck(test=("NONE",)))["healthconfig"] == {"Test": ["NONE"]}


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("all", ["nvidia.com/gpu=all"]),
        ("2", ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
        ("0,1", ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
        ("device=3", ["nvidia.com/gpu=3"]),
        ("GPU-1a2b", ["nvidia.com/gpu=GPU-1a2b"]),
    ],
)
def test_gpus(text: str, devices: list[str]) -> None:
    assert spec(gpus=text)["devices"] == [{"path": device} for device in devices]


def test_other_fields() -> None:
    made = spec(
        name="n",
        env={"A": "1"},
        labels={"l": "v"},
        working_dir="/w",
        user="1:2",
        hostname="h",
        stdin=True,
        init=True,
        privileged=True,
        read_only=True,
        auto_remove=True,
        keep_output=False,
        restart_policy="always",
        stop_signal="USR1",
        devices=("/dev/null:/dev/n:r",),
        cap_add=("A",),
        cap_drop=("ALL",),
        extra_hosts={"a": "1.2.3.4"},
        dns=("9.9.9.9",),
    )
    wanted = {
        "name": "n",
        "env": {"A": "1"},
        "labels": {"l": "v"},
        "work_dir": "/w",
        "create_working_dir": True,
        "user": "1:2",
        "hostname": "h",
        "stdin": True,
        "init": True,
        "privileged": True,
        "read_only_filesystem": True,
        "read_write_tmpfs": False,
        "remove": True,
        "log_configuration": {"driver": "none"},
        "restart_policy": "always",
        "stop_signal": 10,
        "devices": [{"path": "/dev/null:/dev/n:r"}],
        "cap_add": ["A"],
        "cap_drop": ["ALL"],
        "hostadd": ["a:1.2.3.4"],
        "dns_server": ["9.9.9.9"],
    }
    assert {key: made.get(key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("name", "number"),
    [("TERM", 15), ("SIGTERM", 15), ("term", 15), ("9", 9), ("RTMIN+3", 37), ("SIGRTMIN", 34)],
)
def test_signals(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["", "NOPE", "0", "65", "-1", "RTMIN+99"])
def test_no_signals(name: str) -> None:
    with pytest.raises(RequestRefused):
        signal_number(name)


def test_an_address_that_is_none() -> None:
    with pytest.raises(RequestRefused, match="dns"):
        spec(dns=("resolver",))
