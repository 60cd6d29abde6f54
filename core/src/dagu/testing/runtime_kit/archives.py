"""Files in and out of containers as tar streams."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
import threading
from contextlib import suppress
from typing import BinaryIO

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.streams import write_all
from dagu.errors import ContainerNotFound, RuntimeFailure
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import Output

MTIME = 1_600_000_000
SIZE = 50_000_000


class Archives(Kit):
    @needs(Capability.ARCHIVES)
    def test_a_tree_goes_in_and_comes_out(self, lab: Lab) -> None:
        container = lab.create("true")
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        entries = read_tree(lab, container, "/kit")
        assert {name: entry.type for name, entry in entries.items()} == {
            "kit": tarfile.DIRTYPE,
            "kit/empty": tarfile.DIRTYPE,
            "kit/plain": tarfile.REGTYPE,
            "kit/script": tarfile.REGTYPE,
            "kit/ünï cödé": tarfile.REGTYPE,
            "kit/link": tarfile.SYMTYPE,
        }
        assert entries["kit/plain"].mode & 0o777 == 0o640
        assert entries["kit/script"].mode & 0o777 == 0o755
        assert entries["kit/empty"].mode & 0o777 == 0o700
        assert entries["kit/plain"].size == 5
        assert entries["kit/plain"].mtime == MTIME
        assert entries["kit/link"].linkname == "plain"

    @needs(Capability.ARCHIVES)
    def test_owners_stay(self, lab: Lab) -> None:
        container = lab.create("true")
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        entry = read_tree(lab, container, "/kit")["kit/plain"]
        assert (entry.uid, entry.gid) == (1234, 4321)

    @needs(Capability.ARCHIVES)
    def test_a_file_comes_out_under_its_own_name(self, lab: Lab) -> None:
        container = lab.create("true")
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        assert list(read_tree(lab, container, "/kit/plain")) == ["plain"]
        assert read_file(lab, container, "/kit/plain") == b"plain"
        assert read_file(lab, container, "/kit/ünï cödé") == b"odd name"

    @needs(Capability.ARCHIVES)
    def test_files_go_into_a_directory_and_over_others(self, lab: Lab) -> None:
        container = lab.create("true")
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        lab.runtime.put_archive(container, "/kit", io.BytesIO(tar_of("plain", b"newer")))
        assert read_file(lab, container, "/kit/plain") == b"newer"
        assert read_file(lab, container, "/kit/script") == b"#!/bin/sh\necho ran\n"

    @needs(Capability.ARCHIVES)
    def test_50_megabytes_stream_in_and_out(self, lab: Lab) -> None:
        data = os.urandom(SIZE)
        container = lab.create("true")
        lab.runtime.put_archive(container, "/", _unseekable(tar_of("kit-large", data)))
        digest, size = _digest_of(lab, container, "/kit-large")
        assert size == SIZE
        assert digest == hashlib.sha256(data).hexdigest()

    @needs(Capability.ARCHIVES)
    def test_files_go_into_an_ended_container(self, lab: Lab) -> None:
        container, _ = lab.launch("true")
        lab.runtime.wait(container)
        lab.runtime.put_archive(container, "/", io.BytesIO(tar_of("kit-file", b"x")))
        assert read_file(lab, container, "/kit-file") == b"x"

    @needs(Capability.ARCHIVES)
    def test_what_a_container_wrote_is_read_after_its_end(self, lab: Lab) -> None:
        container, _ = lab.launch("sh", "-c", "printf result >kit-result")
        lab.runtime.wait(container)
        assert read_file(lab, container, "/kit-result") == b"result"

    @needs(Capability.ARCHIVES)
    def test_files_put_before_the_start_are_there(self, lab: Lab) -> None:
        stdout = Output()
        container = lab.create("sh", "-c", "cat kit/link; exec kit/script")
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        assert lab.finish(container, stdout=stdout).code == 0
        assert stdout.data == b"plainran\n"

    @needs(Capability.ARCHIVES, Capability.SHARED_CONTAINER)
    def test_files_go_into_a_running_container(self, lab: Lab) -> None:
        container = lab.up()
        lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        assert lab.exec(container, "kit/script").stdout == b"ran\n"
        lab.exec(container, "sh", "-c", "printf more >>kit/plain")
        assert read_file(lab, container, "/kit/plain") == b"plainmore"

    @needs(Capability.ARCHIVES)
    def test_a_missing_path_is_file_not_found(self, lab: Lab) -> None:
        container = lab.create("true")
        with pytest.raises(FileNotFoundError) as raised:
            lab.runtime.get_archive(container, "/kit-no-such-file", Output())
        assert "/kit-no-such-file" in str(raised.value)

    @needs(Capability.ARCHIVES)
    def test_putting_below_a_missing_directory_fails(self, lab: Lab) -> None:
        container = lab.create("true")
        with pytest.raises((FileNotFoundError, RuntimeFailure)):
            lab.runtime.put_archive(container, "/kit-no-such-directory", io.BytesIO(_tree()))

    @needs(Capability.ARCHIVES)
    def test_archives_of_a_gone_container(self, lab: Lab) -> None:
        container = lab.create("true")
        lab.runtime.remove(container)
        with pytest.raises(ContainerNotFound):
            lab.runtime.put_archive(container, "/", io.BytesIO(_tree()))
        with pytest.raises(ContainerNotFound):
            lab.runtime.get_archive(container, "/", Output())


def _tree() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, "kit", mode=0o755, kind=tarfile.DIRTYPE)
        _add(archive, "kit/empty", mode=0o700, kind=tarfile.DIRTYPE)
        _add(archive, "kit/plain", b"plain", mode=0o640)
        _add(archive, "kit/script", b"#!/bin/sh\necho ran\n", mode=0o755)
        _add(archive, "kit/ünï cödé", b"odd name")
        _add(archive, "kit/link", kind=tarfile.SYMTYPE, target="plain")
    return buffer.getvalue()


def _add(
    archive: tarfile.TarFile,
    name: str,
    data: bytes = b"",
    *,
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    target: str = "",
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.mtime = kind, mode, target, MTIME
    entry.uid, entry.gid, entry.size = 1234, 4321, len(data)
    archive.addfile(entry, io.BytesIO(data))


def tar_of(name: str, data: bytes, mode: int = 0o644) -> bytes:
    """A tar archive of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, name, data, mode=mode)
    return buffer.getvalue()


