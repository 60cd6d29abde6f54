"""Rootless Podman, run by a user made for it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

from engines import EngineError, containers, daemons, packages, podman_config, processes
from engines.api import Api
from engines.layout import ROOTLESS, Place

USER = "dagu-rootless"
_RANGE = 65_536
_TUN = Path("/dev/net/tun")


def up() -> None:
    """Start a rootless Podman service, unless it answers."""
    place = Place(ROOTLESS)
    if Api(place.endpoint).ping() is not None:
        return
    podman_config.need_packages()
    packages.need(packages.ROOTLESS, packages.PASTA if podman_config.major_version() >= 5 else {})
    podman_config.install()
    old = daemons.read_record(place.record)
    if old is not None:
        _end_all(pwd.getpwnam(USER))
    user = _user(place)
    _open_to_all(place.state.parent)
    for folder in (place.run, place.socket.parent, place.state):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        os.chown(folder, user.pw_uid, user.pw_gid)
    # Left to itself Podman takes vfs, which copies the whole image for each container.
    _write_as(user, place.state / ".config/containers/storage.conf", '[storage]\ndriver = "overlay"\n')
    if _TUN.exists():
        _TUN.chmod(0o666)  # slirp4netns opens it as the user
    place.socket.unlink(missing_ok=True)
    argv = [packages.program("podman") or "podman", "system", "service", "--time=0", place.endpoint]
    daemons.start(place, argv, _environment(place), user=user.pw_uid, group=user.pw_gid, extra_groups=[])


def down(everything: bool = False) -> None:
    """End the service with all of its user's processes.

    Args:
        everything: Also remove the user with its images.
    """
    place = Place(ROOTLESS)
    record = daemons.read_record(place.record)
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return
    if record is not None:
        if record.process.alive():
            containers.kill_all(Api(place.endpoint), remove=False)
            processes.end(record.process, grace=10.0)
        _end_all(user)
        daemons.remove(place.run)
        place.record.unlink(missing_ok=True)
    if everything:
        daemons.remove(place.state)
        subprocess.run(["userdel", USER], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _environment(place: Place) -> dict[str, str]:
    # Nothing of root's: neither its HOME nor its proxies' credentials.
    return {
        "HOME": str(place.state),
        "XDG_RUNTIME_DIR": str(place.run),
        "PATH": packages.environment()["PATH"],
        "USER": USER,
    }


def _user(place: Place) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        pass
    uids, gids = (
        f"{free_range(Path(name).read_text() if Path(name).exists() else '')}"
        for name in ("/etc/subuid", "/etc/subgid")
    )
    _run(
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        str(place.state),
        "--shell",
        "/usr/sbin/nologin",
        USER,
    )
    _run("usermod", "--add-subuids", uids, "--add-subgids", gids, USER)
    return pwd.getpwnam(USER)


def free_range(table: str) -> str:
    """The first range of subordinate ids behind all others.

    Args:
        table: The text of ``/etc/subuid`` or ``/etc/subgid``.

    Returns:
        ``first-last``, as usermod wants it.
    """
    ends = [
        int(start) + int(count) for start, count in re.findall(r"^[^:]+:(\d+):(\d+)\s*$", table, re.MULTILINE)
    ]
    first = max([100_000, *ends])
    return f"{first}-{first + _RANGE - 1}"


def _end_all(user: pwd.struct_passwd) -> None:
    """SIGKILL what runs as the user or as one of its subordinate ids."""
    table = Path("/etc/subuid").read_text()
    ranges = [(user.pw_uid, 1)]
    ranges += [(int(a), int(n)) for a, n in re.findall(rf"^{USER}:(\d+):(\d+)\s*$", table, re.MULTILINE)]
    found = []
    for pid in processes.pids():
        try:
            owner = Path(f"/proc/{pid}").stat().st_uid
        except FileNotFoundError:
            continue
        if any(first <= owner < first + count for first, count in ranges):
            found.append(pid)
    processes.kill_all(found)


def _open_to_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for step in (folder, *folder.parents):
        if not step.stat().st_mode & 0o001:
            raise EngineError(
                f"{step} is closed to other users: set DAGU_ENGINES_STATE to a folder they can reach"
            )


def _write_as(user: pwd.struct_passwd, path: Path, text: str) -> None:
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(exist_ok=True)
    path.write_text(text)
    for made in (path.parent.parent, path.parent, path):
        shutil.chown(made, user.pw_uid, user.pw_gid)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise EngineError(f"{argv[0]}: {done.stdout.strip()}")
