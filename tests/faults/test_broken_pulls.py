"""A pull breaks off or stalls midway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest
from e2e_images import Images
from fault_results import Results
from faults_registry import FaultyRegistry, registry

from dagu.history.records import Status
from dagu.history.store import History


@pytest.fixture
def faulty(images: Images) -> Iterator[FaultyRegistry]:
    """A registry, and its image on no engine, before and after."""
    found = registry()
    images.remove(found.image)
    yield found
    found.close()
    images.remove(found.image)


def flow(faulty: FaultyRegistry, more: str = "") -> str:
    return f'steps:\n  - id: work\n    container: {{image: "{faulty.image}"}}\n    run: echo ran\n{more}'


def test_broken_off(dagu: Dagu, engine: EngineUnderTest, faulty: FaultyRegistry, results: Results) -> None:
    faulty.breaking = True
    ran = dagu.start(flow(faulty)).failed(faulty.image, "hint:")
    assert faulty.broken.is_set()
    assert (ran.status, ran.step("work").status) == (Status.FAILED, Status.FAILED)
    results.fault("pull breaks off", "own", engine.name, ran.record)
    # Nothing of the half stands in the way.
    faulty.mend()
    assert dagu.start(flow(faulty)).succeeded().text("work") == "ran\n"


def test_broken_off_with_a_retry(
    dagu: Dagu, engine: EngineUnderTest, faulty: FaultyRegistry, results: Results
) -> None:
    faulty.breaking = True
    running = dagu.begin_run(flow(faulty, "    retry_policy: {limit: 100, interval_sec: 1}\n"))
    assert faulty.broken.wait(120)
    dagu.until(lambda: "failed" in attempts(dagu, running.run_id) or running.process.poll() is not None)
    faulty.mend()
    ran = running.finish().succeeded()
    first, *_, last = ran.step("work").attempts
    assert (first.status, last.status) == (Status.FAILED, Status.SUCCEEDED)
    assert faulty.image in first.reason
    assert ran.text("work") == "ran\n"
    results.fault("pull breaks off, retry_policy", "own", engine.name, ran.record)


def test_stalled(dagu: Dagu, engine: EngineUnderTest, faulty: FaultyRegistry, results: Results) -> None:
    faulty.stalling = True
    ran = dagu.start(flow(faulty, "    timeout_sec: 3\n")).failed("timed out after 3 s")
    assert faulty.broken.is_set()
    assert ran.step("work").status is Status.FAILED
    results.fault("pull stalls, timeout_sec", "own", engine.name, ran.record)


def test_stopped_while_stalled(
    dagu: Dagu, engine: EngineUnderTest, faulty: FaultyRegistry, results: Results
) -> None:
    faulty.stalling = True
    running = dagu.begin_run(flow(faulty))
    assert faulty.broken.wait(120)
    assert dagu.command("stop", running.run_id).returncode == 0
    ran = running.finish()
    assert ran.status is Status.ABORTED
    results.fault("pull stalls, dagu stop", "own", engine.name, ran.record)


def attempts(dagu: Dagu, run_id: str) -> list[str]:
    with History(dagu.home) as history:
        found = history.runs(run_id_part=run_id)
        steps = history.run(run_id).steps if found else ()
        return [attempt.status.value for step in steps for attempt in step.attempts]
