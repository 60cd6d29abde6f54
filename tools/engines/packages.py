"""Debian and Ubuntu packages: installed when a program is missing, without their services being started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines import EngineError

_POLICY = Path("/usr/sbin/policy-rc.d")
_SAVED = Path("/usr/sbin/policy-rc.d.dagu-engines")
_SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))

# package -> the file or program that tells it is there
DOCKER = {
    "docker.io": "dockerd",
    "iptables": "iptables",
    "iproute2": "ip",
    "ca-certificates": "update-ca-certificates",
}
PODMAN = {
    "podman": "podman",
    "iptables": "iptables",
    "iproute2": "ip",
    "catatonit": "catatonit",
    "ca-certificates": "update-ca-certificates",
}
# Absent from older releases, which bring CNI instead.
NETAVARK = {"netavark": "/usr/lib/podman/netavark", "aardvark-dns": "/usr/lib/podman/aardvark-dns"}
RUNC = {"runc": "runc"}
ROOTLESS = {"uidmap": "newuidmap", "slirp4netns": "slirp4netns"}
PASTA = {"passt": "pasta"}  # what rootless Podman connects with from version 5 on
BUSYBOX = {"busybox-static": "/usr/share/doc/busybox-static"}
REGISTRY = {"docker-registry": "docker-registry", "apache2-utils": "htpasswd"}
TLS = {"openssl": "openssl"}
# Of tests that need no engine.
BUBBLEWRAP = {"bubblewrap": "bwrap"}
NPM = {"npm": "npm"}
SYSTEMD = {"systemd": "systemd-analyze"}
# Of tests on Docker.
COMPOSE = {"docker-compose": "docker-compose"}


def program(name: str) -> str | None:
    """The path of a program, also where PATH leaves out the sbin folders."""
    return shutil.which(name, path=_SEARCH)


def environment() -> dict[str, str]:
    """This process's environment with the sbin folders on PATH: daemons look for iptables there."""
    return {**os.environ, "PATH": _SEARCH}


def need(*tables: dict[str, str], optional: dict[str, str] | None = None) -> None:
    """Install what is missing of some tables above.

    Raises:
        EngineError: No apt-get, no root, or apt-get failed; with its last lines.
    """
    wanted = [name for table in tables for name, sign in table.items() if not _there(sign)]
    extra = [name for name, sign in (optional or {}).items() if not _there(sign)]
    if not wanted and not any(map(_offered, extra)):
        return
    if program("apt-get") is None:
        raise EngineError(
            f"missing: {', '.join(wanted)}. There is no apt-get here: install them by this system's means"
        )
    if os.geteuid() != 0:
        raise EngineError(
            f"missing packages: {', '.join(wanted)}. Run this command with sudo to have them installed"
        )
    if not all(map(_offered, wanted)):
        _apt("update")
    wanted += filter(_offered, extra)
    print(f"installing {' '.join(wanted)}", file=sys.stderr)
    with services_kept_down():
        done = _apt("install", *wanted)
        if done.returncode:  # what the lists name may have been replaced on the mirror
            _apt("update")
            done = _apt("install", *wanted)
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-8:])
        raise EngineError(f"apt-get could not install {' '.join(wanted)}:\n{last}")


def _there(sign: str) -> bool:
    return Path(sign).exists() if sign.startswith("/") else program(sign) is not None


def _offered(name: str) -> bool:
    found = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False).stdout
    return "Candidate:" in found and "Candidate: (none)" not in found


def _apt(action: str, *names: str) -> subprocess.CompletedProcess[str]:
    options = ["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold"]
    if action == "install":
        options += ["--yes", "--no-install-recommends"]
    return subprocess.run(
        ["apt-get", "-q", *options, action, *names],
        env={**environment(), "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@contextmanager
def services_kept_down(policy: Path = _POLICY, saved: Path = _SAVED) -> Iterator[None]:
    """Let no package start its service meanwhile, and put back the policy that was there."""
    if saved.exists():  # left by a run that was killed
        saved.replace(policy)
    if policy.exists():
        policy.replace(saved)
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
        if saved.exists():
            saved.replace(policy)
