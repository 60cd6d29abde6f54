"""What Podman must be told on machines without systemd, without cgroup v2 or without the right to raise limits."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from engines import EngineError, packages

_DROP_IN = Path("/etc/containers/containers.conf.d/dagu-engines.conf")
_REGISTRIES = Path("/etc/containers/registries.conf.d/dagu-engines.conf")
# Below the ports that the kernel gives to clients.
REGISTRY_PORTS = range(15610, 15620)
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


def install() -> None:
    """Write the drop-ins for every Podman of this machine; files of others stay as they are.

    Podman reads them when it starts. It also does at SIGHUP, but then forgets its own arguments: the clean-up of later
    containers looks for them elsewhere and fails.
    """
    _write(_DROP_IN, settings())
    entries = [f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n' for port in REGISTRY_PORTS]
    _write(_REGISTRIES, "\n".join([_HEAD, *entries]))


def uninstall() -> None:
    """Take the drop-ins away."""
    _DROP_IN.unlink(missing_ok=True)
    _REGISTRIES.unlink(missing_ok=True)


def need_packages() -> None:
    """Install Podman with what it needs on this machine.

    Raises:
        EngineError: The system offers none, or an old one.
    """
    tables = [packages.PODMAN, packages.RUNC] if needs_runc() else [packages.PODMAN]
    packages.need(*tables, optional=packages.NETAVARK)
    if (version := major_version()) < 4:
        raise EngineError(f"this system's Podman has version {version}; 4 or later is needed")


def major_version() -> int:
    """The first number of the installed Podman's version."""
    program = packages.program("podman") or "podman"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1].partition(".")[0])


def _limits() -> str | None:
    # Podman raises containers' limits by default, which only CAP_SYS_RESOURCE allows.
    capabilities = int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)
    if capabilities >> 24 & 1:
        return None
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    tasks = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    tasks = 10_000 if tasks == resource.RLIM_INFINITY else min(tasks, 10_000)
    return f'["nofile={files}:{files}", "nproc={tasks}:{tasks}"]'


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
