"""Ends of containers that stay, and what they left."""

from __future__ import annotations

import io
import threading
import time

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound

from .conftest import Maker

pytestmark = [pytest.mark.engine, pytest.mark.docker]

_TWICE = "[ -e /again ] && exit 3; touch /again"


def test_each_start_has_its_own_end(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", _TWICE)
    docker.start(container)
    assert docker.wait(container).code == 0
    assert docker.wait(container).code == 0
    docker.start(container)
    assert docker.wait(container).code == 3


def test_an_end_that_nobody_waited_for(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", _TWICE)
    docker.start(container)
    while docker.inspect(container).exit is None:
        time.sleep(0.05)
    docker.start(container)
    assert docker.wait(container).code == 3


def test_many_wait(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sleep", "86400", init=True)
    docker.start(container)
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(docker.wait(container).code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    docker.kill(container)
    for thread in threads:
        thread.join()
    assert codes == [137] * 4


def test_a_removal_ends_the_wait(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sleep", "86400", init=True)
    docker.start(container)
    seen: list[object] = []

    def wait() -> None:
        try:
            seen.append(docker.wait(container).code)
        except ContainerNotFound as error:
            seen.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    docker.remove(container)
    thread.join()
    assert seen in ([137], [ContainerNotFound])


def test_what_it_left_can_be_read_at_once(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", "ln -s /var/tmp /elsewhere; echo x >/tmp/a; echo y >/elsewhere/b")
    docker.start(container)
    assert docker.wait(container).code == 0
    for path in ("/tmp/a", "/elsewhere/b"):
        found = io.BytesIO()
        docker.get_archive(container, path, found.write)
        assert found.getbuffer()
    with pytest.raises(FileNotFoundError):
        docker.get_archive(container, "/tmp/missing", io.BytesIO().write)
    docker.remove(container)
    with pytest.raises(ContainerNotFound):
        docker.get_archive(container, "/tmp/missing", io.BytesIO().write)
