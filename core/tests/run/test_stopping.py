"""How steps are stopped: by which signal, with how much grace, and what then becomes of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dagu.contracts.events import RunEvent, StepOutput
from dagu.history.records import Status
from dagu.plugins import Plugins
from dagu.run.api import Runner, RunResult, StartRequest

if TYPE_CHECKING:
    from .conftest import Runs


def stopped(run: Runs, text: str, *, kill: bool = False) -> RunResult:
    """A run that is stopped as soon as one of its steps prints something."""
    file = run.directory / "flow.yaml"
    file.write_text(text)

    def observe(event: RunEvent) -> None:
        if isinstance(event, StepOutput):
            runner.cancel(reason="stopped by the test", kill=kill)

    runner = Runner(
        StartRequest(file=file),
        environ=run.environ,
        home=run.home,
        plugins=Plugins(run.environ, discover=False),
        observers=[observe],
    )
    return runner.run()


SCRIPT = """
working_dir: {directory}
max_clean_up_time_sec: {grace}
handler_on:
  abort: {{run: echo abort $DAG_RUN_STATUS >> handled}}
  exit: {{run: echo exit >> handled}}
steps:
  - id: a
    {more}
    run: |
      set +e
      trap 'echo {name} > got; exit 7' {name}
      {other}
      echo up
      while :; do sleep 0.01; done
  - {{id: b, depends: a, run: touch ran}}
"""


@pytest.mark.parametrize(
    ("more", "name"), [("", "TERM"), ("signal_on_stop: SIGUSR1", "USR1"), ("signal_on_stop: INT", "INT")]
)
def test_the_signal_and_the_grace(run: Runs, more: str, name: str) -> None:
    text = SCRIPT.format(directory=run.directory, grace=60, more=more, name=name, other="")
    result = stopped(run, text)
    assert (run.directory / "got").read_text() == f"{name}\n"
    assert (result.status, result.error) == (Status.ABORTED, "stopped by the test")
    assert {step.name: step.status.value for step in result.record.steps if step.kind == "step"} == {
        "a": "aborted",
        "b": "aborted",
    }
    assert (run.directory / "handled").read_text() == "abort aborted\nexit\n"
    assert not (run.directory / "ran").exists()


def test_what_does_not_end_is_killed_after_its_grace(run: Runs) -> None:
    text = SCRIPT.format(directory=run.directory, grace=0.2, more="", name="HUP", other="trap '' TERM")
    result = stopped(run, text)
    assert result.record.steps[0].exit_code == 137
    assert result.status is Status.ABORTED


def test_a_kill_allows_neither_grace_nor_handlers(run: Runs) -> None:
    text = SCRIPT.format(directory=run.directory, grace=60, more="", name="TERM", other="")
    result = stopped(run, text, kill=True)
    assert result.status is Status.ABORTED
    assert not (run.directory / "got").exists()
    assert not (run.directory / "handled").exists()


def test_retries_and_repeats_end_with_the_run(run: Runs) -> None:
    result = stopped(
        run,
        """
steps:
  - {id: a, run: echo up; exit 3, retry_policy: {limit: 5, interval_sec: 600}}
  - {id: b, run: 'true', repeat_policy: {repeat: true, interval_sec: 600}}
""",
    )
    assert {step.name: step.status.value for step in result.record.steps}["a"] == "aborted"
    assert len(result.record.steps[0].attempts) == 1


def test_children_and_bodies_are_stopped_too(run: Runs) -> None:
    result = stopped(
        run,
        f"""
steps:
  - {{id: a, action: dag.run, with: {{dag: child}}}}
  - id: f
    foreach:
      items: [1, 2]
      max_concurrent: 1
      steps: [{{id: b, run: sleep 600}}]
---
name: child
working_dir: {run.directory}
handler_on: {{abort: {{run: touch child-aborted}}}}
steps: [{{id: c, run: echo up; sleep 600}}]
""",
    )
    statuses = {step.name: step.status.value for step in result.record.steps}
    assert statuses["a"] == "aborted"
    assert statuses["f"] == "aborted"
    assert Path(run.directory, "child-aborted").exists()
