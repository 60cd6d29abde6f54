"""The operator's policy: what containers may be, stated outside of any workflow.

``DAGU_CONTAINER_POLICY`` names a YAML file, or one of the profiles ``open`` and ``hardened``. A file may build on a
profile with ``profile:``. Every container is judged before a runtime hears of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dagu.errors import UsageError
from dagu.frozen import dataclass

VARIABLE = "DAGU_CONTAINER_POLICY"

SOCKETS = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
)
NEVER_BOUND = ("/", "/etc", *SOCKETS)
"""Bind sources that a policy refuses unless it names them under ``binds.allow``."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is allowed. None in a list of allowed things: everything is.

    Attributes:
        name: For messages: the file, or the profile.
        restricted: False only for the profile ``open``, which judges nothing.
        images, denied_images: Patterns; ``*`` stops at a slash, ``**`` does not.
        digests: Images must be named by digest.
        binds: Paths that may be mounted, with everything below them.
        denied_binds: Paths that may not, nor anything below or around them, unless ``binds`` names them.
        networks: ``bridge``, ``host``, ``none``, ``container``, ``allow`` (a network with an allowlist, which whoever
            allows ``bridge`` allows too) or names of networks, as patterns.
        egress: Hosts that allowlists may name, as patterns. Without ``networks``, containers then need an allowlist
            or no network.
        capabilities, devices: What may be added.
        root: Containers may run as root.
        exec: Names of existing containers that commands may be executed in, as patterns.
        raw: The raw engine objects of ``docker.run`` may be used; they could undo anything else.
        cpus, memory, pids: Upper limits (memory in bytes); also the default where a container states none.
        required: Fields of ``container:`` that every container must state.
        harden: Fill in what is not stated: all capabilities dropped, no new privileges, a read-only root with a
            tmpfs on /tmp, a pids limit, a non-root user.
        user: The user that ``harden`` fills in.
    """

    name: str
    restricted: bool = True
    images: tuple[str, ...] | None = None
    denied_images: tuple[str, ...] = ()
    digests: bool = False
    binds: tuple[str, ...] | None = None
    denied_binds: tuple[str, ...] = NEVER_BOUND
    networks: tuple[str, ...] | None = None
    egress: tuple[str, ...] | None = None
    privileged: bool = False
    capabilities: tuple[str, ...] | None = None
    devices: tuple[str, ...] | None = None
    security_opt: bool = False
    root: bool = True
    exec: tuple[str, ...] | None = None
    raw: bool = False
    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None
    required: tuple[str, ...] = ()
    harden: bool = False
    user: str = "65534:65534"


OPEN = Policy(name="open", restricted=False)
HARDENED = Policy(
    name="hardened",
    networks=("bridge", "none", "allow"),
    capabilities=(),
    devices=(),
    root=False,
    exec=(),
    pids=512,
    harden=True,
)
PROFILES = {policy.name: policy for policy in (OPEN, HARDENED)}


def policy_from_environment(environ: Mapping[str, str]) -> Policy:
    """The policy that ``DAGU_CONTAINER_POLICY`` names; ``open`` if it names none.

    Raises:
        UsageError: The file can't be read or says what no policy can. A policy that is not understood allows
            nothing.
    """
    named = environ.get(VARIABLE, "").strip()
    if not named:
        return OPEN
    if named in PROFILES:
        return PROFILES[named]
    return read_policy(Path(named))


def read_policy(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        UsageError: With every mistake of the file.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"container policy {path} can't be read: {error}",
            hint=f"{VARIABLE} is the path of a YAML file, or one of {', '.join(PROFILES)}",
        ) from None
    if not isinstance(content, dict):
        raise UsageError(f"container policy {path} is not a YAML mapping")
    return _policy(str(path), content)


_BOOLEANS = {"digests", "privileged", "security_opt", "root", "raw", "harden"}
_LISTS = {
    "images",
    "denied_images",
    "binds",
    "denied_binds",
    "networks",
    "egress",
    "capabilities",
    "devices",
    "exec",
    "required",
}
KEYS = {field.name for field in fields(Policy)} - {"name", "restricted"} | {"profile"}
"""What a policy file may say."""


def _policy(path: str, content: dict[str, Any]) -> Policy:
    problems: list[str] = []
    base = HARDENED if content.get("profile") == "hardened" else Policy(name=path)
    if content.get("profile", "hardened") not in PROFILES:
        problems.append(f"profile: {content['profile']!r} is not one of {', '.join(PROFILES)}")
    changes: dict[str, Any] = {}
    for key, value in content.items():
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, 1)
            problems.append(f"{key}: unknown key" + (f", did you mean {near[0]}?" if near else ""))
        elif key != "profile":
            try:
                changes[key] = _value(key, value)
            except (TypeError, ValueError) as error:
                problems.append(f"{key}: {error}")
    if problems:
        raise UsageError(f"container policy {path}: {'; '.join(problems)}")
    return replace(base, name=path, **changes)


def _value(key: str, value: Any) -> Any:
    if key in _BOOLEANS:
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is neither true nor false")
        return value
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
            raise TypeError("must be a list of texts")
        return tuple(str(item) for item in value)
    if key == "user":
        return str(value)
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is not a number")
    if key == "memory":
        return _bytes(value)
    return float(value) if key == "cpus" else int(value)


def _bytes(value: Any) -> int:
    text = str(value).strip().lower().removesuffix("b").removesuffix("i")
    unit = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}.get(text[-1:], 1)
    return int(float(text.rstrip("kmgt")) * unit)
