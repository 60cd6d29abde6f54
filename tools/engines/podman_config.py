"""What Podman must be told on machines without systemd, without cgroup v2 or without the right to raise limits."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from engines import packages

_DROP_IN = Path("/etc/containers/containers.conf.d/dagu-engines.conf")
_HEAD = "# Written by tools/engines; `tools/engines down --all` takes it away.\n"


def settings(engine: dict[str, str] | None = None) -> str:
    """The text of a ``containers.conf`` for this machine.

    Args:
        engine: Further keys of its ``[engine]`` table.
    """
    containers = {}
    if (limits := _limits()) is not None:
        containers["default_ulimits"] = limits
    # Else every exec over the API leaves its conmon processes for five minutes.
    table: dict[str, str] = {"exit_command_delay": "10"}
    if not Path("/run/systemd/system").is_dir():
        table |= {"cgroup_manager": '"cgroupfs"', "events_logger": '"file"'}
    if needs_runc():
        table["runtime"] = '"runc"'
    text = _HEAD
    for name, values in (("containers", containers), ("engine", table | (engine or {}))):
        text += f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
    return text


def needs_runc() -> bool:
    """True where version 1 controllers are mounted: crun refuses a mix of both versions."""
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def storage_driver(folder: Path) -> str:
    """The driver for storage in that folder, which must be said.

    Left to itself Podman notes an empty name in its database. Each container's cleanup names the driver, finds that the
    two differ, and fails: whoever waits for a container then waits for 20 s.
    """
    # An overlay can't lie on an overlay, as the root of a container is one.
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True
    )
    return "vfs" if done.stdout.strip() == "overlayfs" else "overlay"


def install() -> None:
    """Write the drop-in for every Podman of this machine; files of others stay as they are."""
    text = settings()
    if not _DROP_IN.exists() or _DROP_IN.read_text() != text:
        _DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        _DROP_IN.write_text(text)


def uninstall() -> None:
    """Take the drop-in away."""
    _DROP_IN.unlink(missing_ok=True)


def need_packages() -> None:
    """Install Podman with what it needs on this machine."""
    tables = [packages.PODMAN, packages.RUNC] if needs_runc() else [packages.PODMAN]
    packages.need(*tables, optional=packages.NETAVARK)


def _limits() -> str | None:
    # Podman raises containers' limits by default, which only CAP_SYS_RESOURCE allows.
    capabilities = int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)
    if capabilities >> 24 & 1:
        return None
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    tasks = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    tasks = 10_000 if tasks == resource.RLIM_INFINITY else min(tasks, 10_000)
    return f'["nofile={files}:{files}", "nproc={tasks}:{tasks}"]'
