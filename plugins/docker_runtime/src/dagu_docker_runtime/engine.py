"""What the engine is and can do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest
from dagu.contracts.runtime import RuntimeInfo
from dagu.errors import Unsupported
from dagu_docker_runtime.client import Client

# What depends on the engine's kernel or set-up, and how /info tells. Everything else, any Docker Engine has.
_CONDITIONAL: Mapping[Capability, Callable[[Mapping[str, Any]], bool]] = {
    Capability.MEMORY_LIMIT: lambda info: bool(info.get("MemoryLimit")),
    Capability.CPU_LIMIT: lambda info: bool(info.get("CpuCfsQuota")) and bool(info.get("CpuCfsPeriod", True)),
    Capability.PIDS_LIMIT: lambda info: bool(info.get("PidsLimit")),
    Capability.GPUS: lambda info: "nvidia" in (info.get("Runtimes") or ()),
    # Rootless Docker's host network is that of its own namespace, not the machine's.
    Capability.NETWORK_HOST: lambda info: "rootless" not in security(info),
    # docker-init is a program of its own, which distributions package apart.
    Capability.INIT: lambda info: (info.get("InitCommit") or {}).get("ID") != "N/A",
}
_HINTS = {
    Capability.MEMORY_LIMIT: "enable the memory cgroup on the engine's machine",
    Capability.CPU_LIMIT: "enable the CPU cgroup on the engine's machine",
    Capability.PIDS_LIMIT: "enable the pids cgroup on the engine's machine",
    Capability.GPUS: "set up the NVIDIA container toolkit: `nvidia-ctk runtime configure --runtime=docker`",
    Capability.NETWORK_HOST: "publish ports instead",
    Capability.INIT: "install docker-init (the package tini) on the engine's machine",
}
_PROFILES = ("apparmor", "seccomp", "label")


class Engine:
    """What ``/version`` and ``/info`` say, asked once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: tuple[RuntimeInfo, Mapping[str, Any]] | None = None

    def check(self) -> RuntimeInfo:
        """Reach the engine and tell what it is."""
        return self._ask()[0]

    @property
    def log_drivers(self) -> tuple[str, ...]:
        """Names of the log drivers that it has."""
        return tuple((self._ask()[1].get("Plugins") or {}).get("Log") or ())

    def require_for(self, request: ContainerRequest) -> None:
        """Refuse what a request needs and the engine lacks, which it would leave out with a warning or none.

        Raises:
            Unsupported: Lists all of it.
        """
        runtime, info = self._ask()
        needed = {
            Capability.MEMORY_LIMIT: request.memory is not None,
            Capability.CPU_LIMIT: request.cpus is not None,
            Capability.PIDS_LIMIT: request.pids_limit is not None,
            Capability.GPUS: bool(request.gpus),
            Capability.NETWORK_HOST: request.network == "host",
            Capability.INIT: request.init,
        }
        lacking = [each for each, wanted in needed.items() if wanted and each not in runtime.capabilities]
        names = [each.value for each in lacking]
        hints = [_HINTS[each] for each in lacking]
        for option in request.security_opt:
            name, _, value = option.replace(":", "=", 1).partition("=")
            system = "selinux" if name == "label" else name
            if name in _PROFILES and value not in ("unconfined", "disable") and system not in security(info):
                names.append(f"security-profiles ({option.partition('=')[0]})")
                hints.append(f"the engine's machine runs without {system}")
        if names:
            raise Unsupported(
                f"the Docker engine at {runtime.endpoint} does not support {', '.join(names)}",
                hint="; ".join(hints),
            )

    def _ask(self) -> tuple[RuntimeInfo, Mapping[str, Any]]:
        if self._found is None:
            with self._client.call("ask the engine for its version") as api:
                version, info = api.version(), api.info()
            self._found = self._runtime_info(version, info), info
        return self._found

    def _runtime_info(self, version: Mapping[str, Any], info: Mapping[str, Any]) -> RuntimeInfo:
        endpoint = self._client.endpoint
        lacking = {capability for capability, has in _CONDITIONAL.items() if not has(info)}
        return RuntimeInfo(
            name="docker",
            version=str(version["Version"]),
            endpoint=endpoint.url,
            endpoint_source=endpoint.source,
            rootless="rootless" in security(info),
            shares_filesystem=self._shares_filesystem(info),
            capabilities=frozenset(set(Capability) - lacking),
            platform=f"{version['Os']}/{version['Arch']}",
            warnings=tuple(self._warnings(version, info)),
            known_differences=_differences(str(version["Version"])),
        )

    def _shares_filesystem(self, info: Mapping[str, Any]) -> bool:
        """A Unix socket leads to this machine; a loopback port may be a tunnel, so the engine's name decides.

        A runner in a container with the socket mounted has another filesystem all the same, which only core can
        find out; Docker Desktop runs in a virtual machine but shares the home directories under their own paths.
        """
        endpoint = self._client.endpoint
        if endpoint.scheme == "unix":
            return True
        return endpoint.loopback and info.get("Name") == socket.gethostname()

    def _warnings(self, version: Mapping[str, Any], info: Mapping[str, Any]) -> list[str]:
        found = []
        if any("podman" in str(each.get("Name")).lower() for each in version.get("Components") or ()):
            found.append("The engine is Podman; DAGU_CONTAINER_RUNTIME=podman uses it in full.")
        if info.get("MemoryLimit") and not info.get("SwapLimit"):
            found.append("Memory limits do not count swap on the engine's kernel.")
        if self._client.endpoint.tls is not None and not self._client.endpoint.tls.verify:
            found.append("The engine's certificate is not verified; set DOCKER_TLS_VERIFY=1.")
        if self._client.endpoint.scheme == "tcp" and self._client.endpoint.tls is None:
            found.append("The connection to the engine is neither encrypted nor authenticated.")
        return found


def security(info: Mapping[str, Any]) -> set[str]:
    """Names of the security features of an engine (``seccomp``, ``apparmor``, ``rootless``)."""
    options = (str(option).split(",")[0] for option in info.get("SecurityOptions") or ())
    return {option.removeprefix("name=") for option in options}


def _differences(version: str) -> dict[str, str]:
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) >= 25:
        return {}
    return {
        "test_an_internal_network_has_no_way_out": (
            "Docker before 25 gives a default route; what takes it is dropped, as test_resources.py proves on the wire"
        )
    }
