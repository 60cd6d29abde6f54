"""For each capability, the request that needs it: an undeclared one must be refused with ``Unsupported``."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import Healthcheck, Mount, MountType, Port
from dagu.contracts.streams import Streams, discard
from dagu.errors import Unsupported
from dagu.testing.runtime_kit.lab import Lab

Ask = Callable[[Lab], object]


def _create(**fields: Any) -> Ask:
    return lambda lab: lab.create("true", **fields)


def _exec(lab: Lab) -> None:
    lab.begin(lab.up(), "true").wait()


def _end_exec(lab: Lab) -> None:
    container = lab.up()
    execution = lab.begin(container, "sleep", "86400")
    try:
        execution.end(signal="TERM", grace=0.5)
    finally:
        lab.runtime.kill(container)


def _stdin_of_exec(lab: Lab) -> None:
    lab.begin(lab.up(), "cat", stdin=b"").wait()


def _create_network(lab: Lab) -> None:
    name = lab.name("n")
    lab.runtime.create_network(name)
    lab.when_done(lab.runtime.remove_network, name)


def _create_volume(lab: Lab) -> None:
    name = lab.name("v")
    lab.runtime.create_volume(name)
    lab.when_done(lab.runtime.remove_volume, name)


def _mount_volume(lab: Lab) -> None:
    name = lab.name("v")
    if Capability.VOLUMES in lab.capabilities:
        lab.when_done(lab.runtime.remove_volume, name)
    lab.create("true", mounts=(Mount(type=MountType.VOLUME, source=name, target="/mnt"),))


def _join_container(lab: Lab) -> None:
    name = lab.name()
    lab.up(name=name)
    lab.create("true", network=f"container:{name}")


def _put(lab: Lab) -> None:
    lab.runtime.put_archive(lab.create("true"), "/", io.BytesIO(bytes(1024)))


def _get(lab: Lab) -> None:
    lab.runtime.get_archive(lab.create("true"), "/etc", discard)


def _attach_stdin(lab: Lab) -> None:
    container = lab.create("true", stdin=True)
    lab.runtime.attach(container, Streams(stdin=io.BytesIO()))


def _logs(lab: Lab) -> None:
    container = lab.create("true")
    lab.runtime.start(container)
    lab.runtime.wait(container)
    lab.runtime.logs(container, stdout=discard, stderr=discard)


# An engine may well refuse these for another reason (no GPU, no such network); what must never happen is that
# one that can't honour the request takes it in silence.
ASKS: dict[Capability, tuple[Ask, ...]] = {
    Capability.SHARED_CONTAINER: (_exec,),
    Capability.STDIN: (_create(stdin=True), _attach_stdin, _stdin_of_exec),
    Capability.ARCHIVES: (_put, _get),
    Capability.PULL: (lambda lab: lab.runtime.pull("127.0.0.1:1/dagu/none:1"),),
    Capability.PLATFORM: (_create(platform="linux/s390x"),),
    Capability.BIND_MOUNTS: (_create(mounts=(Mount(type=MountType.BIND, source="/tmp", target="/mnt"),)),),
    Capability.VOLUMES: (_create_volume, _mount_volume),
    Capability.TMPFS: (_create(mounts=(Mount(type=MountType.TMPFS, target="/mnt"),)),),
    Capability.NETWORKS: (_create_network, _create(network="dagu-kit-none")),
    Capability.NETWORK_BRIDGE: (_create(network="bridge"),),
    Capability.NETWORK_HOST: (_create(network="host"),),
    Capability.NETWORK_NONE: (_create(network="none"),),
    Capability.NETWORK_CONTAINER: (_join_container,),
    Capability.PORTS: (_create(ports=(Port(container_port=80),)),),
    Capability.DNS: (_create(dns=("10.9.8.7",)), _create(extra_hosts={"kit.example": "10.9.8.7"})),
    Capability.CPU_LIMIT: (_create(cpus=0.5),),
    Capability.MEMORY_LIMIT: (_create(memory=256 * 1024**2),),
    Capability.PIDS_LIMIT: (_create(pids_limit=64),),
    Capability.SHM_SIZE: (_create(shm_size=1024**2),),
    Capability.GPUS: (_create(gpus="all"),),
    Capability.DEVICES: (_create(devices=("/dev/null:/dev/kit-null:rw",)),),
    Capability.LINUX_CAPABILITIES: (
        _create(cap_add=("SYS_TIME",)),
        _create(cap_drop=("ALL",)),
        _create(privileged=True),
    ),
    Capability.NO_NEW_PRIVILEGES: (_create(security_opt=("no-new-privileges",)),),
    Capability.SECURITY_PROFILES: (_create(security_opt=("seccomp=unconfined",)),),
    Capability.READ_ONLY_ROOT: (_create(read_only=True),),
    Capability.USER: (_create(user="1234:1234"),),
    Capability.INIT: (_create(init=True),),
    Capability.HEALTHCHECK: (_create(healthcheck=Healthcheck(test=("CMD", "true"))),),
    Capability.RESTART_POLICY: (_create(restart_policy="always"),),
    Capability.STOP_SIGNAL: (_create(stop_signal="USR1"),),
    Capability.EXEC_TREE: (_end_exec,),
    Capability.LOGS: (_logs,),
    Capability.LABELS: (_create(labels={"dagu.kit.label": "x"}),),
    Capability.RAW_OPTIONS: (
        _create(raw_container={"Tty": False}),
        _create(raw_host={"AutoRemove": False}),
        _create(raw_network={"EndpointsConfig": {}}),
    ),
}


def assert_refused(lab: Lab, capability: Capability) -> None:
    """Every request for the capability raises ``Unsupported``."""
    if capability is Capability.EXEC_TREE and Capability.SHARED_CONTAINER not in lab.capabilities:
        capability = Capability.SHARED_CONTAINER
    for ask in ASKS[capability]:
        if ask is _stdin_of_exec and Capability.SHARED_CONTAINER not in lab.capabilities:
            continue
        with pytest.raises(Unsupported):
            ask(lab)
