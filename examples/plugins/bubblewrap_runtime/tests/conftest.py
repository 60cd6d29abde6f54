"""An image made from the machine's static BusyBox."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BUSYBOX = Path("/bin/busybox")
IMAGE = "alpine:3.20"


def make_image(root: Path) -> None:
    """Fill a folder with BusyBox and what it needs."""
    for directory in ("bin", "etc", "root", "tmp", "usr/bin"):
        (root / directory).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    for name in subprocess.run(
        [BUSYBOX, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "alpine-release").write_text("3.20.0\n")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images with one in it."""
    folder = tmp_path_factory.mktemp("images")
    make_image(folder / IMAGE)
    return folder
