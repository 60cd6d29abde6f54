"""Rootful Podman: the standard service, and private ones that a test may kill."""

from __future__ import annotations

import subprocess
import sys

from engines import daemons, networks, packages, podman_config, processes
from engines.api import Api
from engines.layout import PODMAN, Place


def up(private: str | None = None) -> None:
    """Start a Podman service where none answers yet.

    Args:
        private: A name for one beside the standard one.
    """
    place = Place(PODMAN, private)
    if Api(place.endpoint).ping() is not None:
        return
    podman_config.need_packages()
    podman_config.install()
    old = daemons.read_record(place.record)
    if old is not None:
        processes.end(old.process)
    number = old.facts["number"] if old else networks.free_number() if private else 0
    for folder in (place.state / "networks", place.run, place.socket.parent):
        folder.mkdir(parents=True, exist_ok=True)
    # Locks in files: those in shared memory are common to all rootful Podmans of a machine.
    (place.state / "containers.conf").write_text(podman_config.settings({"lock_type": '"file"'}))
    (place.state / "networks" / "podman.json").write_text(networks.podman_network(number))
    place.socket.unlink(missing_ok=True)
    argv = [*command(place), "system", "service", "--time=0", place.endpoint]
    daemons.start(place, argv, environment(place), {"number": number})


def down(private: str | None = None) -> None:
    """End a service that was started here with its containers; one that was found stays as it is."""
    place = Place(PODMAN, private)
    record = daemons.read_record(place.record)
    if record is None:
        return
    processes.end(record.process, grace=10.0)
    # Containers outlive their service. The program reaches them without it, and undoes mounts and addresses.
    endings = [("pod", "rm", "--force"), ("rm", "--force")] if private else [("stop",)]
    for words in endings:
        done = subprocess.run(
            [*command(place), *words, "--all", "--time", "0"],
            env=environment(place),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"podman {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr)
    processes.kill_all(processes.descendants(processes.of_program(("conmon",), below=place.run)))
    daemons.remove(place.run, *([place.state] if private else []))
    daemons.unmount_below(place.state)
    place.socket.unlink(missing_ok=True)
    place.record.unlink(missing_ok=True)


def command(place: Place) -> list[str]:
    """The ``podman`` program with the options that make it work on this place's containers."""
    return [
        packages.program("podman") or "podman",
        *("--root", str(place.state / "storage")),
        *("--runroot", str(place.run / "run")),
        *("--tmpdir", str(place.run / "libpod")),
        *("--network-config-dir", str(place.state / "networks")),
    ]


def environment(place: Place) -> dict[str, str]:
    """The environment that goes with ``command``."""
    return {**packages.environment(), "CONTAINERS_CONF": str(place.state / "containers.conf")}
