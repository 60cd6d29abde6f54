"""An image with this very Python, which stands for ``python:3.13-slim`` where no registry can be pulled from."""

from __future__ import annotations

import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

import e2e_runner_image
from e2e_images import BUSYBOX, Images
from engines import alpine

_WHEELS = Path("/usr/share/python-wheels")
"""Where Debian keeps the pip that its venv installs."""


def make(images: Images, label: str) -> str:
    """Make the image; it is removed with the others. What is built on it has the label, too."""
    with tempfile.TemporaryFile() as tarball:
        alpine.write(tarball, BUSYBOX)
        tarball.seek(0)
        with tarfile.open(fileobj=tarball, mode="a") as tar:
            _fill(tar)
        tarball.seek(0)
        return images.tar("python", tarball, changes=[f"LABEL {label}=1"])


def _fill(tar: tarfile.TarFile) -> None:
    # Everything stands where it stands here, for that is where Python looks for it.
    program = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    tar.add(program, str(program), recursive=False)
    link = tarfile.TarInfo("usr/local/bin/python3")
    link.type, link.linkname = tarfile.SYMTYPE, str(program)
    tar.addfile(link)
    standard = Path(sysconfig.get_paths()["stdlib"])
    programs = [program, *e2e_runner_image.tree(tar, standard, str(standard), keep=("ensurepip",))]
    if _WHEELS.is_dir():
        e2e_runner_image.tree(tar, _WHEELS, str(_WHEELS))
    # What wheels take for granted of a Debian.
    programs += Path(sysconfig.get_paths()["platlib"]).rglob("*.so")
    for library in e2e_runner_image.libraries(programs):
        tar.add(library.resolve(), str(library))
