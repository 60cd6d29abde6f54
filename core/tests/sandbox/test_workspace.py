"""Merging a container's copy of a directory into the directory: what is written, deleted, kept, refused."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu.sandbox.workspace_back import Receiver
from dagu.sandbox.workspace_tree import Manifest, write_tree

Change = Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_bytes(b"a")
    (root / "b").write_bytes(b"b")
    (root / "sub" / "c").write_bytes(b"c")
    return root


def sent(root: Path) -> tuple[Manifest, list[tuple[tarfile.TarInfo, bytes]]]:
    """What is remembered of a directory that was sent, and the archive of it as an engine would give it back."""
    manifest = Manifest()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        write_tree(tar, root, "", manifest, read_only=False)
    stream.seek(0)
    members = []
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            member.name = "copy" if member.name == "." else f"copy/{member.name}"
            members.append((member, file.read() if file else b""))
    return manifest, members


def entry(
    name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size, info.mtime = kind, link, mode, len(content), 1_000_000
    return info, content


def archive(members: list[tuple[tarfile.TarInfo, bytes]]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    stream.seek(0)
    return stream


def receive(
    root: Path, manifest: Manifest, members: list[tuple[tarfile.TarInfo, bytes]]
) -> tuple[list[str], list[str]]:
    """Problems and notices of taking an archive back."""
    notices: list[str] = []
    receiver = Receiver(root, manifest, notice=notices.append)
    receiver.take(archive(members))
    return receiver.problems, notices


def test_nothing_changed_touches_nothing(root: Path) -> None:
    manifest, members = sent(root)
    before = {path: path.stat() for path in root.rglob("*")}
    assert receive(root, manifest, members) == ([], [])
    for path, status in before.items():
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (status.st_mtime_ns, status.st_ino)


def test_what_is_new_changed_and_gone(root: Path) -> None:
    manifest, members = sent(root)
    back = [pair for pair in members if pair[0].name not in ("copy/a", "copy/b")]
    back += [entry("copy/b", b"other"), entry("copy/sub/new", b"new", mode=0o4755)]
    assert receive(root, manifest, back) == ([], [])
    assert not (root / "a").exists()
    assert (root / "b").read_bytes() == b"other"
    assert (root / "sub" / "new").stat().st_mode & 0o7777 == 0o755
    assert (root / "sub" / "new").stat().st_mtime == 1_000_000


def test_a_top_entry_without_a_name_as_podman_has_it(root: Path) -> None:
    manifest, members = sent(root)
    for info, _ in members:
        info.name = info.name.removeprefix("copy") or "/"
    assert receive(root, manifest, [*members, entry("/new", b"new")]) == ([], [])
    assert (root / "new").read_bytes() == b"new"
    assert (root / "a").exists()


@pytest.mark.parametrize("name", ["copy/../../out", "other/x", "../out", "copy/sub/../../../out"])
def test_what_would_leave_the_directory_is_refused(name: str, root: Path) -> None:
    manifest, members = sent(root)
    problems, _ = receive(root, manifest, [*members, entry(name, b"evil")])
    assert len(problems) == 1
    assert "outside" in problems[0]
    assert sorted(path.name for path in root.parent.iterdir()) == ["root"]


def test_links_of_the_container_are_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    manifest, members = sent(root)
    back = [pair for pair in members if not pair[0].name.startswith("copy/sub")]
    back += [entry("copy/sub", kind=tarfile.SYMTYPE, link=str(outside)), entry("copy/sub/evil", b"evil")]
    problems, _ = receive(root, manifest, back)
    assert len(problems) == 1
    assert list(outside.iterdir()) == []


def test_a_link_here_that_became_a_directory_there(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    manifest, members = sent(root)
    back = [pair for pair in members if pair[0].name != "copy/link"]
    back += [entry("copy/link", kind=tarfile.DIRTYPE, mode=0o755), entry("copy/link/file", b"mine")]
    assert receive(root, manifest, back) == ([], [])
    assert not (root / "link").is_symlink()
    assert (root / "link" / "file").read_bytes() == b"mine"
    assert list(outside.iterdir()) == []


def test_a_directory_here_that_became_a_file_there_and_the_other_way(root: Path) -> None:
    manifest, members = sent(root)
    back = [pair for pair in members if pair[0].name not in ("copy/a", "copy/sub", "copy/sub/c")]
    back += [
        entry("copy/sub", b"file"),
        entry("copy/a", kind=tarfile.DIRTYPE, mode=0o700),
        entry("copy/a/x", b"x"),
    ]
    assert receive(root, manifest, back) == ([], [])
    assert (root / "sub").read_bytes() == b"file"
    assert (root / "a" / "x").read_bytes() == b"x"


def test_hard_links(root: Path) -> None:
    manifest, members = sent(root)
    back = [*members, entry("copy/same", kind=tarfile.LNKTYPE, link="copy/a")]
    back += [entry("copy/fresh", b"fresh"), entry("copy/too", kind=tarfile.LNKTYPE, link="copy/fresh")]
    assert receive(root, manifest, back) == ([], [])
    assert (root / "same").read_bytes() == b"a"
    assert (root / "too").read_bytes() == b"fresh"
    problems, _ = receive(
        root, *(manifest, [*members, entry("copy/x", kind=tarfile.LNKTYPE, link="../../etc/passwd")])
    )
    assert len(problems) == 1


def test_both_sides_changed(root: Path) -> None:
    manifest, members = sent(root)
    (root / "a").write_bytes(b"changed here")
    (root / "b").write_bytes(b"changed here")
    back = [pair for pair in members if pair[0].name not in ("copy/a", "copy/b")]
    problems, notices = receive(root, manifest, [*back, entry("copy/a", b"changed there")])
    assert problems == []
    assert (root / "a").read_bytes() == b"changed there"
    assert (root / "b").read_bytes() == b"changed here"  # deleted there, changed here
    assert len(notices) == 2


def test_what_changed_here_alone_stays(root: Path) -> None:
    manifest, members = sent(root)
    (root / "a").write_bytes(b"changed here")
    (root / "new").write_bytes(b"new here")
    (root / "b").unlink()
    assert receive(root, manifest, members) == ([], [])
    assert (root / "a").read_bytes() == b"changed here"
    assert (root / "new").exists()
    assert not (root / "b").exists()


def test_a_directory_that_is_gone_there_but_not_empty_here_stays(root: Path) -> None:
    manifest, members = sent(root)
    (root / "sub" / "new").write_bytes(b"new here")
    back = [pair for pair in members if not pair[0].name.startswith("copy/sub")]
    assert receive(root, manifest, back)[0] == []
    assert [path.name for path in (root / "sub").iterdir()] == ["new"]


def test_half_an_archive_deletes_nothing(root: Path) -> None:
    manifest, members = sent(root)
    stream = archive(members)
    whole = stream.getvalue()
    for blocks in range(1, len(whole.rstrip(b"\0")) // 512 + 2):
        receiver = Receiver(root, manifest, notice=lambda _text: None)
        with contextlib.suppress(tarfile.ReadError):
            receiver.take(io.BytesIO(whole[: 512 * blocks]))
            assert receiver.problems, blocks
        assert sorted(path.name for path in root.rglob("*")) == ["a", "b", "c", "sub"]
    receiver = Receiver(root, manifest, notice=lambda _text: None)
    receiver.take(archive([]))
    assert receiver.problems
    assert (root / "a").exists()


def test_modes(root: Path) -> None:
    manifest, members = sent(root)
    for info, _ in members:
        if info.name in ("copy/a", "copy/sub"):
            info.mode = 0o700
    inode = (root / "a").stat().st_ino
    assert receive(root, manifest, members) == ([], [])
    assert (root / "a").stat().st_mode & 0o777 == (root / "sub").stat().st_mode & 0o777 == 0o700
    assert (root / "a").stat().st_ino == inode


def test_devices_are_left_out(root: Path) -> None:
    manifest, members = sent(root)
    problems, notices = receive(root, manifest, [*members, entry("copy/dev", kind=tarfile.CHRTYPE)])
    assert problems == []
    assert "dev" in notices[0]
    assert not (root / "dev").exists()
    os.mkfifo(root / "pipe")
    manifest, _ = sent(root)
    assert manifest.skipped == [str(root / "pipe")]


def test_a_single_file(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    file.write_bytes(b"before")
    manifest = Manifest()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        write_tree(tar, file, "etc/conf", manifest, read_only=False)
    assert receive(file, manifest, [entry("conf", b"before")]) == ([], [])
    assert receive(file, manifest, [entry("conf", b"after", mode=0o600)]) == ([], [])
    assert file.read_bytes() == b"after"
