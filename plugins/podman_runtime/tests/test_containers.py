"""Containers on real Podman: what the conformance kit does not ask."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagu.contracts.container import ContainerStatus, Health, Healthcheck, Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import CommandNotFound, RequestRefused
from dagu_podman_runtime.connection import Connection

from .conftest import Maker

pytestmark = [pytest.mark.engine, pytest.mark.podman]


def test_a_wait_before_the_start_waits(make: Maker) -> None:
    container = make.create("sh", "-c", "exit 6")
    attachment = make.runtime.attach(container, Streams())  # makes it ready to run, which is not running
    assert make.runtime.inspect(container).status is ContainerStatus.CREATED

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make.runtime.wait, container)
        time.sleep(0.5)
        assert not waiting.done()
        make.runtime.start(container)
        assert waiting.result(60).code == 6
    attachment.join()


def test_a_wait_for_what_cannot_run(make: Maker) -> None:
    with pytest.raises(CommandNotFound):
        make.runtime.wait(make.create("no-such-program"))


def test_attaching_to_an_ended_container_leaves_it_ended(make: Maker) -> None:
    container = make.create("sh", "-c", "exit 5")
    make.runtime.start(container)
    make.runtime.wait(container)
    make.runtime.attach(container, Streams()).join()
    state = make.runtime.inspect(container)
    assert state.exit is not None
    assert (state.status, state.exit.code) == (ContainerStatus.EXITED, 5)


def test_an_observer_that_leaves_does_not_end_the_input(make: Maker) -> None:
    ours, theirs = socket.socketpair()
    out: list[bytes] = []
    container = make.create("cat", stdin=True)
    with ours, theirs.makefile("rb", buffering=0) as source:
        theirs.close()
        attachment = make.runtime.attach(container, Streams(out.append, stdin=source))
        make.runtime.start(container)
        make.runtime.attach(container, Streams()).close()
        time.sleep(0.5)
        assert make.runtime.inspect(container).running
        ours.sendall(b"still here")
        ours.shutdown(socket.SHUT_WR)
        assert make.runtime.wait(container).code == 0
        attachment.join()
    assert b"".join(out) == b"still here"


def test_closing_the_streams_ends_the_input(make: Maker) -> None:
    # What a runner's sudden end comes to: a container that reads its input ends, too, and removes itself.
    ours, theirs = socket.socketpair()
    container = make.create("sh", "-c", "cat >/dev/null; exit 9", stdin=True, auto_remove=True)
    with ours, theirs.makefile("rb", buffering=0) as source:
        theirs.close()
        attachment = make.runtime.attach(container, Streams(stdin=source))
        make.runtime.start(container)
        attachment.close()
        assert make.runtime.wait(container).code == 9


def test_a_paused_container_is_stopped(make_rootful: Maker, api: Connection) -> None:
    container = make_rootful.up()
    api.call("POST", f"/containers/{container}/pause")
    assert make_rootful.runtime.inspect(container).status is ContainerStatus.PAUSED
    make_rootful.runtime.stop(container, grace=60.0)
    assert make_rootful.runtime.wait(container).code == 143


def test_a_container_that_restarts_is_stopped_for_good(make: Maker) -> None:
    container = make.create("sh", "-c", "sleep 0.2; exit 1", restart_policy="always")
    make.runtime.start(container)
    time.sleep(1.0)
    make.runtime.stop(container, grace=1.0)
    time.sleep(1.0)
    assert make.runtime.inspect(container).status is ContainerStatus.EXITED


def test_a_container_that_restarts_at_once_is_removed(make: Maker) -> None:
    container = make.create("sh", "-c", "exit 1", restart_policy="always")
    make.runtime.start(container)
    time.sleep(1.0)
    make.runtime.remove(container)
    time.sleep(1.0)
    assert not make.runtime.find(make.labels)


def test_a_container_that_others_depend_on_is_not_removed_in_silence(make: Maker) -> None:
    first = make.up(network="bridge", name=f"dagu-{make.owner[:8]}")
    second = make.up(network=f"container:dagu-{make.owner[:8]}")
    with pytest.raises(RequestRefused, match="depend"):
        make.runtime.remove(first)
    make.runtime.remove(second)
    make.runtime.remove(first)


def test_anonymous_volumes_go_with_their_container(make_rootful: Maker, api: Connection) -> None:
    def volumes() -> set[str]:
        return {entry["Name"] for entry in api.call("GET", "/volumes/json").json() or ()}

    before = volumes()
    container = make_rootful.up(mounts=(Mount(type=MountType.VOLUME, target="/scratch"),))
    assert volumes() - before
    make_rootful.runtime.remove(container)
    assert not volumes() - before


def test_a_volume_starts_with_what_the_image_has_or_empty(make: Maker) -> None:
    for empty in (False, True):
        name = f"dagu-{make.owner[:8]}-{empty}"
        mount = Mount(type=MountType.VOLUME, source=name, target="/etc", empty=empty)
        found = make.run("ls", "/etc", mounts=(mount,)).stdout.split()
        make.clean()
        make.runtime.remove_volume(name)
        assert (b"passwd" in found) is not empty or b"group" in found


def test_a_health_check_is_driven_and_ends_with_the_container(make: Maker) -> None:
    check = Healthcheck(
        test=("CMD-SHELL", "echo x >>/tmp/checks; test $(wc -l </tmp/checks) -ge 3"), interval=0.2
    )
    container = make.up(healthcheck=check)
    while (health := make.runtime.inspect(container).health) is not Health.HEALTHY:
        assert health is Health.STARTING
        time.sleep(0.05)
    assert int(make.exec(container, "wc", "-l", "/tmp/checks").stdout.split()[0]) >= 3


def test_a_slow_check_holds_up_no_inspection(make: Maker) -> None:
    container = make.up(healthcheck=Healthcheck(test=("CMD", "sleep", "86400"), interval=1.0))
    for _ in range(3):
        assert make.runtime.inspect(container).health is Health.STARTING
        time.sleep(0.2)
    make.runtime.kill(container)
    assert make.runtime.wait(container).code == 137


def test_another_client_of_a_container_drives_its_check(make: Maker, podman: ContainerRuntime) -> None:
    container = make.create(
        "sleep", "86400", init=True, healthcheck=Healthcheck(test=("CMD", "true"), interval=1.0)
    )
    # Started past the runtime, as by another program: `inspect` sees to the check.
    podman._containers._call("POST", container, "start")  # type: ignore[attr-defined]
    while podman.inspect(container).health is not Health.HEALTHY:
        time.sleep(0.05)


def test_output_that_is_not_kept(make: Maker) -> None:
    container = make.create("echo", "x", keep_output=False)
    out: list[bytes] = []
    attachment = make.runtime.attach(container, Streams(stdout=out.append))
    make.runtime.start(container)
    make.runtime.wait(container)
    attachment.join()
    assert out == [b"x\n"]
    with pytest.raises(RequestRefused, match="none"):
        make.runtime.logs(container, stdout=out.append, stderr=out.append)


def test_a_large_output_is_followed_to_its_end(make: Maker) -> None:
    size = 20_000_000
    container = make.create(
        "sh", "-c", f"yes 0123456789012345678901234567890123456789 | head -c {size}; echo end >&2"
    )
    make.runtime.start(container)
    count, tail = 0, b""

    def take(block: bytes) -> None:
        nonlocal count, tail
        count += len(block)
        tail = (tail + block)[-41:]

    err: list[bytes] = []
    make.runtime.logs(container, stdout=take, stderr=err.append, follow=True)
    assert (count, b"".join(err)) == (size, b"end\n")
    assert len(tail) == 41
