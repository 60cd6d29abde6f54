"""Archives on real Podman: owners, and containers that come and go."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import pytest

from dagu.contracts.container import Mount, MountType
from dagu.contracts.streams import discard
from dagu.errors import RequestRefused

from .conftest import Maker

pytestmark = [pytest.mark.engine, pytest.mark.podman]


def archive_of(name: str, data: bytes, **fields: int) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        for field, value in fields.items():
            setattr(entry, field, value)
        archive.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("user", ["", "77:88"])
def test_owners_stay(make: Maker, user: str) -> None:
    container = make.create("sleep", "86400", init=True, user=user)
    make.runtime.put_archive(container, "/", archive_of("before", b"x", uid=1234, gid=4321, mode=0o4755))
    make.runtime.start(container)
    make.runtime.put_archive(container, "/tmp", archive_of("after", b"x", uid=7, gid=8, mode=0o600))
    listing = (
        make.exec(container, "ls", "-ln", "/before", "/tmp/after", user="0").stdout.decode().splitlines()
    )
    found = {line.split()[-1]: line.split()[:4] for line in listing}
    assert found["/before"][0] == "-rwsr-xr-x"
    assert found["/before"][2:] == ["1234", "4321"]
    assert found["/tmp/after"][0] == "-rw-------"
    assert found["/tmp/after"][2:] == ["7", "8"]


def test_a_missing_directory_is_not_made(make: Maker) -> None:
    container = make.up()
    with pytest.raises(FileNotFoundError, match="/not/there"):
        make.runtime.put_archive(container, "/not/there", archive_of("x", b"x"))
    assert make.exec(container, "ls", "/not").status.code != 0


def test_reading_while_the_container_comes_and_goes(make: Maker) -> None:
    container = make.create("sh", "-c", "echo x >>/count; exit 1", restart_policy="always")
    make.runtime.start(container)
    while True:
        try:
            make.runtime.get_archive(container, "/count", discard)
            break
        except FileNotFoundError:
            time.sleep(0.05)
    for _ in range(20):
        blocks: list[bytes] = []
        make.runtime.get_archive(container, "/count", blocks.append)
        with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
            assert archive.getnames() == ["count"]


TREE = ("f", "dev/a", "dev/d/e", "proc/p", "sub/sys/s")


def tree() -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in TREE:
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    buffer.seek(0)
    return buffer


def files(make: Maker, container: str, path: str) -> set[str]:
    blocks: list[bytes] = []
    make.runtime.get_archive(container, path, blocks.append)
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
        return {entry.name for entry in archive if entry.isfile()}


@pytest.mark.parametrize("kind", ["volume", "bind", "neither"])
def test_all_of_a_mount_comes_out_whether_it_runs_or_not(make: Maker, kind: str) -> None:
    folder = Path(tempfile.mkdtemp())  # not the test's own, which is closed to a rootless engine
    folder.chmod(0o777)
    mounts = {
        "volume": (Mount(type=MountType.VOLUME, target="/m"),),
        "bind": (Mount(type=MountType.BIND, source=str(folder), target="/m"),),
        "neither": (),
    }
    container = make.create("sleep", "86400", init=True, mounts=mounts[kind], working_dir="/m")
    make.runtime.start(container)
    make.runtime.put_archive(container, "/m", tree())

    def everything_is_there() -> None:
        assert files(make, container, "/m") == {f"m/{name}" for name in TREE}
        assert files(make, container, "/m/.") == set(TREE)
        assert files(make, container, "/m/dev") == {"dev/a", "dev/d/e"}
        assert files(make, container, "/m/sub") == {"sub/sys/s"}
        assert files(make, container, "/m/f") == {"f"}

    everything_is_there()
    make.runtime.stop(container, grace=0.0)
    everything_is_there()
    state = make.runtime.inspect(container)
    assert state.exit is not None
    assert state.exit.code == 137
    assert [found.id for found in make.runtime.find(make.labels)] == [container]
    make.clean()
    shutil.rmtree(folder)


def test_what_podman_would_leave_out_is_refused(make: Maker) -> None:
    container = make.create("true", mounts=(Mount(type=MountType.VOLUME, target="/data/inner"),))
    make.runtime.put_archive(container, "/data/inner", tree())
    with pytest.raises(RequestRefused, match="/data/inner"):
        make.runtime.get_archive(container, "/data", discard)


def test_memory_is_read_and_written_while_it_is_there(make: Maker) -> None:
    mounts = (Mount(type=MountType.TMPFS, target="/mem"),)
    container = make.create("sleep", "86400", init=True, mounts=mounts)
    with pytest.raises(RequestRefused, match="in memory"):
        make.runtime.put_archive(container, "/mem", tree())
    make.runtime.start(container)
    make.runtime.put_archive(container, "/mem", tree())
    assert make.exec(container, "cat", "/mem/dev/d/e").stdout == b"x"
    assert files(make, container, "/mem") == {f"mem/{name}" for name in TREE}
    make.runtime.stop(container, grace=0.0)
    with pytest.raises(RequestRefused, match="in memory"):
        make.runtime.get_archive(container, "/mem", discard)


def test_a_failing_sink_ends_the_reading(make: Maker) -> None:
    class Failure(Exception):
        pass

    def sink(_block: bytes) -> None:
        raise Failure

    before = threading.active_count()
    with pytest.raises(Failure):
        make.runtime.get_archive(make.up(), "/bin", sink)
    assert threading.active_count() <= before + 1
