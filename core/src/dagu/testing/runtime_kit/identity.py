"""Who runs, and where: user, group, working directory."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

WHO = "id -u; id -g"


class Identity(Kit):
    @needs(Capability.USER)
    @pytest.mark.parametrize("user", ["1234:4321", "1234", "0:0", "0"])
    def test_user(self, lab: Lab, user: str) -> None:
        uid, _, gid = user.partition(":")
        result = lab.shell(WHO, user=user).stdout.split()
        assert result[0] == uid.encode()
        if gid:
            assert result[1] == gid.encode()

    @needs(Capability.USER)
    def test_user_by_name(self, lab: Lab) -> None:
        assert lab.shell(WHO, user="root").stdout.split() == [b"0", b"0"]

    @needs(Capability.USER, Capability.SHARED_CONTAINER)
    def test_user_of_an_exec(self, lab: Lab) -> None:
        container = lab.up(user="1234:1234")
        assert lab.exec(container, "sh", "-c", WHO).stdout.split() == [b"1234", b"1234"]
        assert lab.exec(container, "sh", "-c", WHO, user="4321:55").stdout.split() == [b"4321", b"55"]
        assert lab.exec(container, "sh", "-c", WHO, user="0:0").stdout.split() == [b"0", b"0"]

    @pytest.mark.parametrize("directory", ["/tmp", "/usr/bin"])
    def test_working_directory(self, lab: Lab, directory: str) -> None:
        # The end only: a runtime may place the container's root below a directory of its own.
        assert lab.run("pwd", working_dir=directory).stdout.endswith(directory.encode() + b"\n")

    @needs(Capability.SHARED_CONTAINER)
    def test_working_directory_of_an_exec(self, lab: Lab) -> None:
        container = lab.up(working_dir="/usr/bin")
        assert lab.exec(container, "pwd", working_dir="").stdout.endswith(b"/usr/bin\n")
        assert lab.exec(container, "pwd", working_dir="/tmp").stdout.endswith(b"/tmp\n")

    @needs(Capability.SHARED_CONTAINER)
    def test_files_stay_between_execs(self, lab: Lab) -> None:
        container = lab.up()
        script = "mkdir -p 'kit dir' && echo kept >'kit dir/file'"
        assert lab.exec(container, "sh", "-c", script).code == 0
        assert lab.exec(container, "cat", "kit dir/file").stdout == b"kept\n"
        assert lab.exec(container, "cat", "file", working_dir="/kit dir").stdout == b"kept\n"

    def test_files_are_not_shared_between_containers(self, lab: Lab) -> None:
        assert lab.shell("echo x >kit-mine && cat kit-mine").stdout == b"x\n"
        assert lab.shell("cat kit-mine").code != 0
