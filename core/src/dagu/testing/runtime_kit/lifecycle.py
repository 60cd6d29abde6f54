"""The life of a container: created, started, ended, removed; names and entry points."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerStatus, Health
from dagu.errors import ContainerNotFound, NameTaken, RequestRefused
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import Output, eventually


class Lifecycle(Kit):
    def test_a_created_container_has_not_run(self, lab: Lab) -> None:
        name = lab.name()
        container = lab.create("true", name=name)
        state = lab.state(container)
        assert state.id == container
        assert state.name == name
        assert state.status is ContainerStatus.CREATED
        assert state.exit is None
        assert state.health is Health.NONE
        assert state.started_at is None
        assert not state.running

    def test_a_started_container_runs(self, lab: Lab) -> None:
        state = lab.state(lab.up())
        assert state.status is ContainerStatus.RUNNING
        assert state.running
        assert state.exit is None
        assert state.started_at is not None
        assert state.finished_at is None

    def test_an_ended_container_tells_how(self, lab: Lab) -> None:
        # Engines note the two times on different threads: a container that ends at once may start after its end.
        container = lab.create("sh", "-c", "sleep 1; exit 3")
        lab.runtime.start(container)
        lab.runtime.wait(container)
        state = lab.state(container)
        assert state.status is ContainerStatus.EXITED
        assert state.exit is not None
        assert state.exit.code == 3
        assert not state.exit.oom_killed
        assert state.started_at is not None
        assert state.finished_at is not None
        assert state.started_at <= state.finished_at

    def test_a_container_answers_to_its_name(self, lab: Lab) -> None:
        name = lab.name()
        container = lab.create("sh", "-c", "exit 4", name=name)
        lab.runtime.start(name)
        assert lab.runtime.wait(name).code == 4
        assert lab.state(name).id == container

    def test_a_taken_name_is_refused(self, lab: Lab) -> None:
        name = lab.name()
        lab.create("true", name=name)
        with pytest.raises(NameTaken) as raised:
            lab.create("true", name=name)
        assert name in str(raised.value)

    def test_a_removed_name_is_free_at_once(self, lab: Lab) -> None:
        name = lab.name()
        for _ in range(3):
            lab.runtime.remove(lab.up(name=name))

    def test_a_cleared_entry_point_leaves_the_command(self, lab: Lab) -> None:
        assert lab.run("echo", "a", entrypoint=()).stdout == b"a\n"

    def test_an_entry_point_comes_before_the_command(self, lab: Lab) -> None:
        assert lab.run("b", "c", entrypoint=("echo", "a")).stdout == b"a b c\n"

    def test_an_entry_point_runs_without_a_command(self, lab: Lab) -> None:
        assert lab.run(entrypoint=("echo", "a")).stdout == b"a\n"

    def test_a_hostname_is_set_or_refused(self, lab: Lab) -> None:
        try:
            result = lab.run("hostname", hostname="kit-host")
        except RequestRefused:
            return
        assert result.stdout == b"kit-host\n"

    def test_auto_remove_gives_the_true_status(self, lab: Lab) -> None:
        # `start` may return after the engine has already removed it: the status must not be lost.
        for code in (0, 7, 0, 9):
            assert lab.shell(f"exit {code}", auto_remove=True).code == code

    def test_auto_remove_gives_the_true_status_of_a_killed_container(self, lab: Lab) -> None:
        container = lab.up(auto_remove=True)
        lab.runtime.kill(container)
        assert lab.runtime.wait(container).code == 137

    def test_auto_remove_removes(self, lab: Lab) -> None:
        name = lab.name()
        container, attachment = lab.launch("true", name=name, auto_remove=True)
        lab.runtime.wait(container)
        attachment.join()

        def gone() -> bool:
            try:
                lab.state(name)
            except ContainerNotFound:
                return True
            return False

        eventually(gone, "the container removed itself")

    def test_without_auto_remove_it_stays(self, lab: Lab) -> None:
        container, _ = lab.launch("true")
        lab.runtime.wait(container)
        assert lab.state(container).status is ContainerStatus.EXITED

    def test_what_the_main_process_started_ends_with_it(self, lab: Lab) -> None:
        # Closing standard output is how the end of the stream tells that nothing holds it any more.
        stdout = Output()
        container, attachment = lab.launch("sh", "-c", "sleep 86400 & echo up", stdout=stdout)
        assert lab.runtime.wait(container).code == 0
        attachment.join()
        assert stdout.data == b"up\n"

    @needs(Capability.INIT)
    def test_init_passes_the_signal_on(self, lab: Lab) -> None:
        # Without an init process, a first process that handles no TERM ignores it. So may an init process that has not
        # come to its command yet.
        stdout = Output()
        container, _ = lab.launch("sh", "-c", "echo ready; exec sleep 86400", stdout=stdout, init=True)
        stdout.wait_for(b"ready")
        lab.runtime.stop(container, grace=120.0)
        assert lab.runtime.wait(container).code == 143
