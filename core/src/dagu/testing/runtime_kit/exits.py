"""How a container's process ended: exit codes, signals, programs that can't be started."""

from __future__ import annotations

import io
import tarfile

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerStatus
from dagu.errors import CommandForbidden, CommandNotFound
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab


class Exits(Kit):
    @pytest.mark.parametrize("code", [0, 1, 2, 3, 42, 124, 125, 126, 127, 128, 137, 255])
    def test_exit_code(self, lab: Lab, code: int) -> None:
        result = lab.shell(f"exit {code}")
        assert result.code == code
        assert not result.oom_killed

    def test_a_killed_container_has_137(self, lab: Lab) -> None:
        container = lab.up()
        lab.runtime.kill(container)
        status = lab.runtime.wait(container)
        assert status.code == 137
        assert not status.oom_killed

    @pytest.mark.parametrize(("signal", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
    def test_a_shell_tells_the_signal_of_its_child(self, lab: Lab, signal: str, code: int) -> None:
        assert lab.shell(f"sh -c 'kill -{signal} $$'; exit $?").code == code

    def test_a_missing_program_is_command_not_found(self, lab: Lab) -> None:
        container = lab.create("dagu-kit-no-such-program")
        with pytest.raises(CommandNotFound) as raised:
            lab.runtime.start(container)
        assert "dagu-kit-no-such-program" in str(raised.value)
        lab.runtime.remove(container)

    def test_a_missing_program_by_path_is_command_not_found(self, lab: Lab) -> None:
        container = lab.create("/dagu/kit/no-such-program", "argument")
        with pytest.raises(CommandNotFound):
            lab.runtime.start(container)

    def test_a_container_that_could_not_start_does_not_run(self, lab: Lab) -> None:
        container = lab.create("dagu-kit-no-such-program")
        with pytest.raises(CommandNotFound):
            lab.runtime.start(container)
        state = lab.state(container)
        assert state.status in (ContainerStatus.CREATED, ContainerStatus.EXITED)
        assert state.exit is None or state.exit.code != 0

    def test_attached_streams_end_when_the_program_is_missing(self, lab: Lab) -> None:
        with pytest.raises(CommandNotFound):
            lab.run("dagu-kit-no-such-program")

    @needs(Capability.ARCHIVES)
    def test_a_program_without_permission_is_command_forbidden(self, lab: Lab) -> None:
        container = lab.create("./kit-not-executable")
        lab.runtime.put_archive(container, "/", io.BytesIO(_plain_file("kit-not-executable")))
        with pytest.raises(CommandForbidden):
            lab.runtime.start(container)


def _plain_file(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.mode = 0o644
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"x\n"))
    return buffer.getvalue()
