"""A working directory on its way to a worker."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from dagu.errors import DaguError, UsageError
from dagu.service import workspace_copy
from dagu.service.workspace_copy import packed, unpack


def test_it_arrives_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "script.sh").write_text("echo hello")
    (source / "sub" / "script.sh").chmod(0o755)
    (source / "empty").mkdir()
    (source / "link").symlink_to("sub/script.sh")
    (source / "elsewhere").symlink_to("/etc/hostname")
    os.mkfifo(source / "pipe")
    target = tmp_path / "home" / "target"
    with packed(str(source)) as archive:
        unpack(archive, target)
    assert (target / "sub" / "script.sh").read_text() == "echo hello"
    assert os.access(target / "sub" / "script.sh", os.X_OK)
    assert (target / "empty").is_dir()
    assert os.readlink(target / "link") == "sub/script.sh"
    assert os.readlink(target / "elsewhere") == "/etc/hostname"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("directory", "told"),
    [("/srv/${params.name}", "holds no references"), ("/no/such/place", "No such file")],
)
def test_what_can_not_be_sent_is_told(directory: str, told: str) -> None:
    with pytest.raises(DaguError, match=told), packed(directory):
        pass


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_copy, "MOST", 1 << 20)
    (tmp_path / "large").write_bytes(os.urandom(2 << 20))
    with pytest.raises(UsageError, match="more than 1 MiB"), packed(str(tmp_path)):
        pass


def test_nothing_is_written_outside_and_nothing_in_part(tmp_path: Path) -> None:
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("good"))
        tar.addfile(tarfile.TarInfo("../outside"))
    evil.seek(0)
    with pytest.raises(DaguError, match="can't be unpacked"):
        unpack(evil, tmp_path / "home" / "target")
    assert not (tmp_path / "home" / "target").exists()
    assert not (tmp_path / "home" / "outside").exists()