def read_tree(lab: Lab, container: str, path: str) -> dict[str, tarfile.TarInfo]:
    """The entries of a path of a container, by name."""
    sink = Output()
    lab.runtime.get_archive(container, path, sink)
    with tarfile.open(fileobj=io.BytesIO(sink.data)) as archive:
        return {entry.name.rstrip("/"): entry for entry in archive.getmembers()}


def read_file(lab: Lab, container: str, path: str) -> bytes:
    """The content of a file of a container, empty while it is not there."""
    sink = Output()
    try:
        lab.runtime.get_archive(container, path, sink)
    except FileNotFoundError:
        return b""
    with tarfile.open(fileobj=io.BytesIO(sink.data)) as archive:
        (entry,) = archive.getmembers()
        file = archive.extractfile(entry)
        assert file is not None
        return file.read()


def _digest_of(lab: Lab, container: str, path: str) -> tuple[str, int]:
    with tempfile.TemporaryFile() as spool:
        lab.runtime.get_archive(container, path, spool.write)
        spool.seek(0)
        with tarfile.open(fileobj=spool) as archive:
            (entry,) = archive.getmembers()
            file = archive.extractfile(entry)
            assert file is not None
            return hashlib.file_digest(file, "sha256").hexdigest(), entry.size  # type: ignore[arg-type]


def _unseekable(data: bytes) -> BinaryIO:
    """The data as a stream that has no length and can't go back."""
    reader, writer = os.pipe()

    def feed() -> None:
        with suppress(BrokenPipeError), open(writer, "wb", buffering=0) as pipe:
            write_all(pipe.fileno(), data)

    threading.Thread(target=feed, daemon=True).start()
    return open(reader, "rb")
