"""Docker Engine: the standard one, and private ones that a test may kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines import containers, daemons, networks, packages, processes
from engines.api import Api
from engines.layout import DOCKER, Place

_PROGRAMS = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2")


def up(
    private: str | None = None, arguments: tuple[str, ...] = (), facts: dict[str, Any] | None = None
) -> None:
    """Start dockerd where it does not answer yet.

    One that was killed finds its containers again; dockerd stops them unless ``--live-restore`` is among the arguments.

    Args:
        private: A name for one beside the standard one.
        arguments: Further arguments of dockerd.
        facts: What to remember of it.
    """
    place = Place(DOCKER, private)
    if Api(place.endpoint).ping() is not None:
        return
    packages.need(packages.DOCKER)
    old = daemons.read_record(place.record)
    number = old.facts["number"] if old else networks.free_number() if private else 0
    processes.kill_all(processes.of_program(("dockerd", "containerd"), below=place.run))
    _forget(place)
    for folder in (place.state, place.run, place.socket.parent):
        folder.mkdir(parents=True, exist_ok=True)
    # One of our own: a daemon.json of the machine may contradict these arguments, which dockerd refuses.
    config = place.state / "daemon.json"
    config.write_text("{}\n")
    argv = [
        packages.program("dockerd") or "dockerd",
        *("--config-file", str(config)),
        *("--data-root", str(place.state / "data")),
        *("--exec-root", str(place.run)),
        *("--pidfile", str(_pid_file(place))),
        *("--host", place.endpoint),
        *arguments,
    ]
    if private:
        # A bridge of its own. With --bridge=none a second dockerd would delete the first one's docker0.
        argv += ["--bridge", networks.add_bridge(number), "--iptables=false", "--ip6tables=false"]
        argv += ["--ip-forward=false", "--ip-masq=false"]
    daemons.start(place, argv, packages.environment(), {"number": number, **(facts or {})})


def down(private: str | None = None) -> None:
    """End a dockerd that was started here with its containers; one that was found stays as it is."""
    place = Place(DOCKER, private)
    record = daemons.read_record(place.record)
    if record is None:
        return
    if record.process.alive():
        containers.kill_all(Api(place.endpoint), remove=private is not None)
        processes.end(record.process, grace=20.0)
    _sweep(place, record.facts["number"])
    daemons.remove(place.run, *([place.state] if private else []))
    daemons.unmount_below(place.state)
    if Api(place.endpoint).ping() is None:
        place.socket.unlink(missing_ok=True)
    place.record.unlink(missing_ok=True)


def _pid_file(place: Place) -> Path:
    return place.run / "dockerd.pid"


def _sweep(place: Place, number: int) -> None:
    """End what a killed dockerd left: containerd, the shims with all that runs below them, mounts, the bridge."""
    processes.kill_all(processes.descendants(processes.of_program(_PROGRAMS, below=place.run)))
    daemons.unmount_below(place.run)
    for identifier in (path.name for path in (place.state / "data" / "containers").glob("*")):
        for pattern in ("docker", "*/docker"):  # version 2 and version 1
            for group in Path("/sys/fs/cgroup").glob(f"{pattern}/{identifier}"):
                group.rmdir()
    networks.remove_bridge(number)


def _forget(place: Place) -> None:
    # dockerd takes a zombie of that number, or a stranger, for its living predecessor.
    _pid_file(place).unlink(missing_ok=True)
    (place.run / "containerd" / "containerd.pid").unlink(missing_ok=True)
