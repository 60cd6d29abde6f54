"""A runner killed at any point leaves nothing behind that the next one does not clear away, and no lie in history."""

from __future__ import annotations

import os
import signal

import pytest
from e2e_dagu import Dagu, Ran, Running
from e2e_engines import EngineUnderTest
from fault_cases import CASES, LINES, ONCE, WHOLE, WORKFLOWS, Case
from fault_results import Results
from faults_left import left

from dagu.history.logs import RunLogs
from dagu.history.records import RunRecord, Status
from dagu.history.store import History
from dagu.run.points import POINTS, VARIABLE

LEAVE_SOMETHING = (
    "network-created",
    "volume-created",
    "container-created",
    "container-started",
    "output-logged:20",
)
TRIVIAL = 'steps:\n  - run: "true"\n    container: {image: "alpine:3.20"}\n'


def killed(dagu: Dagu, case: Case) -> Running:
    """A run whose runner was killed there."""
    running = dagu.begin_run(dagu.write(WORKFLOWS[case.workflow], "flow"), env={VARIABLE: case.point})
    _, err = running.process.communicate(timeout=240)
    assert running.process.returncode == -signal.SIGKILL, f"{case.point} was not reached:\n{err}"
    return running


def records(dagu: Dagu) -> list[RunRecord]:
    with History(dagu.home) as history:
        found = history.runs(limit=None)
        found += [child for run in found for child in history.runs(limit=None, root_id=run.run_id)]
        return [history.run(run.run_id) for run in found]


def check_history(dagu: Dagu, case: Case) -> None:
    """No record says that something runs, and none that it ended otherwise than it did."""
    found = records(dagu)
    if case.name == "run-locked":
        assert not found
        return
    over = case.name == "run-ended"
    for run in found:
        assert run.status is (Status.SUCCEEDED if over or _child_over(run) else Status.INTERRUPTED), run
        for step in run.steps:
            assert step.status is not Status.RUNNING
            assert step.status is not Status.RETRYING
            assert all(attempt.status is not Status.RUNNING for attempt in step.attempts)
    for path in (dagu.home / "logs").rglob("count.*.stdout"):
        assert WHOLE.startswith(path.read_bytes()), path
    for run in found:
        for step in run.steps:
            if step.name == "count" and step.status is Status.SUCCEEDED:
                path = RunLogs(dagu.home, run.workflow, run.run_id).path(
                    "count", len(step.attempts), "stdout"
                )
                assert path.read_bytes() == WHOLE


def _child_over(run: RunRecord) -> bool:
    return bool(run.root_id) and run.finished_at is not None


def check_resumed(dagu: Dagu, running: Running, ran: Ran) -> None:
    ran.succeeded()
    runs = [run for run in records(dagu) if any(step.name == "count" for step in run.steps)]
    run = max(runs, key=lambda run: run.started_at)
    (step,) = (step for step in run.steps if step.name == "count")
    log = RunLogs(dagu.home, run.workflow, run.run_id).path("count", len(step.attempts), "stdout")
    assert log.read_bytes() == WHOLE
    assert WHOLE.count(b"\n") == LINES
    if "answer" in (dagu.directory / "flow.yaml").read_text():
        assert step.outputs["outputs"] == {"answer": "42"}


def by_another(dagu: Dagu, running: Running) -> None:
    """The next start is that of another run."""
    dagu.start(TRIVIAL).succeeded()
    assert left(dagu, running) == []


def by_resume(dagu: Dagu, running: Running, case: Case) -> None:
    """The next start is that of the same run."""
    done = dagu.command("resume", running.run_id)
    if case.name == "run-locked":
        assert "no run" in done.stderr
        by_another(dagu, running)
    elif case.name == "run-ended":
        assert "was not interrupted: succeeded" in done.stderr
        by_another(dagu, running)
    else:
        check_resumed(dagu, running, dagu.ran(running.run_id, done))
        assert left(dagu, running) == []


def chosen(case: Case, engine: str, request: pytest.FixtureRequest) -> list[str]:
    """The next starts that are tried: all of them in a full run, else one, each in its turn."""
    if request.config.getoption("--full", default=False):
        return ["another", "resume"]
    number = CASES.index(case) + (engine == "podman")
    return ["another"] if number % 2 else ["resume"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full", default=False)
        metafunc.parametrize("case", CASES if full else ONCE, ids=lambda case: case.label)


def test_killed(
    dagu: Dagu, engine: EngineUnderTest, case: Case, request: pytest.FixtureRequest, results: Results
) -> None:
    for kind in chosen(case, engine.name, request):
        running = killed(dagu, case)
        check_history(dagu, case)
        if case.point in LEAVE_SOMETHING and case.workflow != "shared":
            assert left(dagu, running), "the search is blind"
        if kind == "another":
            by_another(dagu, running)
        else:
            by_resume(dagu, running, case)
        results.add(engine=engine.name, case=case, kind=kind)
        forget(dagu)


def forget(dagu: Dagu) -> None:
    """Begin anew."""
    for path in dagu.home.rglob("history.db*"):
        path.unlink()
    for path in (dagu.home / "logs").rglob("*.stdout"):
        path.unlink()


def test_every_point_is_tried() -> None:
    assert [case.name for case in ONCE] == list(POINTS)
    assert len(POINTS) >= 25
    assert os.environ.get(VARIABLE, "") == ""
