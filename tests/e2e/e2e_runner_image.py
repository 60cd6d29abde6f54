"""An image with this very Python and dagu in it, for runners that are containers themselves."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from e2e_engines import TOOL
from e2e_images import BUSYBOX, Images
from engines import alpine
from packaging.requirements import Requirement

import dagu

PREFIX = "/opt/dagu"
LIBRARY = f"{PREFIX}/lib"
PYTHON = f"{PREFIX}/bin/python"
START = (PYTHON, "-m", "dagu")
"""The command line of ``dagu`` in the image."""
_ENV = (
    f"PYTHONHOME={PREFIX}",
    f"PYTHONPATH={LIBRARY}",
    f"LD_LIBRARY_PATH={PREFIX}/so",
    "PYTHONDONTWRITEBYTECODE=1",
)
_DISTRIBUTIONS = ("dagu-core", "dagu-docker-runtime", "dagu-podman-runtime", "dagu-harness-providers")
_LEFT_OUT = {
    "test",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "__pycache__",
    "turtledemo",
}
_ROOT = TOOL.parents[1]


def make(images: Images) -> str:
    """Make the image; it is removed with the others."""
    with tempfile.TemporaryFile() as tarball:
        alpine.write(tarball, BUSYBOX)
        tarball.seek(0)
        with tarfile.open(fileobj=tarball, mode="a") as tar:
            _fill(tar)
        tarball.seek(0)
        return images.tar("runner", tarball, cmd=[*START, "--help"], changes=[f"ENV {pair}" for pair in _ENV])


def _fill(tar: tarfile.TarFile) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    programs = [Path(sys.executable).resolve()]
    tar.add(programs[0], PYTHON.lstrip("/"), recursive=False)
    standard = Path(sysconfig.get_paths()["stdlib"])
    programs += tree(tar, standard, f"{LIBRARY}/{version}")
    for distribution in _closure():
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if (
                ".." in file.parts
                or "__pycache__" in file.parts
                or not path.is_file()
                or file.suffix == ".pth"
            ):
                continue
            tar.add(path, f"{LIBRARY}/{file}".lstrip("/"), recursive=False)
            programs.append(path)
    for source in (Path(dagu.__file__).parent, *_ROOT.glob("plugins/*/src/*")):
        if source.is_dir() and (source / "__init__.py").exists():
            tree(tar, source, f"{LIBRARY}/{source.name}")
    for library in libraries(programs):
        # The loader has to be where programs look for it; everything else is found by LD_LIBRARY_PATH.
        loader = library.name.startswith("ld-linux")
        tar.add(
            library.resolve(),
            str(library).lstrip("/") if loader else f"{PREFIX}/so/{library.name}".lstrip("/"),
        )


def tree(tar: tarfile.TarFile, folder: Path, target: str, keep: Collection[str] = ()) -> list[Path]:
    """Add a folder's files under ``target``, without what no program needs; returns them."""
    added, left_out = [], _LEFT_OUT.difference(keep)
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not left_out & set(inside.parts) and not inside.parts[0].startswith("config-"):
            tar.add(path.resolve(), f"{target}/{inside}".lstrip("/"), recursive=False)
            added.append(path)
    return added


def _closure() -> Iterator[importlib.metadata.Distribution]:
    """The project's distributions and everything that they need."""
    waiting, seen = list(_DISTRIBUTIONS), set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        yield distribution
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def libraries(programs: list[Path]) -> list[Path]:
    """The shared libraries that programs and extension modules need."""
    linked = [
        str(path) for path in programs if path.suffix == ".so" or ".so." in path.name or path == programs[0]
    ]
    told = subprocess.run(["ldd", *linked], capture_output=True, text=True, check=False).stdout
    found = {Path(match) for match in re.findall(r"(?:=> |^\t)(/\S+) \(0x", told, re.MULTILINE)}
    return sorted(found)
