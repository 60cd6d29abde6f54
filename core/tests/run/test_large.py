"""Large workflows run right: every step once, after all that it waits for, with what they published."""

from __future__ import annotations

import json
import resource
from itertools import pairwise
from typing import TYPE_CHECKING

from dagu.history.records import Status

if TYPE_CHECKING:
    from .conftest import Runs


def test_layers_of_steps(run: Runs) -> None:
    layers, width = 50, 20
    lines = ["max_active_steps: 4", "steps:"]
    for layer in range(layers):
        for index in range(width):
            depends = ", ".join(f"s{layer - 1}_{other}" for other in range(width)) if layer else ""
            lines.append(
                f"  - {{id: s{layer}_{index}, action: exec, with: {{command: 'true'}}, depends: [{depends}]}}"
            )
    result = run("\n".join(lines))
    steps = {step.name: step for step in result.record.steps}
    assert {step.status for step in steps.values()} == {Status.SUCCEEDED}
    assert all(len(step.attempts) == 1 for step in steps.values())
    for layer in range(1, layers):
        before = [steps[f"s{layer - 1}_{index}"].finished_at or 0 for index in range(width)]
        here = [steps[f"s{layer}_{index}"].started_at or 0 for index in range(width)]
        assert max(before) <= min(here)


def test_a_foreach_of_many_items(run: Runs) -> None:
    count = 1000
    result = run(
        f"""
steps:
  - id: f
    foreach:
      items: {list(range(count))}
      max_concurrent: 4
      steps: [{{id: b, action: exec, with: {{command: echo, args: ['${{foreach.item}}']}}, output: O}}]
      collect: {{o: '${{b.output}}'}}
"""
    )
    found = json.loads(run.log(result.record, "f"))
    assert found["summary"] == {"total": count, "succeeded": count, "failed": 0}
    assert [each["o"] for each in found["outputs"]] == [str(number) for number in range(count)]
    assert len(result.record.steps) == count + 1


def test_more_steps_than_files_may_be_open(run: Runs) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        steps = "\n".join(f"  - {{id: s{number}, run: sleep 0.5}}" for number in range(80))
        result = run(f"steps:\n{steps}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {step.status for step in result.record.steps} == {Status.SUCCEEDED}, result.error


def test_a_long_chain(run: Runs) -> None:
    count = 300
    lines = [
        "type: chain",
        "steps:",
        "  - {id: s0, action: exec, with: {command: echo, args: ['0']}, output: LAST}",
    ]
    for index in range(1, count):
        given = f"'${{s{index - 1}.output}}.${{env.FIRST}}'" if index > 1 else "'x'"
        name = "FIRST" if index == 1 else f"V{index % 3}"
        lines.append(
            f"  - {{id: s{index}, action: exec, with: {{command: expr, args: [length, {given}]}}, output: {name}}}"
        )
    result = run("\n".join(lines))
    assert result.status is Status.SUCCEEDED, result.error
    times = [(step.started_at or 0, step.finished_at or 0) for step in result.record.steps]
    assert all(finished <= started for (_, finished), (started, _) in pairwise(times))
    assert run.log(result.record, f"s{count - 1}").strip() == "3"
