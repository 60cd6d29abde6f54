"""What a request asks for, on real Podman: limits, images, security, raw objects."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.container import ContainerStatus, Port
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ImageNotFound, RequestRefused, Unsupported
from dagu_podman_runtime.connection import Connection

from .conftest import IMAGE, Maker

pytestmark = [pytest.mark.engine, pytest.mark.podman]

MIB = 1024**2
EAT = "x=a; while :; do x=$x$x; done"


def test_memory_that_ran_out_is_told_however_it_ends(make_rootful: Maker) -> None:
    make = make_rootful
    main = make.run("sh", "-c", EAT, memory=32 * MIB)
    assert (main.status.code, main.status.oom_killed) == (137, True)
    # Only a child was killed, and the main process ended well.
    child = make.run("sh", "-c", f"(sh -c '{EAT}'); exit 0", memory=32 * MIB)
    assert (child.status.code, child.status.oom_killed) == (0, True)
    killed = make.run("sh", "-c", "sh -c 'kill -9 $$'; exit 137", memory=32 * MIB)
    assert (killed.status.code, killed.status.oom_killed) == (137, False)


def test_memory_that_ran_out_is_told_by_inspect_and_without_attaching(make_rootful: Maker) -> None:
    make = make_rootful
    container = make.create("sh", "-c", EAT, memory=32 * MIB, auto_remove=False)
    make.runtime.start(container)
    while make.runtime.inspect(container).status is not ContainerStatus.EXITED:
        time.sleep(0.05)
    time.sleep(1.0)  # its cgroup is gone by now
    (found,) = make.runtime.find(make.labels)
    assert found.exit is not None
    assert found.exit.oom_killed
    assert make.runtime.wait(container).oom_killed


def test_memory_is_limited_with_swap(make_rootful: Maker) -> None:
    script = (
        "cat /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null"
    )
    assert make_rootful.run("sh", "-c", script, memory=64 * MIB).stdout.split()[-1] in (
        b"0",
        b"%d" % (64 * MIB),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"memory": 64 * MIB},
        {"cpus": 0.5},
        {"pids_limit": 10},
        {"raw_host": {"Memory": 64 * MIB}},
        {"raw_host": {"CpuShares": 10}},
    ],
)
def test_rootless_limits_are_kept_or_refused(rootless: ContainerRuntime, fields: dict[str, Any]) -> None:
    make = Maker(rootless)
    if any("ignores" in warning for warning in rootless.check().warnings):
        with pytest.raises(Unsupported) as raised:
            make.create("true", **fields)
        assert "cgroup v1" in raised.value.message
        assert not rootless.find(make.labels)
    else:
        make.create("true", **fields)
        make.clean()


def test_a_working_directory_is_made(make: Maker) -> None:
    result = make.run("sh", "-c", "pwd; id -u; touch x && ls", working_dir="/not/there/yet", user="1234")
    assert result.stdout == b"/not/there/yet\n1234\nx\n"


def test_a_read_only_root_is_read_only_everywhere(make: Maker) -> None:
    script = "for d in / /tmp /run /var/tmp /root; do mkdir -p $d/kit 2>/dev/null && echo $d; done"
    script += "; echo x >/dev/null && echo y >/dev/shm/y && echo rest"
    assert make.run("sh", "-c", script, read_only=True).stdout == b"rest\n"


def test_the_host_gateway(make_rootful: Maker, api: Connection) -> None:
    hosts = make_rootful.run(
        "cat", "/etc/hosts", extra_hosts={"machine": "host-gateway"}, network="bridge"
    ).stdout
    gateway = api.call("GET", "/networks/podman/json").json()["subnets"][0]["gateway"]
    assert [gateway.encode(), b"machine"] in [line.split() for line in hosts.splitlines()]


def test_no_gateway_is_no_silent_one(rootless: ContainerRuntime) -> None:
    with pytest.raises(RequestRefused, match="host-gateway") as raised:
        Maker(rootless).create("true", extra_hosts={"machine": "host-gateway"}, network="bridge")
    assert "host.containers.internal" in raised.value.hint


def test_another_platform_is_refused(make: Maker) -> None:
    with pytest.raises(ImageNotFound, match="s390x"):
        make.create("true", platform="linux/s390x")
    platform = make.runtime.check().platform
    assert make.run("true", platform=platform).status.code == 0


def test_an_image_goes_by_its_names_and_its_id(make: Maker) -> None:
    image = make.runtime.find_image(IMAGE)
    assert image is not None
    for name in (
        f"docker.io/library/{IMAGE}",
        f"library/{IMAGE}",
        image.id,
        image.id[:12],
        f"sha256:{image.id}",
    ):
        found = make.runtime.find_image(name)
        assert found is not None, name
        assert found.id == image.id
        assert make.run("true", image=name).status.code == 0
    assert make.runtime.find_image(f"quay.io/library/{IMAGE}") is None


def test_an_entry_point_stays_cleared(make: Maker) -> None:
    with pytest.raises(RequestRefused, match="no command"):
        make.create(entrypoint=())
    assert make.run("-c", "echo $0", entrypoint=("sh",)).stdout == b"sh\n"


def test_a_seccomp_profile_as_text(make_rootful: Maker) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    option = f"seccomp={json.dumps(profile)}"
    assert make_rootful.run("mkdir", "/x", security_opt=(option,)).status.code == 1
    assert make_rootful.run("mkdir", "/x").status.code == 0
    assert not list(Path("/tmp").glob("dagu-seccomp-*"))


def test_options_that_the_machine_would_ignore(make: Maker) -> None:
    with pytest.raises(RequestRefused, match="SELinux"):
        make.create("true", security_opt=("label=type:container_t",))
    with pytest.raises(RequestRefused, match=r"(?i)apparmor"):
        make.create("true", security_opt=("apparmor=some-profile",))
    assert make.run("true", security_opt=("label=disable", "apparmor=unconfined")).status.code == 0


@pytest.fixture
def gpus() -> Iterator[None]:
    """A Container Device Interface that knows one GPU, which is a variable and nothing else."""
    folder = Path("/etc/cdi")
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    spec = folder / "dagu-test.json"
    device = {"name": "0", "containerEdits": {"env": ["DAGU_GPU=0"]}}
    spec.write_text(json.dumps({"cdiVersion": "0.3.0", "kind": "nvidia.com/gpu", "devices": [device]}))
    yield
    spec.unlink()
    if made:
        folder.rmdir()


@pytest.mark.usefixtures("gpus")
def test_gpus_are_devices_of_the_container_device_interface(make_rootful: Maker) -> None:
    assert make_rootful.run("sh", "-c", "echo $DAGU_GPU", gpus="1").stdout == b"0\n"
    with pytest.raises(RequestRefused, match=r"nvidia\.com/gpu=7"):
        make_rootful.run("true", gpus="device=7")


def test_raw_options_arrive(make_rootful: Maker) -> None:
    script = "cat /proc/sys/net/core/somaxconn; ulimit -n; id -G; echo $A; cat /proc/mounts /proc/self/oom_score_adj"
    result = make_rootful.run(
        "sh",
        "-c",
        script,
        raw_container={"Env": ["A=raw"], "StopTimeout": 1},
        raw_host={
            "Sysctls": {"net.core.somaxconn": 123},
            "Ulimits": [{"Name": name, "Soft": 99, "Hard": 99} for name in ("nofile", "nproc")],
            "GroupAdd": ["4242"],
            "Tmpfs": {"/raw": "size=1m"},
            "OomScoreAdj": 321,
        },
    )
    lines = result.stdout.decode().splitlines()
    assert lines[:2] == ["123", "99"]
    assert "4242" in lines[2].split()
    assert lines[3] == "raw"
    assert any("/raw tmpfs" in line and "size=1024k" in line for line in lines)
    assert lines[-1] == "321"


def test_raw_networks_with_aliases(make: Maker) -> None:
    name = f"dagu-{make.owner[:8]}"
    make.runtime.create_network(name, labels=make.labels)
    try:
        server = make.create(
            "sh",
            "-c",
            "while :; do nc -l -p 80 -e echo hi; done",
            network="",
            raw_network={"EndpointsConfig": {name: {"Aliases": ["other-name"]}}},
        )
        make.runtime.start(server)
        result = make.run(
            "sh", "-c", "until nc -w 9 other-name 80 </dev/null; do sleep 0.2; done", network=name
        )
        assert result.stdout.endswith(b"hi\n")
    finally:
        make.clean()
        make.runtime.remove_network(name)


def test_a_port_that_the_engine_chooses(make_rootful: Maker, api: Connection) -> None:
    container = make_rootful.up(network="bridge", ports=(Port(container_port=80),))
    found = api.call("GET", f"/containers/{container}/json").json()
    assert int(found["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]) > 0
