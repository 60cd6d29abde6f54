"""What is Docker's own about containers."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from dagu.contracts.container import ContainerStatus, ExecRequest, Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import (
    CommandForbidden,
    CommandNotFound,
    ContainerNotFound,
    ImageNotFound,
    RequestRefused,
    Unsupported,
)

from .conftest import OWNER, Maker, Outcome, sdk

pytestmark = [pytest.mark.engine, pytest.mark.docker]


class TestContainersThatRemoveThemselves:
    def test_true_status_whenever_it_is_asked(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("sh", "-c", "exit 3", auto_remove=True)
        early: list[int] = []
        waiting = threading.Thread(target=lambda: early.append(docker.wait(container).code))
        waiting.start()
        docker.start(container)
        waiting.join()
        assert early == [3]
        assert [docker.wait(container).code for _ in range(2)] == [3, 3]

    def test_by_name(self, docker: ContainerRuntime, make: Maker) -> None:
        name = f"dagu-test-{os.urandom(4).hex()}"
        make.create("sh", "-c", "exit 4", auto_remove=True, name=name)
        docker.start(name)
        assert docker.wait(name).code == 4

    def test_out_of_memory(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("tail", "/dev/zero", auto_remove=True, memory=8 << 20)
        docker.start(container)
        status = docker.wait(container)
        assert (status.code, status.oom_killed) == (137, True)

    def test_killed_is_not_out_of_memory(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("sleep", "86400", auto_remove=True, memory=8 << 20)
        docker.start(container)
        docker.kill(container)
        status = docker.wait(container)
        assert (status.code, status.oom_killed) == (137, False)

    def test_a_failed_start_is_no_exit(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("no-such-program", auto_remove=True)
        with pytest.raises(CommandNotFound):
            docker.start(container)
        with pytest.raises(ContainerNotFound):
            docker.wait(container)

    def test_removed_before_it_ran(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("true", auto_remove=True)
        docker.remove(container)
        with pytest.raises(ContainerNotFound):
            docker.wait(container)

    def test_as_the_raw_object_asks(self, docker: ContainerRuntime, make: Maker) -> None:
        container = make.create("sh", "-c", "exit 5", raw_host={"autoRemove": True})
        docker.start(container)
        assert docker.wait(container).code == 5
        docker.remove(container)

    def test_a_dead_mans_switch(self, docker: ContainerRuntime, make: Maker) -> None:
        reader, writer = os.pipe()
        container = make.create("sh", "-c", "cat >/dev/null; exit 6", auto_remove=True, stdin=True)
        with open(reader, "rb") as source:
            docker.attach(container, Streams(stdin=source))
            docker.start(container)
            assert docker.inspect(container).running
            os.close(writer)
            assert docker.wait(container).code == 6


def test_wait_put_before_the_start(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", "exit 7")
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(docker.wait(container).code))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive(), "a container that was not started has not ended"
    docker.start(container)
    waiting.join()
    assert found == [7]


def test_wait_for_what_is_removed_before_it_ran(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("true")
    found: list[type[BaseException]] = []

    def wait() -> None:
        try:
            docker.wait(container)
        except ContainerNotFound as error:
            found.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.2)
    docker.remove(container)
    waiting.join()
    assert found == [ContainerNotFound]


def test_wait_after_a_failed_start(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("no-such-program")
    with pytest.raises(CommandNotFound):
        docker.start(container)
    assert docker.wait(container).code == 127
    assert docker.inspect(container).status is ContainerStatus.CREATED


@pytest.mark.parametrize("program", ["/etc", "/etc/passwd"])
def test_what_is_no_program(docker: ContainerRuntime, make: Maker, program: str) -> None:
    container = make.create(program)
    with pytest.raises(CommandForbidden):
        docker.start(container)


def test_stop_ends_restarts(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", 'trap "exit 1" INT; sleep 86400 & wait', restart_policy="always")
    docker.start(container)
    docker.stop(container, signal="INT", grace=60.0)
    assert docker.inspect(container).status is ContainerStatus.EXITED


def test_stop_ends_a_restart_loop(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("sh", "-c", "exit 1", restart_policy="always")
    docker.start(container)
    docker.wait(container)
    docker.stop(container, grace=1.0)
    assert docker.inspect(container).status is ContainerStatus.EXITED


def test_stop_of_a_paused_container(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    sdk().pause(container)
    docker.stop(container, grace=0.5)
    assert not docker.inspect(container).running


def test_a_bad_signal_is_refused(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    with pytest.raises(RequestRefused, match="NOPE"):
        docker.kill(container, signal="NOPE")


def test_a_bind_source_is_never_made(docker: ContainerRuntime, make: Maker, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(RequestRefused, match="does not exist"):
        make.create("true", mounts=(Mount(type=MountType.BIND, source=str(missing), target="/x"),))
    assert not missing.exists()


def test_a_terminal_is_one_stream(docker: ContainerRuntime, make: Maker) -> None:
    outcome = Outcome()
    container = make.create("sh", "-c", "echo out; echo err >&2", raw_container={"Tty": True})
    attachment = docker.attach(container, outcome.streams)
    docker.start(container)
    attachment.join()
    assert (outcome.stdout, outcome.stderr) == (b"out\r\nerr\r\n", b"")
    logs = Outcome()
    docker.logs(container, stdout=logs.out.append, stderr=logs.err.append)
    assert logs.stdout == outcome.stdout


def test_input_needs_a_container_made_for_it(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("cat")
    with pytest.raises(RequestRefused, match="without standard input"):
        docker.attach(container, Streams(stdin=io.BytesIO(b"x")))


def test_an_empty_command(docker: ContainerRuntime, make: Maker) -> None:
    with pytest.raises(RequestRefused, match="neither an entry point nor a command"):
        make.create(entrypoint=())
    with pytest.raises(RequestRefused, match="neither an entry point nor a command"):
        make.create()
    container = make.create(entrypoint=("sh", "-c", "exit $#"))
    docker.start(container)
    assert docker.wait(container).code == 0


def test_an_image_of_another_platform(make: Maker) -> None:
    with pytest.raises(ImageNotFound, match="platform"):
        make.create("true", platform="linux/s390x")


def test_nothing_is_left_out_in_silence(docker: ContainerRuntime, make: Maker) -> None:
    with pytest.raises(Unsupported, match="security-profiles"):
        make.create("true", security_opt=("apparmor=no-such-profile", "label=type:x"))
    with pytest.raises(Unsupported, match="gpus"):
        make.create("true", gpus="all")
    assert docker.find({OWNER: make.owner}) == []


def test_files_below_a_tmpfs_are_refused(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up(
        mounts=(Mount(type=MountType.TMPFS, target="/scratch"),), raw_host={"Tmpfs": {"/raw": ""}}
    )
    for path in ("/scratch", "/scratch/deep", "/raw"):
        with pytest.raises(RequestRefused, match="tmpfs"):
            docker.put_archive(container, path, io.BytesIO())
        with pytest.raises(RequestRefused, match="tmpfs"):
            docker.get_archive(container, path, lambda _block: None)


def test_an_archive_that_breaks_off_is_told_by_its_own_error(docker: ContainerRuntime, make: Maker) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "disk trouble")

    container = make.create("true")
    with pytest.raises(OSError, match="disk trouble"):
        docker.put_archive(container, "/", Broken())  # type: ignore[arg-type]


def test_a_sink_of_an_archive_that_fails(docker: ContainerRuntime, make: Maker) -> None:
    def sink(_block: bytes) -> None:
        raise OSError(28, "no space")

    container = make.create("true")
    with pytest.raises(OSError, match="no space"):
        docker.get_archive(container, "/etc", sink)


def test_a_sink_that_fails_ends_the_attachment_at_once(docker: ContainerRuntime, make: Maker) -> None:
    def sink(_block: bytes) -> None:
        raise BrokenPipeError(32, "nobody reads")

    container = make.create("sh", "-c", "echo x; sleep 86400")
    attachment = docker.attach(container, Streams(stdout=sink))
    docker.start(container)
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        attachment.join()
    assert docker.inspect(container).running


def test_a_source_that_fails_is_no_end_of_input(docker: ContainerRuntime, make: Maker) -> None:
    class Broken:
        def read(self, size: int = -1, /) -> bytes:
            raise OSError(5, "disk trouble")

    container = make.create("cat", stdin=True)
    attachment = docker.attach(container, Streams(stdin=Broken()))
    docker.start(container)
    with pytest.raises(OSError, match="disk trouble"):
        attachment.join()


def test_output_is_kept_beyond_what_the_log_driver_rotates(docker: ContainerRuntime, make: Maker) -> None:
    size = 150_000_000  # `local` keeps 100 MB of five files when it is left alone
    container = make.create("head", "-c", str(size), "/dev/zero")
    docker.start(container)
    docker.wait(container)
    counted = [0]

    def sink(block: bytes) -> None:
        counted[0] += len(block)

    docker.logs(container, stdout=sink, stderr=sink)
    assert counted[0] == size


def test_32_threads(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(3):
                outcome = Outcome()
                execution = docker.exec(container, ExecRequest(argv=("echo", str(number))), outcome.streams)
                assert execution.wait().code == 0
                assert outcome.stdout == f"{number}\n".encode()
                assert docker.inspect(container).running
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_threads_end_with_their_streams(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    attachment = docker.attach(container, Streams())
    (reader,) = (thread for thread in threading.enumerate() if container[:12] in thread.name)
    attachment.close()
    attachment.join()
    reader.join(60)
    assert not reader.is_alive()


def test_an_init_process_finds_out_what_is_missing(docker: ContainerRuntime, make: Maker) -> None:
    container = make.create("no-such-program", init=True)
    docker.start(container)
    assert docker.wait(container).code == 127
