"""Ends of containers that stay, however they are heard of."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator

import pytest

from dagu.errors import ContainerNotFound
from dagu_docker_runtime.runtime import DockerRuntime

from .conftest import Maker

pytestmark = [pytest.mark.engine, pytest.mark.docker]

_TWICE = "[ -e /again ] && exit 3; touch /again"


@pytest.fixture(params=["as it is", "events broken", "answers in time"])
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerRuntime]:
    """A runtime that hears of ends as it does on this engine, as after an outage, and as on newer engines."""
    if request.param == "answers in time":
        monkeypatch.setattr("dagu_docker_runtime.engine.Engine.answers_late", property(lambda _self: False))
    with DockerRuntime(os.environ) as runtime:
        if request.param == "events broken":
            runtime._exits.close()
        yield runtime


@pytest.fixture
def maker(runtime: DockerRuntime) -> Iterator[Maker]:
    """Makes containers on it."""
    maker = Maker(runtime)
    yield maker
    maker.clean()


def test_each_start_has_its_own_end(runtime: DockerRuntime, maker: Maker) -> None:
    container = maker.create("sh", "-c", _TWICE)
    runtime.start(container)
    assert runtime.wait(container).code == 0
    assert runtime.wait(container).code == 0
    runtime.start(container)
    assert runtime.wait(container).code == 3


def test_many_wait(runtime: DockerRuntime, maker: Maker) -> None:
    container = maker.create("sleep", "86400", init=True)
    runtime.start(container)
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(runtime.wait(container).code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    runtime.kill(container)
    for thread in threads:
        thread.join()
    assert codes == [137] * 4


def test_a_removal_ends_the_wait(runtime: DockerRuntime, maker: Maker) -> None:
    container = maker.create("sleep", "86400", init=True)
    runtime.start(container)
    seen: list[object] = []

    def wait() -> None:
        try:
            seen.append(runtime.wait(container).code)
        except ContainerNotFound as error:
            seen.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    runtime.remove(container)
    thread.join()
    assert seen in ([137], [ContainerNotFound])


def test_what_it_left_can_be_read_at_once(runtime: DockerRuntime, maker: Maker) -> None:
    container = maker.create("sh", "-c", "ln -s /var/tmp /elsewhere; echo x >/tmp/a; echo y >/elsewhere/b")
    runtime.start(container)
    assert runtime.wait(container).code == 0
    for path in ("/tmp/a", "/elsewhere/b"):
        found = io.BytesIO()
        runtime.get_archive(container, path, found.write)
        assert found.getbuffer()
    with pytest.raises(FileNotFoundError):
        runtime.get_archive(container, "/tmp/missing", io.BytesIO().write)
    runtime.remove(container)
    with pytest.raises(ContainerNotFound):
        runtime.get_archive(container, "/tmp/missing", io.BytesIO().write)
