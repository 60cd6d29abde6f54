"""Makes containers: from the request to the engine, with a check that nothing of it was dropped."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest
from dagu.contracts.requirements import required_capabilities
from dagu.errors import ImageNotFound, RequestRefused, Unsupported
from dagu_podman_runtime import raw, references
from dagu_podman_runtime.connection import PATIENT, Connection, path_name
from dagu_podman_runtime.facts import Facts
from dagu_podman_runtime.images import Images, image_info
from dagu_podman_runtime.networks import Networks
from dagu_podman_runtime.request import HOST_GATEWAY, Spec, specification

_LIMITS = {
    "cpu": Capability.CPU_LIMIT,
    "memory": Capability.MEMORY_LIMIT,
    "pids": Capability.PIDS_LIMIT,
}
_NO_SWAP_LIMIT = "memory limited without swap"
_DROPPED = ("discarded", "ignored", "not supported", "does not support")
_BRIDGE = "podman"


class Creation:
    """Makes the containers of one service."""

    def __init__(
        self, connection: Connection, images: Images, networks: Networks, facts: Callable[[], Facts]
    ) -> None:
        self._connection = connection
        self._images = images
        self._networks = networks
        self._facts = facts

    def create(self, request: ContainerRequest) -> str:
        """Make a container and return its id.

        Raises:
            ImageNotFound: The image is not there, or not for the platform.
            NameTaken: A container of that name exists.
            RequestRefused: Podman, or this runtime, can't make it so.
            Unsupported: It needs what this Podman would ignore.
        """
        facts = self._facts()
        _refuse_undeclared(required_capabilities(request), facts)
        request, changes = raw.applied(request)
        _refuse_undeclared(required_capabilities(request), facts)
        spec = raw.merge(specification(request, self._image(request)), changes)
        limits = {
            _LIMITS[key]: f"the limit on {key}" for key in spec.get("resource_limits", {}) if key in _LIMITS
        }
        _refuse_undeclared(limits, facts)
        self._refuse_unenforced(spec, facts)
        self._resolve_gateway(spec, request)
        with _profile_file(spec, facts) as complete:
            answer = self._connection.call(
                "POST",
                "/containers/create",
                subject=request.name or request.image,
                json=complete,
                timeout=PATIENT,
            ).json()
        self._refuse_dropped(answer, facts)
        return str(answer["Id"])

    def _image(self, request: ContainerRequest) -> Mapping[str, Any]:
        found = self._images.lookup(request.image)
        if found is None:
            raise ImageNotFound(
                f"the image {request.image} is not on this Podman",
                hint="pull it, or let the pull policy do so; Docker's images are not Podman's",
            )
        platform = image_info(found).platform
        if request.platform and not references.platform_matches(platform, request.platform):
            raise ImageNotFound(
                f"the image {request.image} is on this Podman for {platform}, not for {request.platform}",
                hint="pull it for that platform",
            )
        return found

    def _refuse_unenforced(self, spec: Spec, facts: Facts) -> None:
        # Without SELinux, Podman takes its options and does nothing.
        labels = [option for option in spec.get("selinux_opts", ()) if option != "disable"]
        if labels and not facts.selinux:
            raise RequestRefused(
                f"the security options {', '.join(f'label={option}' for option in labels)} need SELinux,"
                " which is off on the engine's machine",
                hint="leave them out, or switch SELinux on",
            )

    def _resolve_gateway(self, spec: Spec, request: ContainerRequest) -> None:
        """Put an address in the place of ``host-gateway``, which Podman 4.3 does not know."""
        hosts: list[str] = spec.get("hostadd", [])
        wanted = [host for host in hosts if host.endswith(f":{HOST_GATEWAY}")]
        if not wanted:
            return
        network = _BRIDGE if request.network in ("", "bridge") else request.network
        address = "" if network in ("host", "none") else self._networks.gateway(network)
        if not address:
            raise RequestRefused(
                f"this container's network gives {HOST_GATEWAY} no address",
                hint="Podman writes host.containers.internal into the container's hosts file by itself",
            )
        spec["hostadd"] = [
            host.removesuffix(HOST_GATEWAY) + address if host in wanted else host for host in hosts
        ]

    def _refuse_dropped(self, answer: Mapping[str, Any], facts: Facts) -> None:
        warnings: Sequence[str] = answer.get("Warnings") or ()
        dropped = [text for text in warnings if any(word in text.lower() for word in _DROPPED)]
        if not facts.swap:
            # There is no swap to use.
            dropped = [text for text in dropped if _NO_SWAP_LIMIT not in text.lower()]
        if dropped:
            container = str(answer["Id"])
            self._connection.call("DELETE", f"/containers/{path_name(container)}", subject=container)
            raise Unsupported(
                f"Podman would not keep to a part of the request: {' '.join(dropped)}",
                hint="leave that part out, or use an engine that can",
            )


def _refuse_undeclared(needed: Mapping[Capability, str], facts: Facts) -> None:
    missing = {
        capability: field for capability, field in needed.items() if capability not in facts.capabilities
    }
    if missing:
        told = ", ".join(f"{capability.value} (for {field})" for capability, field in missing.items())
        raise Unsupported(
            f"this Podman ({facts.version}, {'rootless' if facts.rootless else 'rootful'}, cgroup"
            f" {'v2' if facts.cgroup_v2 else 'v1'}) does not support {told}",
            hint="leave the field out, or use rootful Podman or a machine with cgroup v2",
        )


@contextlib.contextmanager
def _profile_file(spec: Spec, facts: Facts) -> Iterator[Spec]:
    """The specification with a file in the place of a seccomp profile's text. Podman reads it at once."""
    text = spec.pop("seccomp_profile_text", None)
    if text is None:
        yield spec
        return
    if not facts.shares_filesystem:
        raise RequestRefused(
            "Podman reads a seccomp profile from a file of its own machine, which is not this one",
            hint="put the profile there and name its path: seccomp=/path/on/that/machine.json",
        )
    with tempfile.NamedTemporaryFile("w", prefix="dagu-seccomp-", suffix=".json") as file:
        file.write(text)
        file.flush()
        os.chmod(file.name, 0o644)  # a rootless service is another user
        yield {**spec, "seccomp_profile_path": file.name}
