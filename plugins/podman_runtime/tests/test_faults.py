"""The service is killed while it is used."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams, discard
from dagu.errors import EngineLost, EngineUnreachable, RuntimeFailure
from dagu_podman_runtime.plugin import make_runtime

from .conftest import Maker, engines, environment

pytestmark = [pytest.mark.engine, pytest.mark.podman, pytest.mark.slow]

NAME = f"pf-{uuid.uuid4().hex[:8]}"


class Service:
    """A Podman service of our own, to be killed."""

    def __init__(self) -> None:
        self.up()
        self.runtime = make_runtime(environment(self.told["endpoint"]))

    def up(self) -> None:
        engines("up", "podman", "--private", NAME)
        found = json.loads(engines("status", "--json"))
        (self.told,) = [each for each in found if each["engine"] == "podman" and each["private"] == NAME]

    def kill(self) -> None:
        os.kill(self.told["pid"], signal.SIGKILL)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.runtime.close()
    engines("down", "--private", NAME)


def outcomes(*calls: Callable[[], object]) -> tuple[list[threading.Thread], list[object]]:
    """Run each call on a thread; the list gets what it raised, or what it returned."""
    found: list[object] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        try:
            found[number] = call()
        except BaseException as error:  # noqa: BLE001 (it is what the test looks at)
            found[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    return threads, found


def test_nothing_that_was_under_way_passes_for_done(service: Service) -> None:
    runtime: ContainerRuntime = service.runtime
    make = Maker(runtime)
    main = make.create("sh", "-c", "echo ready; sleep 86400")
    vanishing = make.create("sleep", "86400", auto_remove=True)
    seen, begun = threading.Event(), threading.Event()
    attachment = runtime.attach(main, Streams(stdout=lambda _block: seen.set()))
    for container in (main, vanishing):
        runtime.start(container)
    command = ExecRequest(argv=("sh", "-c", "echo ready; sleep 86400"))
    execution = runtime.exec(main, command, Streams(stdout=lambda _block: begun.set()))
    threads, found = outcomes(
        lambda: runtime.wait(main),
        lambda: runtime.wait(vanishing),
        execution.wait,
        lambda: runtime.stop(main, grace=86400.0),
        lambda: runtime.logs(main, stdout=discard, stderr=discard, follow=True),
    )
    assert seen.wait(60)
    assert begun.wait(60)
    time.sleep(1.0)
    service.kill()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for result in found:
        assert isinstance(result, EngineLost | EngineUnreachable), result
        assert result.hint
        assert service.told["endpoint"] in result.message
    attachment.join()
    with pytest.raises(EngineUnreachable):
        runtime.inspect(main)


def test_a_restarted_service_is_used_again_and_containers_went_on(service: Service) -> None:
    runtime: ContainerRuntime = service.runtime
    make = Maker(runtime)
    container = make.create("sh", "-c", "while ! test -e /go; do sleep 0.1; done; echo went on; exit 3")
    runtime.start(container)
    service.kill()
    with pytest.raises(RuntimeFailure):
        runtime.inspect(container)
    service.up()
    assert runtime.inspect(container).running
    out: list[bytes] = []
    attachment = runtime.attach(container, Streams(stdout=out.append))
    assert make.exec(container, "touch", "/go").status.code == 0
    assert runtime.wait(container).code == 3
    attachment.join()
    assert b"".join(out) == b"went on\n"
    make.clean()


def test_a_service_that_is_absent_or_closed_to_this_user() -> None:
    with make_runtime(environment("unix:///no/such/podman.sock")) as runtime:
        with pytest.raises(EngineUnreachable) as raised:
            runtime.check()
        assert "/no/such/podman.sock" in raised.value.message
        assert "podman system service" in raised.value.hint
    with make_runtime(environment("tcp://127.0.0.1:1")) as runtime, pytest.raises(EngineUnreachable):
        runtime.check()
