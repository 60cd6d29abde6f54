"""A registry on loopback that asks for a password."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import subprocess
from pathlib import Path
from typing import Any

from engines import EngineError, daemons, layout, packages, podman_config, processes
from engines.layout import PODMAN, REGISTRY, ROOTLESS, Place

USER = "dagu"


def up(private: str | None = None) -> dict[str, Any]:
    """Start a registry, unless it runs.

    Args:
        private: A name, for one more beside the usual one.

    Returns:
        ``address`` (host and port), ``username`` and ``password``; ``insecure_for`` lists the endpoints of the Podman
        services that know they may speak plain HTTP to it: those started here. Docker does so on loopback by itself.
    """
    place = Place(REGISTRY, private)
    record = daemons.read_record(place.record)
    if record is None or not record.process.alive():
        packages.need(packages.REGISTRY)
        daemons.remove(place.state)
        place.state.mkdir(parents=True, mode=0o700)
        port = next(filter(_free, podman_config.REGISTRY_PORTS), None)
        if port is None:
            raise EngineError(
                "all ports for registries are taken: end one with `tools/engines registry down`"
            )
        (place.state / "password").write_text(secrets.token_urlsafe(12))
        _write_config(place.state, port)
        program = packages.program("docker-registry") or "docker-registry"
        argv = [program, "serve", str(place.state / "config.json")]
        facts = {"port": port}
        record = daemons.start(place, argv, packages.environment(), facts, ready=lambda: _answers(port))
    address = f"127.0.0.1:{record.facts['port']}"
    return {
        "address": address,
        "username": USER,
        "password": (place.state / "password").read_text(),
        "insecure_for": _aware(),
    }


def down(private: str | None = None) -> None:
    """End a registry that was started here, and remove what was pushed to it."""
    place = Place(REGISTRY, private)
    record = daemons.read_record(place.record)
    if record is None:
        return
    processes.end(record.process, grace=10.0)
    daemons.remove(place.state)
    place.record.unlink()


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _aware() -> list[str]:
    places = [Place(PODMAN), Place(ROOTLESS), *(Place(PODMAN, name) for name in layout.private_names())]
    records = [(place, daemons.read_record(place.record)) for place in places]
    return [place.endpoint for place, record in records if record is not None and record.process.alive()]


def _write_config(folder: Path, port: int) -> None:
    # The password goes in by standard input: arguments are open to everybody.
    hashed = subprocess.run(
        [packages.program("htpasswd") or "htpasswd", "-niB", USER],
        input=(folder / "password").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    if hashed.returncode:
        raise EngineError(f"htpasswd: {hashed.stderr.strip()}")
    (folder / "htpasswd").write_text(hashed.stdout)
    config = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "dagu", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))  # JSON is YAML too


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == 401
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()
