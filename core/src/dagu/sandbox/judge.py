"""Applying the operator's policy to a container: what it lacks is filled in, what it may not have is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath

from dagu.contracts.container import ContainerRequest, Mount, MountType
from dagu.contracts.specs import Refusal
from dagu.sandbox.policy import Policy
from dagu.sandbox.registry import HUB, registry_host


def hardened(policy: Policy, request: ContainerRequest) -> ContainerRequest:
    """The request with what the policy fills in where it states nothing."""
    if request.cpus is None and policy.cpus is not None:
        request = replace(request, cpus=policy.cpus)
    if request.memory is None and policy.memory is not None:
        request = replace(request, memory=policy.memory)
    if request.pids_limit is None and policy.pids is not None:
        request = replace(request, pids_limit=policy.pids)
    if not policy.harden:
        return request
    options = request.security_opt
    if not any(option.startswith("no-new-privileges") for option in options):
        options = (*options, "no-new-privileges")
    targets = {mount.target for mount in request.mounts}
    scratch = () if "/tmp" in targets else (Mount(type=MountType.TMPFS, target="/tmp", mode=0o1777),)
    return replace(
        request,
        cap_drop=request.cap_drop or ("ALL",),
        security_opt=options,
        read_only=True,
        mounts=(*request.mounts, *scratch),
        user=request.user or policy.user,
    )


def refusals(
    policy: Policy, request: ContainerRequest, *, egress: Sequence[str] | None = None
) -> list[Refusal]:
    """Why the policy does not allow a container; empty when it does. Each names its rule.

    Args:
        egress: The hosts that its network lets through, where it has an allowlist.
    """
    if not policy.restricted:
        return []
    return [
        Refusal(rule=f"{rule} of policy {policy.name}", reason=reason)
        for rule, reason in _reasons(policy, request, egress)
    ]


def exec_refusals(policy: Policy, container: str) -> list[Refusal]:
    """Why the policy does not allow commands in an existing container."""
    if not policy.restricted or policy.exec is None or _matches(container, policy.exec):
        return []
    return [Refusal(rule=f"exec of policy {policy.name}", reason=f"container {container} may not be entered")]


def _reasons(
    policy: Policy, request: ContainerRequest, egress: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    yield from _image(policy, request.image)
    for mount in request.mounts:
        if mount.type is MountType.BIND:
            yield from _bind(policy, mount.source)
    yield from _network(policy, request.network or "bridge", egress)
    yield from _privileges(policy, request)
    yield from _security(policy, request)
    yield from _limits(policy, request)
    if not policy.raw and (request.raw_container or request.raw_host or request.raw_network):
        yield "raw", "the raw objects container, host and network of docker.run are refused"


def _network(policy: Policy, network: str, egress: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    if egress is not None:
        if policy.networks is not None and not any(
            _matches(kind, policy.networks) for kind in ("allow", "bridge")
        ):
            yield "networks", "network.allow is not one of the networks allowed"
        for host in egress:
            if policy.egress is not None and not _matches(host, policy.egress):
                yield "egress", f"host {host} may not be reached"
        return
    # Hosts that may be reached say nothing about a network that lets all of them through.
    allowed = ("none",) if policy.networks is None and policy.egress is not None else policy.networks
    kind = "container" if network.startswith("container:") else network
    if allowed is not None and not _matches(kind, allowed):
        yield (
            ("egress" if policy.networks is None else "networks"),
            f"network {network} is not one of those allowed",
        )


def _image(policy: Policy, image: str) -> Iterator[tuple[str, str]]:
    spellings = image_spellings(image)
    if policy.images is not None and not any(_matches(one, policy.images) for one in spellings):
        yield "images", f"image {image} is not one of those allowed"
    if any(_matches(one, policy.denied_images) for one in spellings):
        yield "denied_images", f"image {image} is refused"
    if policy.digests and "@sha256:" not in image:
        yield "digests", f"image {image} is not named by its digest"


def image_spellings(image: str) -> tuple[str, ...]:
    """The ways to write an image reference: ``alpine`` is also ``docker.io/library/alpine``, both with a tag."""
    bare = image.removeprefix("docker.io/").removeprefix("library/")
    full = f"docker.io/{bare}" if "/" in bare else f"docker.io/library/{bare}"
    names = (bare, full) if registry_host(image) == HUB else (image,)
    tagged = ":" in image.rpartition("/")[2] or "@" in image
    return tuple(name if tagged else f"{name}:latest" for name in names)


def _privileges(policy: Policy, request: ContainerRequest) -> Iterator[tuple[str, str]]:
    if request.privileged and not policy.privileged:
        yield "privileged", "privileged containers are refused"
    if policy.capabilities is not None:
        allowed = {_capability(name) for name in policy.capabilities}
        for name in sorted({_capability(name) for name in request.cap_add} - allowed):
            yield "capabilities", f"capability {name} may not be added"
    if policy.devices is not None:
        for device in request.devices:
            if not _matches(device.partition(":")[0], policy.devices):
                yield "devices", f"device {device} may not be used"
        if request.gpus and not _matches("gpus", policy.devices):
            yield "devices", "gpus may not be used"
    if not policy.root and _is_root(request.user):
        yield "root", f"user {request.user or 'of the image'} may be root"


def _security(policy: Policy, request: ContainerRequest) -> Iterator[tuple[str, str]]:
    if policy.harden and request.cap_drop and "ALL" not in {name.upper() for name in request.cap_drop}:
        yield "harden", "cap_drop must hold ALL"
    for option in request.security_opt:
        bare, _, value = option.replace("=", ":", 1).partition(":")
        if bare != "no-new-privileges" and not policy.security_opt:
            yield "security_opt", f"security option {option} is refused"
        elif bare == "no-new-privileges" and value == "false" and policy.harden:
            yield "harden", "no-new-privileges may not be switched off"


def _limits(policy: Policy, request: ContainerRequest) -> Iterator[tuple[str, str]]:
    for field, limit in (("cpus", policy.cpus), ("memory", policy.memory), ("pids_limit", policy.pids)):
        asked = getattr(request, field)
        if limit is not None and asked is not None and (asked > limit or asked <= 0):
            yield field.removesuffix("_limit"), f"{field} {asked:g} is above the limit of {limit:g}"
    for field in policy.required:
        if not getattr(request, field, None):
            yield "required", f"container.{field} must be stated"


def _bind(policy: Policy, source: str) -> Iterator[tuple[str, str]]:
    path = PurePosixPath(os.path.realpath(source))
    if policy.binds is not None:
        if not any(path.is_relative_to(os.path.realpath(root)) for root in policy.binds):
            yield "binds", f"{source} is not below a directory that may be mounted"
        elif any(path == PurePosixPath(os.path.realpath(root)) for root in policy.binds):
            return
    for denied in policy.denied_binds:
        real = PurePosixPath(os.path.realpath(denied))
        below = path == real if denied == "/" else path.is_relative_to(real)
        if (below or real.is_relative_to(path)) and not _named(policy, real):
            yield "denied_binds", f"{source} may not be mounted: it is, holds or lies in {denied}"
            return


def _named(policy: Policy, denied: PurePosixPath) -> bool:
    return any(PurePosixPath(os.path.realpath(root)) == denied for root in policy.binds or ())


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _is_root(user: str) -> bool:
    name = user.partition(":")[0]
    return name in {"", "root"} or (name.isdigit() and int(name) == 0)


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(_compiled(pattern).fullmatch(text) for pattern in patterns)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    wild = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)
