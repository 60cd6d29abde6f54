"""What this machine's bubblewrap is and can do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import RuntimeInfo
from dagu.errors import EngineForbidden, EngineUnreachable

CAPABILITIES = frozenset(
    {
        Capability.SHARED_CONTAINER,
        Capability.STDIN,
        Capability.ARCHIVES,
        Capability.BIND_MOUNTS,
        Capability.TMPFS,
        Capability.NETWORK_HOST,
        Capability.NETWORK_NONE,
        Capability.NO_NEW_PRIVILEGES,
        Capability.READ_ONLY_ROOT,
        Capability.INIT,
        Capability.STOP_SIGNAL,
        Capability.EXEC_TREE,
        Capability.LABELS,
    }
)
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def machine() -> str:
    """This machine as images name it."""
    name = platform.machine()
    return f"linux/{MACHINES.get(name, name)}"


def program() -> str:
    """The path of ``bwrap``.

    Raises:
        EngineUnreachable: It is not installed.
    """
    found = shutil.which("bwrap")
    if found is None:
        raise EngineUnreachable(
            "bwrap is not on the PATH",
            hint="install bubblewrap: apt install bubblewrap, dnf install bubblewrap",
        )
    return found


def look(endpoint: str, source: str) -> RuntimeInfo:
    """Try it.

    Raises:
        EngineUnreachable: It is not installed.
        EngineForbidden: The kernel does not let this user make namespaces.
    """
    bwrap = program()
    tried = subprocess.run(
        [bwrap, "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        raise EngineForbidden(
            f"bubblewrap can't make a container: {tried.stderr.strip()}",
            hint="user namespaces must be allowed: sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces",
        )
    version = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=True).stdout
    return RuntimeInfo(
        name="bubblewrap",
        version=version.split()[-1],
        endpoint=endpoint,
        endpoint_source=source,
        rootless=os.geteuid() != 0,
        shares_filesystem=True,
        capabilities=CAPABILITIES,
        platform=machine(),
    )
