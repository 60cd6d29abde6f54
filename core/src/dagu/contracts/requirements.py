"""Which capabilities a container request needs: one answer for core, for every runtime, and for the kit."""

from __future__ import annotations

from collections.abc import Mapping

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, MountType

_FIELDS = {
    "labels": Capability.LABELS,
    "ports": Capability.PORTS,
    "platform": Capability.PLATFORM,
    "stdin": Capability.STDIN,
    "init": Capability.INIT,
    "healthcheck": Capability.HEALTHCHECK,
    "stop_signal": Capability.STOP_SIGNAL,
    "cpus": Capability.CPU_LIMIT,
    "memory": Capability.MEMORY_LIMIT,
    "pids_limit": Capability.PIDS_LIMIT,
    "shm_size": Capability.SHM_SIZE,
    "gpus": Capability.GPUS,
    "devices": Capability.DEVICES,
    "cap_add": Capability.LINUX_CAPABILITIES,
    "cap_drop": Capability.LINUX_CAPABILITIES,
    "privileged": Capability.LINUX_CAPABILITIES,
    "read_only": Capability.READ_ONLY_ROOT,
    "extra_hosts": Capability.DNS,
    "dns": Capability.DNS,
    "user": Capability.USER,
    "raw_container": Capability.RAW_OPTIONS,
    "raw_host": Capability.RAW_OPTIONS,
    "raw_network": Capability.RAW_OPTIONS,
}

_MOUNTS = {
    MountType.BIND: Capability.BIND_MOUNTS,
    MountType.VOLUME: Capability.VOLUMES,
    MountType.TMPFS: Capability.TMPFS,
}

_NETWORKS = {
    "bridge": Capability.NETWORK_BRIDGE,
    "host": Capability.NETWORK_HOST,
    "none": Capability.NETWORK_NONE,
}


def required_capabilities(request: ContainerRequest) -> Mapping[Capability, str]:
    """Every capability that the request needs, with the name of the field that needs it.

    A field that is empty, or says what is so anyway (``restart_policy="no"``), needs nothing.
    """
    needed: dict[Capability, str] = {}
    for name, capability in _FIELDS.items():
        if getattr(request, name):
            needed.setdefault(capability, name)
    for mount in request.mounts:
        needed.setdefault(_MOUNTS[mount.type], "mounts")
    if request.restart_policy not in ("", "no"):
        needed.setdefault(Capability.RESTART_POLICY, "restart_policy")
    if request.network:
        needed.setdefault(_network(request.network), "network")
    for option in request.security_opt:
        bare = option.split(":", 1)[0].split("=", 1)[0]
        profile = bare != "no-new-privileges"
        needed.setdefault(
            Capability.SECURITY_PROFILES if profile else Capability.NO_NEW_PRIVILEGES, "security_opt"
        )
    return needed


def _network(network: str) -> Capability:
    if network.startswith("container:"):
        return Capability.NETWORK_CONTAINER
    return _NETWORKS.get(network, Capability.NETWORKS)
