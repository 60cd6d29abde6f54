"""Archives on real Podman: owners, and containers that come and go."""

from __future__ import annotations

import io
import tarfile
import threading
import time

import pytest

from dagu.contracts.streams import discard

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


def test_a_failing_sink_ends_the_reading(make: Maker) -> None:
    class Failure(Exception):
        pass

    def sink(_block: bytes) -> None:
        raise Failure

    before = threading.active_count()
    with pytest.raises(Failure):
        make.runtime.get_archive(make.up(), "/bin", sink)
    assert threading.active_count() <= before + 1
