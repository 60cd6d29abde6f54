"""The raw objects of ``docker.run``."""

from __future__ import annotations

from typing import Any

import pytest

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import RequestRefused
from dagu_podman_runtime import raw, raw_container, raw_host


def applied(**fields: Any) -> tuple[ContainerRequest, dict[str, Any]]:
    return raw.applied(ContainerRequest(image="i", **fields))


def test_keys_that_the_request_has() -> None:
    request, spec = applied(
        env={"A": "1"},
        raw_container={
            "Env": ["B=2", "C=a=b"],
            "cmd": "one",
            "Entrypoint": ["e"],
            "working_dir": "/w",
            "User": "u",
            "Hostname": "h",
            "OpenStdin": True,
            "StopSignal": "SIGINT",
            "Labels": {"l": 1},
            "Volumes": {"/v": {}},
            "Healthcheck": {
                "Test": ["CMD", "x"],
                "Interval": 2_000_000_000,
                "Timeout": "1m30s",
                "Retries": 4,
            },
        },
        raw_host={
            "Binds": ["/s:/t:ro", "vol:/u"],
            "NetworkMode": "none",
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "53/udp": [{}]},
            "RestartPolicy": {"Name": "always"},
            "AutoRemove": "true",
            "CapAdd": ["A"],
            "Dns": ["9.9.9.9"],
            "ExtraHosts": ["a:::1"],
            "Memory": 5,
            "NanoCpus": 500_000_000,
            "PidsLimit": 3,
            "Devices": [{"PathOnHost": "/dev/null"}],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "Init": True,
            "ShmSize": 7,
        },
    )
    assert request.env == {"A": "1", "B": "2", "C": "a=b"}
    assert (request.command, request.entrypoint, request.working_dir) == (("one",), ("e",), "/w")
    assert (request.user, request.hostname, request.stdin, request.stop_signal) == ("u", "h", True, "SIGINT")
    assert request.labels == {"l": "1"}
    assert request.mounts == (
        Mount(type=MountType.VOLUME, target="/v"),
        Mount(type=MountType.BIND, source="/s", target="/t", read_only=True),
        Mount(type=MountType.VOLUME, source="vol", target="/u"),
    )
    assert request.healthcheck == Healthcheck(test=("CMD", "x"), interval=2.0, timeout=90.0, retries=4)
    assert request.ports == (
        Port(container_port=80, host_ip="127.0.0.1", host_port=8080),
        Port(container_port=53, protocol="udp"),
    )
    assert (request.network, request.restart_policy, request.auto_remove) == ("none", "always", True)
    assert (request.cap_add, request.dns, request.extra_hosts) == (("A",), ("9.9.9.9",), {"a": "::1"})
    assert (request.memory, request.cpus, request.pids_limit, request.shm_size) == (5, 0.5, 3, 7)
    assert (request.devices, request.security_opt) == (("/dev/null:/dev/null:rwm",), ("no-new-privileges",))
    assert request.read_only
    assert request.init
    assert not request.raw_host
    assert spec == {}


def test_the_requests_own_fields_win() -> None:
    request, spec = applied(
        env={"A": "own"},
        labels={"l": "own"},
        user="own",
        network="none",
        memory=5,
        cpus=1.0,
        restart_policy="no",
        dns=("1.1.1.1",),
        raw_container={"Env": ["A=raw", "B=raw"], "Labels": {"l": "raw"}, "User": "raw", "Image": "raw"},
        raw_host={
            "NetworkMode": "host",
            "Memory": 6,
            "MemorySwap": 7,
            "CpuQuota": 8,
            "CpuShares": 9,
            "RestartPolicy": {"Name": "on-failure"},
            "Dns": ["2.2.2.2"],
        },
    )
    assert request.env == {"A": "own", "B": "raw"}
    assert (request.labels, request.user, request.network) == ({"l": "own"}, "own", "none")
    assert (request.memory, request.cpus, request.restart_policy) == (5, 1.0, "no")
    assert request.image == "i"
    assert request.dns == ("1.1.1.1", "2.2.2.2")
    assert spec == {"resource_limits": {"cpu": {"shares": 9}, "memory": {}}}


def test_keys_that_only_the_engine_has() -> None:
    _, spec = applied(
        raw_container={"StopTimeout": 3, "ExposedPorts": {"80/tcp": {}}},
        raw_host={
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "Sysctls": {"net.core.somaxconn": 10},
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
            "GroupAdd": ["g"],
            "PidMode": "host",
            "IpcMode": "container:c",
            "CpuShares": 4,
            "MemorySwap": 9,
            "Tmpfs": {"/t": "size=1m,exec"},
            "Binds": ["/s:/t:ro,rslave"],
            "LogConfig": {"Type": "journald"},
            "DeviceCgroupRules": ["c 1:* rwm"],
        },
    )
    assert spec["stop_timeout"] == 3
    assert spec["expose"] == {"80": "tcp"}
    assert (spec["restart_policy"], spec["restart_tries"]) == ("on-failure", 2)
    assert spec["sysctl"] == {"net.core.somaxconn": "10"}
    assert spec["r_limits"] == [{"type": "nofile", "soft": 1, "hard": 2}]
    assert spec["groups"] == ["g"]
    assert spec["pidns"] == {"nsmode": "host"}
    assert spec["ipcns"] == {"nsmode": "container", "value": "c"}
    assert spec["resource_limits"] == {"cpu": {"shares": 4}, "memory": {"swap": 9}}
    assert [mount["destination"] for mount in spec["mounts"]] == ["/t", "/t"]
    assert {"nosuid", "exec"} <= set(spec["mounts"][0]["options"])
    assert "noexec" not in spec["mounts"][0]["options"]
    assert {"ro", "rslave"} <= set(spec["mounts"][1]["options"])
    assert spec["log_configuration"] == {"driver": "journald"}
    assert spec["device_cgroup_rule"] == [{"allow": True, "type": "c", "major": 1, "access": "rwm"}]


