"""Whether a file can be in a container at all, told by the engine's own layers on this machine.

For runtimes: asking an engine for a file of a container that just ended makes it wait for the container's network to
be taken down, and most commands leave no file. Where the layers of the container's root can be seen from here, a look
at them is enough to know that there is none. Source: overlayfs in the kernel's documentation.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

_DRIVERS = ("overlay", "overlay2")
_ALWAYS_MOUNTED = ("/dev", "/proc", "/sys")


def surely_absent(path: str, driver: Mapping[str, object], mounted: Iterable[str]) -> bool:
    """Whether a container certainly has no such file. False only means that the engine has to be asked.

    Args:
        path: Absolute, in the container.
        driver: ``GraphDriver`` of the container, as Docker and Podman tell it.
        mounted: Where something is mounted in the container.
    """
    file = PurePosixPath(path)
    layers = _layers(driver)
    if not layers or ".." in file.parts:
        return False
    if any(file.is_relative_to(target) for target in (*_ALWAYS_MOUNTED, *mounted)):
        return False
    try:
        if not all(os.path.isdir(layer) for layer in layers):
            return False
        folders = [folder for folder in reversed(file.parents) if folder != folder.parent]
        if not all(_is_folder(folder, layers) for folder in folders):
            return False
        return all(_mode(layer, file) is None for layer in layers)
    except OSError:
        return False


def _layers(driver: Mapping[str, object]) -> Sequence[str]:
    """The directories of an overlay, from the uppermost."""
    data = driver.get("Data")
    if driver.get("Name") not in _DRIVERS or not isinstance(data, Mapping) or not data.get("UpperDir"):
        return ()
    return (str(data["UpperDir"]), *filter(None, str(data.get("LowerDir") or "").split(":")))


def _is_folder(folder: PurePosixPath, layers: Sequence[str]) -> bool:
    """Whether it is a directory, and no link to another one, nor removed."""
    for layer in layers:
        mode = _mode(layer, folder)
        if mode is not None:
            return stat.S_ISDIR(mode)
    return False


def _mode(layer: str, path: PurePosixPath) -> int | None:
    try:
        return os.lstat(layer + str(path)).st_mode
    except FileNotFoundError:
        return None
