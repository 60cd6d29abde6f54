"""Image references: read as Docker reads them, so that a workflow names the same image on both engines."""

from __future__ import annotations

import ipaddress
import re

DEFAULT_REGISTRY = "docker.io"
_ID = re.compile(r"(sha256:)?[0-9a-f]{12,64}")


def registry(reference: str) -> str:
    """The registry, ``docker.io`` without one."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and first != "index.docker.io":
        return first
    return DEFAULT_REGISTRY


def full(reference: str) -> str:
    """The reference with its registry, and with ``library/`` and a tag where they are left out."""
    name = reference
    if registry(reference) == DEFAULT_REGISTRY:
        path = name.removeprefix("index.").removeprefix("docker.io/")
        name = f"{DEFAULT_REGISTRY}/{path if '/' in path else 'library/' + path}"
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"


def local_names(reference: str) -> list[str]:
    """Under which names a local image may go by that reference, the likeliest first."""
    names = [full(reference)]
    if registry(reference) == DEFAULT_REGISTRY and not reference.startswith("docker.io/"):
        # What `podman build -t NAME` makes.
        names.append(full(f"localhost/{reference}"))
    if _ID.fullmatch(reference):
        names.append(reference.removeprefix("sha256:"))
    return names


def is_loopback(host: str) -> bool:
    """Whether a registry, with or without a port, is on the engine's own machine."""
    name = host.removeprefix("[").partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def platform_matches(found: str, wanted: str) -> bool:
    """Whether an image's ``os/architecture[/variant]`` is what is wanted; a variant left out fits any."""
    have, want = _parts(found), _parts(wanted)
    return have[:2] == want[:2] and (not have[2] or not want[2] or have[2] == want[2])


def platform_parts(platform: str) -> tuple[str, str, str]:
    """Operating system, architecture and variant; the latter may be empty."""
    return _parts(platform)


_SAME = {"x86_64": "amd64", "aarch64": "arm64", "x86-64": "amd64", "i386": "386"}


def _parts(platform: str) -> tuple[str, str, str]:
    parts = platform.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    system, architecture, *rest = parts
    architecture = _SAME.get(architecture, architecture)
    variant = rest[0] if rest else ""
    if architecture == "arm64" and variant == "v8":
        variant = ""
    return system, architecture, variant
