"""Where things are: images are root folders, and each container has a folder with a copy of one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from dagu.errors import RequestRefused


def images_folder(environ: Mapping[str, str]) -> Path:
    """Where images are looked for by name."""
    return _folder(environ, "DAGU_BUBBLEWRAP_IMAGES", "XDG_DATA_HOME", ".local/share", "images")


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where containers are kept."""
    return _folder(environ, "DAGU_BUBBLEWRAP_STATE", "XDG_STATE_HOME", ".local/state", "containers")


def _folder(environ: Mapping[str, str], own: str, xdg: str, usual: str, last: str) -> Path:
    if own in environ:
        return Path(environ[own])
    base = Path(environ[xdg]) if environ.get(xdg) else Path(environ.get("HOME", "/")) / usual
    return base / "dagu" / "bubblewrap" / last


def find_image(images: Path, reference: str) -> Path | None:
    """The root folder of an image: an absolute path, or a name below the folder of images."""
    path = Path(reference)
    if ".." in path.parts:
        return None
    path = images / path  # an absolute path stands for itself
    return path if path.is_dir() else None


def copy_root(image: Path, root: Path) -> None:
    """Give a container a root of its own, sharing blocks with the image where the file system can.

    Raises:
        RequestRefused: Something in the image can't be copied.
    """
    command = ["cp", "-a", "--reflink=auto", "--", f"{image}/.", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RequestRefused(f"image {image} can't be copied: {done.stderr.strip()}")
