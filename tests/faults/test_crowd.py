"""Many runners on one engine, two of which are always about to be killed: nobody's live container is touched."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from e2e_dagu import Dagu, Running
from e2e_engines import EngineUnderTest
from fault_results import Results
from faults_left import left

from dagu.history.logs import RunLogs
from dagu.history.records import Status
from dagu.history.store import History
from dagu.sandbox import labels

RUNNERS = 8
VICTIMS = 2
RUNS = 200
FEW = 24
SEED = 20_310_405

# A container of its own and one that two commands share, each of which has to see its end; and a carried volume.
WORK = """
type: graph
steps:
  - id: own
    container: {image: "alpine:3.20"}
    run: echo begun; sleep 0.3; echo ended
  - id: both
    container: {image: "alpine:3.20"}
    run: [echo begun, sleep 0.3, echo ended]
"""
LONG = """
type: graph
steps:
  - id: own
    container: {image: "alpine:3.20"}
    run: echo begun; sleep 600
  - id: both
    container: {image: "alpine:3.20"}
    run: [echo begun, sleep 600]
"""


def test_nobody_else_is_touched(
    dagu: Dagu, engine: EngineUnderTest, request: pytest.FixtureRequest, results: Results
) -> None:
    wanted = RUNS if request.config.getoption("--full", default=False) else FEW
    choice = random.Random(SEED)
    work, long = dagu.write(WORK, "work"), dagu.write(LONG, "long")

    def complete() -> Running:
        running = dagu.begin_run(work)
        _, err = running.process.communicate(timeout=600)
        assert running.process.returncode == 0, err
        return running

    def victim(patience: float) -> Running:
        running = dagu.begin_run(long)
        # How far it has come is left to chance; its own steps would take ten minutes.
        threading.Event().wait(patience)
        assert running.process.poll() is None, running.finish().stderr
        running.process.kill()
        running.process.communicate()
        return running

    def several(number: int, run: Callable[[], Running]) -> list[Running]:
        return [run() for _ in range(number)]

    killed_in_all = wanted * VICTIMS // RUNNERS
    share = killed_in_all // VICTIMS
    with ThreadPoolExecutor(RUNNERS) as pool:
        patience = [[choice.uniform(0.1, 3.0) for _ in range(share)] for _ in range(VICTIMS)]
        killing = [pool.submit(lambda times=times: [victim(each) for each in times]) for times in patience]
        others = (wanted - killed_in_all) // (RUNNERS - VICTIMS)
        working = [pool.submit(several, others, complete) for _ in range(RUNNERS - VICTIMS)]
    killed = [run for future in killing for run in future.result()]
    completed = [run for future in working for run in future.result()]
    assert (len(killed), len(killed) + len(completed)) == (killed_in_all, wanted)

    dagu.start(work).succeeded()
    assert not list(dagu.runtime.find({labels.OWNER: ""}))
    assert [found for run in killed for found in left(dagu, run)] == []
    with History(dagu.home) as history:
        ends = {run.run_id: run.status for run in history.runs(limit=None)}
    for run in completed:
        assert ends[run.run_id] is Status.SUCCEEDED
        for step in ("own", "both"):
            log = RunLogs(dagu.home, "work", run.run_id).path(step, 1, "stdout")
            assert log.read_bytes() == b"begun\nended\n"
    # One that was killed before it recorded itself is not in history.
    assert {ends.get(run.run_id, Status.INTERRUPTED) for run in killed} == {Status.INTERRUPTED}
    results.write({"engine": engine.name, "crowd": wanted, "runners": RUNNERS, "killed": len(killed)})
