"""Many threads on one runtime object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import HANG_GUARD, Output

THREADS = 32


class Concurrency(Kit):
    def test_containers_from_32_threads(self, lab: Lab) -> None:
        def one(i: int) -> None:
            result = lab.shell(f"echo out{i}; echo err{i} >&2; exit {i}")
            assert (result.code, result.stdout, result.stderr) == (i, b"out%d\n" % i, b"err%d\n" % i)

        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(one, i) for i in range(THREADS)]:
                done.result(HANG_GUARD)

    @needs(Capability.SHARED_CONTAINER)
    def test_execs_from_32_threads_in_one_container(self, lab: Lab) -> None:
        container = lab.up()

        def one(i: int) -> None:
            result = lab.exec(container, "sh", "-c", f"echo out{i}; echo err{i} >&2; exit {i}")
            assert (result.code, result.stdout, result.stderr) == (i, b"out%d\n" % i, b"err%d\n" % i)

        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(one, i) for i in range(THREADS)]:
                done.result(HANG_GUARD)

    def test_many_waits_hold_up_no_other_call(self, lab: Lab) -> None:
        # A pool of connections that waiting calls use up would hang here.
        container = lab.up()
        with ThreadPoolExecutor(THREADS) as pool:
            waiting = [pool.submit(lab.runtime.wait, container) for _ in range(THREADS)]
            assert lab.shell("echo meanwhile").stdout == b"meanwhile\n"
            lab.runtime.kill(container)
            assert {one.result(HANG_GUARD).code for one in waiting} == {137}

    def test_many_attached_containers_hold_up_no_other_call(self, lab: Lab) -> None:
        outputs = [Output() for _ in range(16)]
        running = [lab.launch("sh", "-c", "echo ready; sleep 86400", stdout=output) for output in outputs]
        for output in outputs:
            output.wait_for(b"ready")
        assert lab.shell("echo meanwhile").stdout == b"meanwhile\n"
        for container, attachment in running:
            lab.runtime.kill(container)
            attachment.join()