def test_the_long_form_of_mounts() -> None:
    request, spec = applied(
        raw_host={
            "Mounts": [
                {"Type": "bind", "Source": "/s", "Target": "/t", "ReadOnly": True},
                {"Type": "tmpfs", "Target": "/m", "TmpfsOptions": {"SizeBytes": 5, "Mode": 0o700}},
                {"Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": {"NoCopy": True}},
            ]
        }
    )
    assert request.mounts == (
        Mount(type=MountType.BIND, source="/s", target="/t", read_only=True),
        Mount(type=MountType.TMPFS, target="/m", size=5, mode=0o700),
    )
    assert spec == {"volumes": [{"Name": "v", "Dest": "/v", "Options": ["rw", "nocopy"]}]}


def test_networks() -> None:
    request, spec = applied(
        network="a",
        raw_network={
            "EndpointsConfig": {"a": {"Aliases": ["x"]}, "b": {"IPAMConfig": {"IPv4Address": "10.1.1.1"}}}
        },
    )
    assert request.network == "bridge"
    assert spec == {"Networks": {"a": {"aliases": ["x"]}, "b": {"static_ips": ["10.1.1.1"]}}}


@pytest.mark.parametrize(
    ("given", "gpus"),
    [
        ({"Count": -1, "Capabilities": [["gpu"]]}, "all"),
        ({"Driver": "nvidia", "DeviceIDs": ["0", "2"], "Capabilities": [["gpu"]]}, "device=0,2"),
    ],
)
def test_device_requests(given: dict[str, Any], gpus: str) -> None:
    request, _ = applied(raw_host={"DeviceRequests": [given]})
    assert request.gpus == gpus


def test_everything_that_cannot_be_honoured_is_told_at_once() -> None:
    with pytest.raises(RequestRefused) as raised:
        applied(
            raw_container={"Nonsense": 1, "Tty": True, "Cmd": 5},
            raw_host={
                "KernelMemory": 1,
                "LogConfig": {"Type": "fluentd"},
                "Binds": ["x"],
                "UsernsMode": "auto",
            },
            raw_network={"EndpointsConfig": {"n": {"DriverOpts": {"a": "b"}}}, "Other": {}},
        )
    for place in (
        "container.Nonsense",
        "container.Tty",
        "container.Cmd",
        "host.KernelMemory",
        "host.LogConfig",
        "host.Binds",
        "host.UsernsMode",
        "network.EndpointsConfig",
        "network.Other",
    ):
        assert place in raised.value.message


def test_what_asks_for_nothing_is_fine() -> None:
    request, spec = applied(
        raw_container={"Tty": False, "AttachStdout": True, "Domainname": "", "OnBuild": None},
        raw_host={"KernelMemory": 0, "Links": [], "CgroupnsMode": "", "Memory": 0, "BlkioWeight": 0},
        raw_network={"EndpointsConfig": {}},
    )
    assert request == ContainerRequest(image="i")
    assert spec == {}


def test_every_key_of_the_api_is_known() -> None:
    # ContainerCreate of the Docker Engine API 1.47.
    container = (
        "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce"
    )
    container += (
        " Env Cmd Healthcheck ArgsEscaped Image Volumes WorkingDir Entrypoint NetworkDisabled MacAddress"
    )
    container += " OnBuild Labels StopSignal StopTimeout Shell"
    host = (
        "CpuShares Memory CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps"
    )
    host += (
        " BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime"
    )
    host += (
        " CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests KernelMemoryTCP MemoryReservation"
    )
    host += " MemorySwap MemorySwappiness NanoCpus OomKillDisable Init PidsLimit Ulimits CpuCount CpuPercent"
    host += " IOMaximumIOps IOMaximumBandwidth Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy"
    host += (
        " AutoRemove VolumeDriver VolumesFrom Mounts ConsoleSize Annotations CapAdd CapDrop CgroupnsMode Dns"
    )
    host += " DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged"
    host += " PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt Tmpfs UTSMode UsernsMode ShmSize Sysctls Runtime"
    host += " Isolation MaskedPaths ReadonlyPaths"
    assert {key.lower() for key in container.split()} <= set(raw_container.HANDLERS)
    assert {key.lower() for key in host.split()} <= set(raw_host.HANDLERS)


def test_exec_fields() -> None:
    assert raw.exec_fields({"user": "u", "Privileged": True, "Tty": False, "AttachStdout": True}) == {
        "User": "u",
        "Privileged": True,
    }
    with pytest.raises(RequestRefused) as raised:
        raw.exec_fields({"Tty": True, "Cmd": ["x"]})
    assert "exec.Tty" in raised.value.message
    assert "exec.Cmd" in raised.value.message


def test_merge() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": [1], "e": 1}
    assert raw.merge(old, {"a": {"c": [2], "f": 3}, "d": [2], "e": 2}) == {
        "a": {"b": 1, "c": [1, 2], "f": 3},
        "d": [1, 2],
        "e": 2,
    }
    assert old["d"] == [1]
