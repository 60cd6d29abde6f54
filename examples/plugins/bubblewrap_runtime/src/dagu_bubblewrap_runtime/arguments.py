"""A container request as arguments of ``bwrap``. Pure."""

from __future__ import annotations

from pathlib import Path

from dagu.contracts.container import ContainerRequest, Mount, MountType

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A user namespace in any case, as root too: what runs inside has power over nothing outside. One user of this
# machine stands for root inside, so there are no other users. No capabilities, lest a read-only mount be made
# writable again. The container ends with the thread that started it.
ISOLATION = (
    *("--unshare-user", "--uid", "0", "--gid", "0"),
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL", "--new-session", "--die-with-parent"),
)


def bwrap_options(request: ContainerRequest, root: Path) -> list[str]:
    """The options of ``bwrap`` for a container whose root is the folder ``root``."""
    options = [*ISOLATION, "--hostname", request.hostname or "bubblewrap"]
    if not request.init:
        options.append("--as-pid-1")
    options += ["--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    if request.network == "host":
        for file in ("/etc/resolv.conf", "/etc/hosts"):
            options += ["--ro-bind-try", file, file]
    else:
        options.append("--unshare-net")
    for mount in request.mounts:
        options += _mount(mount)
    if request.read_only:
        options += ["--remount-ro", "/"]
    options += ["--chdir", request.working_dir or "/", "--clearenv"]
    for name, value in {"PATH": PATH, "HOME": "/root", **request.env}.items():
        options += ["--setenv", name, value]
    return options


def _mount(mount: Mount) -> list[str]:
    if mount.type is MountType.BIND:
        return ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
    options = [] if mount.size is None else ["--size", str(mount.size)]
    options += [] if mount.mode is None else ["--perms", f"{mount.mode:04o}"]
    options += ["--tmpfs", mount.target]
    return [*options, "--remount-ro", mount.target] if mount.read_only else options
