"""The engine is killed while it is used."""

from __future__ import annotations

import json
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import EngineLost, EngineUnreachable, RuntimeFailure
from dagu_docker_runtime.plugin import make_runtime

from .conftest import Maker, Outcome, engines

pytestmark = [pytest.mark.engine, pytest.mark.docker, pytest.mark.slow]

NAME = f"faults-{uuid.uuid4().hex[:8]}"


class Daemon:
    """A dockerd of our own, to be killed."""

    def __init__(self) -> None:
        engines("up", "docker", "--private", NAME)
        found = json.loads(engines("status", "--json"))
        (told,) = [each for each in found if each["engine"] == "docker" and each["private"] == NAME]
        self.endpoint = str(told["endpoint"])
        self.runtime = make_runtime({"DOCKER_HOST": self.endpoint})

    def kill(self) -> None:
        folder = Path(self.endpoint.removeprefix("unix://")).parent
        record = json.loads((folder / "docker.json").read_text())
        os.kill(record["process"]["pid"], signal.SIGKILL)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.runtime.close()
    engines("down", "--private", NAME)


def failures(*calls: Callable[[], object]) -> tuple[list[threading.Thread], list[BaseException | object]]:
    """Run each call on a thread; the list gets what it raised, or what it returned."""
    found: list[BaseException | object] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        try:
            found[number] = call()
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            found[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    return threads, found


def test_nothing_that_was_under_way_passes_for_done(daemon: Daemon) -> None:
    runtime: ContainerRuntime = daemon.runtime
    make = Maker(runtime)
    main = make.create("sh", "-c", "echo ready; sleep 86400")
    vanishing = make.create("sleep", "86400", auto_remove=True)
    outcome, inside = Outcome(), Outcome()
    seen, begun = threading.Event(), threading.Event()
    attachment = runtime.attach(main, Streams(stdout=lambda block: (outcome.out.append(block), seen.set())))
    for container in (main, vanishing):
        runtime.start(container)
    execution = runtime.exec(
        main,
        ExecRequest(argv=("sh", "-c", "echo ready; sleep 86400")),
        Streams(stdout=lambda block: (inside.out.append(block), begun.set())),
    )
    threads, found = failures(
        lambda: runtime.wait(main),
        lambda: runtime.wait(vanishing),
        execution.wait,
        lambda: runtime.stop(main, grace=86400.0),
        lambda: runtime.logs(main, stdout=lambda _block: None, stderr=lambda _block: None, follow=True),
    )
    assert seen.wait(60)
    assert begun.wait(60)
    threads[0].join(0.5)
    daemon.kill()
    for thread in threads:
        thread.join(60)
    # A stream that ended says nothing, so logs may end; everything that has a result must not have one.
    for result in found[:4]:
        assert isinstance(result, EngineLost | EngineUnreachable), result
        assert result.hint
    assert found[4] is None or isinstance(found[4], RuntimeFailure)
    attachment.join()
    with pytest.raises(EngineUnreachable):
        runtime.inspect(main)


def test_a_restarted_engine_is_used_again(daemon: Daemon) -> None:
    runtime: ContainerRuntime = daemon.runtime
    make = Maker(runtime)
    container = make.up()
    runtime.find()
    daemon.kill()
    engines("up", "docker", "--private", NAME)
    assert [state.id for state in runtime.find()] in ([container], [])
    again = make.create("sh", "-c", "exit 3")
    runtime.start(again)
    assert runtime.wait(again).code == 3
