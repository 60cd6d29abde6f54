"""Addresses and bridges that keep one engine's containers apart from another's."""

from __future__ import annotations

import json
import subprocess

from engines import EngineError, packages
from engines.layout import RUN


def free_number() -> int:
    """The lowest number, from 1, that no private engine holds; 0 is the standard engines'."""
    taken = set()
    for record in RUN.glob("*/*.json"):
        taken.add(json.loads(record.read_text())["facts"].get("number", 0))
    for link in _ip("-json", "link", "show"):
        tail = link["ifname"].removeprefix("dagu-dkr")
        if tail.isdigit():
            taken.add(int(tail))
    return next(number for number in range(1, 250) if number not in taken)


def docker_bridge(number: int) -> str:
    """The bridge's name; interface names have at most 15 characters."""
    return f"dagu-dkr{number}"


def add_bridge(number: int) -> str:
    """Make the bridge of a private dockerd, unless it is left from before, and return its name."""
    name = docker_bridge(number)
    if _there(name):
        return name
    _ip("link", "add", "name", name, "type", "bridge")
    _ip("address", "add", f"10.213.{number}.1/24", "dev", name)
    _ip("link", "set", name, "up")
    return name


def remove_bridge(number: int) -> None:
    """Take the bridge away, if it is there."""
    if _there(docker_bridge(number)):
        _ip("link", "delete", docker_bridge(number))


def podman_bridge(number: int) -> str:
    """The bridge that Podman makes for a private service."""
    return f"dagu-pod{number}"


def podman_network(number: int) -> str:
    """The file that defines Podman's default network with addresses and a bridge of its own."""
    return json.dumps(
        {
            "name": "podman",
            "id": f"{number:064x}",
            "driver": "bridge",
            "network_interface": podman_bridge(number),
            "created": "2024-01-01T00:00:00Z",
            "subnets": [{"subnet": f"10.214.{number}.0/24", "gateway": f"10.214.{number}.1"}],
            "ipv6_enabled": False,
            "internal": False,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        },
        indent=2,
    )


def _there(name: str) -> bool:
    return any(link["ifname"] == name for link in _ip("-json", "link", "show"))


def _ip(*arguments: str) -> list[dict[str, str]]:
    done = subprocess.run(
        [packages.program("ip") or "ip", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    found: list[dict[str, str]] = json.loads(done.stdout) if done.stdout.strip() else []
    return found
