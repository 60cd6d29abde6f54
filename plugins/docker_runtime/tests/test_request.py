"""A request as the engine's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import RequestRefused
from dagu_docker_runtime import raw_options as raw
from dagu_docker_runtime.request import create_body


def body(version: str = "1.41", log_drivers: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return create_body(ContainerRequest(image="img", **fields), api_version=version, log_drivers=log_drivers)


def host(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(**fields)["HostConfig"]
    return found


def test_nothing_asked_for_is_nothing_said() -> None:
    assert body() == {"Image": "img", "HostConfig": {}}


def test_entry_point_and_command() -> None:
    assert "Entrypoint" not in body(command=("a",))
    assert body(entrypoint=(), command=("a", "b c")) == {
        "Image": "img", "Entrypoint": [], "Cmd": ["a", "b c"], "HostConfig": {}
    }  # fmt: skip
    assert "Cmd" not in body(entrypoint=("x",))


def test_the_process() -> None:
    told = body(
        env={"A": "1", "B": "x=y"},
        working_dir="/w",
        user="1:2",
        hostname="h",
        stop_signal="INT",
        labels={"l": "v"},
        stdin=True,
    )
    assert told["Env"] == ["A=1", "B=x=y"]
    assert (told["WorkingDir"], told["User"], told["Hostname"], told["StopSignal"]) == (
        "/w",
        "1:2",
        "h",
        "INT",
    )
    assert told["Labels"] == {"l": "v"}
    assert (told["OpenStdin"], told["StdinOnce"]) == (True, True)


def test_mounts_are_never_binds() -> None:
    mounts = (
        Mount(type=MountType.BIND, source="/s", target="/t", read_only=True),
        Mount(type=MountType.VOLUME, source="vol", target="/v"),
        Mount(type=MountType.TMPFS, target="/tmp", size=1024, mode=0o1777),
        Mount(type=MountType.TMPFS, target="/run"),
    )
    told = host(mounts=mounts)
    assert told["Mounts"] == [
        {"Type": "bind", "Source": "/s", "Target": "/t", "ReadOnly": True},
        {"Type": "volume", "Source": "vol", "Target": "/v", "ReadOnly": False},
        {
            "Type": "tmpfs",
            "Target": "/tmp",
            "ReadOnly": False,
            "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1777},
        },
        {"Type": "tmpfs", "Target": "/run", "ReadOnly": False, "TmpfsOptions": {}},
    ]
    assert "Binds" not in told


def test_ports() -> None:
    ports = (
        Port(container_port=80),
        Port(container_port=80, host_ip="127.0.0.1", host_port=8080),
        Port(container_port=53, protocol="udp", host_port=0),
    )
    told = body(ports=ports)
    assert told["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert told["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": ""}, {"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "", "HostPort": "0"}],
    }


def test_limits() -> None:
    told = host(cpus=0.5, memory=1000, pids_limit=7, shm_size=9)
    assert told == {"NanoCpus": 500_000_000, "Memory": 1000, "MemorySwap": 1000, "PidsLimit": 7, "ShmSize": 9}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("all", {"Count": -1}),
        ("2", {"Count": 2}),
        ("GPU-1, GPU-2", {"DeviceIDs": ["GPU-1", "GPU-2"]}),
    ],
)
def test_gpus(text: str, wanted: dict[str, Any]) -> None:
    assert host(gpus=text)["DeviceRequests"] == [{"Driver": "", "Capabilities": [["gpu"]], **wanted}]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:r", ("/dev/a", "/dev/b", "r")),
        ("/dev/a:r", ("/dev/a", "/dev/a", "r")),
    ],
)
def test_devices(text: str, wanted: tuple[str, str, str]) -> None:
    (device,) = host(devices=(text,))["Devices"]
    assert (device["PathOnHost"], device["PathInContainer"], device["CgroupPermissions"]) == wanted


def test_the_rest_of_the_host() -> None:
    told = host(
        network="none",
        init=True,
        privileged=True,
        read_only=True,
        auto_remove=True,
        restart_policy="always",
        cap_add=("A",),
        cap_drop=("ALL",),
        dns=("1.1.1.1",),
        extra_hosts={"name": "10.0.0.1"},
    )
    assert told == {
        "NetworkMode": "none",
        "Init": True,
        "Privileged": True,
        "ReadonlyRootfs": True,
        "AutoRemove": True,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "CapAdd": ["A"],
        "CapDrop": ["ALL"],
        "Dns": ["1.1.1.1"],
        "ExtraHosts": ["name:10.0.0.1"],
    }


def test_health_check() -> None:
    check = Healthcheck(test=("CMD", "x"), interval=1.5, timeout=0.1, start_period=0, retries=2)
    assert body(healthcheck=check)["Healthcheck"] == {
        "Test": ["CMD", "x"], "Interval": 1_500_000_000, "Timeout": 100_000_000, "StartPeriod": 0, "Retries": 2
    }  # fmt: skip


class TestLogs:
    def test_kept_whole_where_the_engine_can(self) -> None:
        told = host(log_drivers=("json-file", "local"))["LogConfig"]
        assert told["Type"] == "local"
        assert told["Config"]["max-file"] == "1"
        assert "LogConfig" not in host(log_drivers=("json-file",))

    def test_not_kept(self) -> None:
        assert host(keep_output=False, log_drivers=("local",))["LogConfig"]["Type"] == "none"

    def test_as_the_raw_object_has_it(self) -> None:
        own = {"Type": "syslog"}
        assert host(raw_host={"logConfig": own}, log_drivers=("local",))["LogConfig"] == own


class TestSecurity:
    def test_options_as_they_are(self) -> None:
        options = ("no-new-privileges", "seccomp=unconfined", "apparmor=x", "label=type:t")
        assert host(security_opt=options)["SecurityOpt"] == list(options)

    def test_a_seccomp_profile_is_read_here(self, tmp_path: Path) -> None:
        profile = tmp_path / "profile.json"
        profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
        assert host(security_opt=(f"seccomp={profile}",))["SecurityOpt"] == [
            'seccomp={"defaultAction": "SCMP_ACT_ALLOW"}'
        ]

    def test_a_missing_seccomp_profile_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RequestRefused, match="seccomp profile"):
            host(security_opt=(f"seccomp={tmp_path / 'none.json'}",))

    def test_unconfined_system_paths(self) -> None:
        told = host(security_opt=("systempaths=unconfined",))
        assert told == {"MaskedPaths": [], "ReadonlyPaths": []}


class TestRaw:
    def test_keys_in_any_spelling(self) -> None:
        told = body(
            raw_container={"domainname": "d", "working_dir": "/raw"},
            raw_host={"autoRemove": True, "cap_add": ["X"], "RestartPolicy": {"name": "always"}},
            raw_network={"endpointsConfig": {"my_net": {"aliases": ["a"]}}},
        )
        assert told["Domainname"] == "d"
        assert told["WorkingDir"] == "/raw"
        assert told["HostConfig"] == {
            "AutoRemove": True,
            "CapAdd": ["X"],
            "RestartPolicy": {"Name": "always"},
        }
        assert told["NetworkingConfig"] == {"EndpointsConfig": {"my_net": {"Aliases": ["a"]}}}

    def test_the_request_wins_and_lists_are_joined(self) -> None:
        told = body(
            working_dir="/asked",
            env={"A": "asked"},
            labels={"l": "asked"},
            cap_add=("Y",),
            raw_container={
                "WorkingDir": "/raw",
                "Env": ["A=raw", "B=raw"],
                "Labels": {"l": "raw", "m": "raw"},
            },
            raw_host={"CapAdd": ["X"]},
        )
        assert told["WorkingDir"] == "/asked"
        assert told["Env"] == ["A=asked", "B=raw"]
        assert told["Labels"] == {"l": "asked", "m": "raw"}
        assert told["HostConfig"]["CapAdd"] == ["X", "Y"]

    def test_all_unknown_keys_are_listed(self) -> None:
        with pytest.raises(RequestRefused) as raised:
            raw.host_fields(
                {"Nope": 1, "Memory": 1, "Mounts": [{"Type": "bind", "Wrong": 1}], "LogConfig": {"bad": 1}},
                "1.41",
            )
        assert "host.Nope, host.Mounts.Wrong, host.LogConfig.bad" in str(raised.value)

    def test_keys_of_a_newer_engine(self) -> None:
        with pytest.raises(
            RequestRefused, match=r"host\.annotations \(needs API 1\.43, the engine speaks 1\.41\)"
        ):
            raw.host_fields({"annotations": {}}, "1.41")
        assert raw.host_fields({"annotations": {}}, "1.43") == {"Annotations": {}}

    def test_keys_that_a_newer_engine_dropped_and_inner_ones(self) -> None:
        fields = {"KernelMemory": 1, "Mounts": [{"VolumeOptions": {"Subpath": "x"}}]}
        with pytest.raises(RequestRefused) as raised:
            raw.host_fields(fields, "1.42")
        assert "host.KernelMemory (gone since API 1.42), host.Mounts.VolumeOptions.Subpath" in str(
            raised.value
        )

    def test_what_has_to_be_an_object(self) -> None:
        with pytest.raises(RequestRefused, match=r"host\.RestartPolicy \(an object is wanted\)"):
            raw.host_fields({"RestartPolicy": "always"}, "1.41")

    def test_another_image(self) -> None:
        with pytest.raises(RequestRefused, match=r"container\.Image"):
            body(raw_container={"Image": "other"})

    @pytest.mark.parametrize("key", ["Detach", "Cmd", "AttachStdout", "DetachKeys"])
    def test_what_an_exec_decides_itself(self, key: str) -> None:
        with pytest.raises(RequestRefused, match=key):
            raw.exec_fields({key: True}, "1.41")


def test_the_body_is_json() -> None:
    everything = body(env={"A": "1"}, mounts=(Mount(type=MountType.TMPFS, target="/t"),), dns=("1.1.1.1",))
    assert json.loads(json.dumps(everything)) == everything
