"""Ending an exec: everything that it started goes, whatever it did to stay, and nothing else does."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import Execution
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import HANG_GUARD, Output, eventually

# Each script starts `sleep NUMBER` in its own way; NUMBER is how the case finds it again.
TREES = {
    "plain": "sleep {0} & echo ready; wait",
    "pipeline": "sleep {0} | cat & echo ready; wait",
    "ignores-term": "trap '' TERM INT HUP; sleep {0} & echo ready; while :; do wait; done",
    "grandchildren": "sh -c 'sh -c \"sleep {0} & echo ready; wait\" & wait' & wait",
    "own-session": "setsid sh -c 'echo ready; sleep {0}; :' & wait",
    "daemon": "(setsid sh -c 'sleep {0} >/dev/null 2>&1 </dev/null & ' &); sleep 1; echo ready; sleep {0}",
    "ignoring-daemon": "setsid sh -c 'trap \"\" TERM HUP; echo ready; sleep {0}; :' & sleep {0}",
}


class ExecTrees(Kit):
    @needs(Capability.EXEC_TREE)
    @pytest.mark.parametrize("tree", TREES)
    def test_ending_an_exec_ends_what_it_started(self, lab: Lab, tree: str) -> None:
        container, number = lab.up(), _number()
        # A shell whose children die first must not end well before it gets the signal itself.
        execution = _begin(lab, container, TREES[tree].format(number) + "; exit 9")
        _sleeps(lab, container, number)
        execution.end(signal="TERM", grace=1.0)
        assert not _alive(lab, container, number)
        assert execution.wait().code != 0
        assert lab.state(container).running

    @needs(Capability.EXEC_TREE)
    def test_the_exec_gets_the_signal_first(self, lab: Lab) -> None:
        container, stdout = lab.up(), Output()
        # The child may get it before the shell does, which must not end well then.
        script = "trap 'echo bye; kill $!; exit 7' TERM; echo ready; while :; do sleep 86400 & wait; done"
        execution = lab.begin(container, "sh", "-c", script, stdout=stdout)
        stdout.wait_for(b"ready")
        execution.end(signal="TERM", grace=60.0)
        assert execution.wait().code == 7
        assert stdout.data == b"ready\nbye\n"

    @needs(Capability.EXEC_TREE)
    def test_ending_from_another_thread_ends_the_wait(self, lab: Lab) -> None:
        container = lab.up()
        execution = _begin(lab, container, "echo ready; exec sleep 86400")
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(execution.wait) for _ in range(2)]
            execution.end(grace=1.0)
            assert [one.result(HANG_GUARD).code for one in waiting] == [143, 143]

    @needs(Capability.EXEC_TREE)
    def test_ending_leaves_other_execs_alone(self, lab: Lab) -> None:
        container, mine, other = lab.up(), _number(), _number()
        ended = _begin(lab, container, f"sleep {mine} & echo ready; wait")
        stays = _begin(lab, container, f"sleep {other} & echo ready; wait")
        _sleeps(lab, container, mine)
        _sleeps(lab, container, other)
        ended.end(grace=1.0)
        assert not _alive(lab, container, mine)
        assert _alive(lab, container, other)
        stays.end(grace=1.0)

    @needs(Capability.EXEC_TREE)
    def test_ending_what_has_ended(self, lab: Lab) -> None:
        execution = lab.begin(lab.up(), "sh", "-c", "exit 5")
        assert execution.wait().code == 5
        execution.end()
        execution.end(signal="KILL", grace=0.0)
        assert execution.wait().code == 5

    @needs(Capability.EXEC_TREE)
    def test_ending_a_daemon_after_the_command_itself_ended(self, lab: Lab) -> None:
        container, number = lab.up(), _number()
        script = f"(setsid sleep {number} >/dev/null 2>&1 </dev/null &); exit 0"
        execution = lab.begin(container, "sh", "-c", script)
        assert execution.wait().code == 0
        _sleeps(lab, container, number)
        execution.end(grace=1.0)
        assert not _alive(lab, container, number)

    @needs(Capability.EXEC_TREE)
    def test_ending_an_exec_of_a_removed_container(self, lab: Lab) -> None:
        container = lab.up()
        execution = _begin(lab, container, "echo ready; sleep 86400")
        lab.runtime.remove(container)
        execution.end(grace=0.0)

    @needs(Capability.EXEC_TREE, Capability.USER)
    def test_ending_an_exec_of_another_user(self, lab: Lab) -> None:
        container, number = lab.up(user="1234:1234"), _number()
        execution = _begin(lab, container, f"setsid sleep {number} & echo ready; wait", user="4321:4321")
        _sleeps(lab, container, number)
        execution.end(grace=1.0)
        assert not _alive(lab, container, number)


def _number() -> str:
    """Seconds for a sleep that no other process sleeps."""
    return str(1_000_000_000 + int.from_bytes(os.urandom(4)))


def _begin(lab: Lab, container: str, script: str, **fields: Any) -> Execution:
    stdout = Output()
    execution = lab.begin(container, "sh", "-c", script, stdout=stdout, **fields)
    stdout.wait_for(b"ready")
    return execution


def _sleeps(lab: Lab, container: str, number: str) -> None:
    """Wait until it sleeps: a shell may go on before its child has become the program."""
    eventually(lambda: _alive(lab, container, number), f"something sleeps {number} seconds")


def _alive(lab: Lab, container: str, number: str) -> bool:
    """Whether a process of the container sleeps that long. A zombie has no command line."""
    seen = lab.exec(container, "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null").stdout
    return f"sleep\0{number}\0".encode() in seen
