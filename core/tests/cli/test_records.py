"""What is told of past runs: history, status, logs, usage."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest

from dagu.history.logs import RunLogs
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord, UsageRecord
from dagu.history.store import History

TWO = """\
type: chain
steps:
  - {id: one, run: printf 'no end'}
  - {id: two, run: echo end}
  - {id: bad, run: echo why >&2}
"""


@pytest.fixture
def filled(dagu: Any) -> Any:
    attempts = (
        AttemptRecord(
            run_id="abc-1", step="ask me", number=1, status=Status.FAILED, started_at=1000.0, exit_code=2
        ),
        AttemptRecord(
            run_id="abc-1",
            step="ask me",
            number=2,
            status=Status.SUCCEEDED,
            started_at=1001.0,
            provider="codex",
            model="m1",
            usage=UsageRecord(input=100, cached=40, output=7, cost_usd=0.125),
        ),
    )
    step = StepRecord(
        run_id="abc-1",
        name="ask me",
        id="ask",
        index=0,
        status=Status.SUCCEEDED,
        started_at=1000.0,
        finished_at=1062.0,
        outputs={"answer": [1, 2]},
        attempts=attempts,
    )
    with History(dagu.home) as history:
        history.add_run(
            RunRecord(
                run_id="abc-1",
                workflow="review",
                status=Status.SUCCEEDED,
                started_at=1000.0,
                finished_at=1062.0,
                params='{"who":"a, b"}',
                labels={"team": "x", "nightly": ""},
                steps=(step,),
            )
        )
        history.add_run(
            RunRecord(
                run_id="abd-2",
                workflow="build",
                status=Status.FAILED,
                started_at=time.time(),
                error="step x \x1b[31mfailed\x1b[0m\nsecond line",
            )
        )
    logs = RunLogs(dagu.home, "review", "abc-1")
    logs.make()
    logs.path("ask me", 1, "stdout").write_bytes(b"first try")
    logs.path("ask me", 2, "stdout").write_bytes("zweiter\r\n\x1b[1mü".encode())
    logs.path("ask me", 2, "stderr").write_bytes(b"warned\n")
    return dagu


class TestHistory:
    def test_json_is_newest_first_without_what_is_empty(self, filled: Any) -> None:
        result = filled("history", "--format", "json")
        newest, oldest = json.loads(result.out)
        assert newest["dagRunId"] == "abd-2"
        assert oldest == {
            "name": "review",
            "dagRunId": "abc-1",
            "status": "succeeded",
            "startedAt": "1970-01-01T00:16:40Z",
            "finishedAt": "1970-01-01T00:17:42Z",
            "duration": "1m2s",
            "params": '{"who":"a, b"}',
            "labels": ["team=x", "nightly"],
        }
        assert filled("history", "--json").out == result.out

    def test_csv(self, filled: Any) -> None:
        rows = list(csv.DictReader(io.StringIO(filled("history", "--format", "csv").out)))
        assert rows[1]["run id"] == "abc-1"
        assert rows[1]["params"] == '{"who":"a, b"}'
        assert rows[0]["error"].endswith("second line")

    def test_the_table_has_a_line_per_run_and_no_escapes(self, filled: Any) -> None:
        lines = filled("history").out.splitlines()
        assert [line.split()[:3] for line in lines] == [
            ["NAME", "RUN", "ID"],
            ["build", "abd-2", "failed"],
            ["review", "abc-1", "succeeded"],
        ]
        assert lines[1].endswith("step x failed")
        assert "\x1b" not in "".join(lines)

    @pytest.mark.parametrize(
        ("arguments", "ids"),
        [
            (["--run-id", "bc"], ["abc-1"]),
            (["review"], ["abc-1"]),
            (["--status", "failed, aborted"], ["abd-2"]),
            (["--last", "1d"], ["abd-2"]),
            (["--last", "1970-01-01T00:00:00Z"], ["abd-2", "abc-1"]),
            (["--limit", "1"], ["abd-2"]),
        ],
    )
    def test_filters(self, filled: Any, arguments: list[str], ids: list[str]) -> None:
        found = json.loads(filled("history", "--json", *arguments).out)
        assert [entry["dagRunId"] for entry in found] == ids

    def test_no_match_is_no_failure(self, filled: Any) -> None:
        result = filled("history", "--json", "--run-id", "zzz")
        assert (result.code, result.out, result.err) == (0, "[]\n", "no runs found\n")
        assert filled("history", "zzz").out == ""

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["--format", "xml"], 2),
            (["--limit", "0"], 2),
            (["--status", "great"], 1),
            (["--last", "soon"], 1),
        ],
    )
    def test_bad_options(self, filled: Any, arguments: list[str], code: int) -> None:
        result = filled("history", *arguments)
        assert (result.code, result.out) == (code, "")
        assert "Traceback" not in result.err


def test_a_list_that_was_cut_is_told(dagu: Any) -> None:
    with History(dagu.home) as history:
        for number in range(101):
            history.add_run(
                RunRecord(
                    run_id=f"r{number}", workflow="w", status=Status.SUCCEEDED, started_at=float(number)
                )
            )
    result = dagu("history", "--json")
    assert len(json.loads(result.out)) == 100
    assert "--limit" in result.err
    result = dagu("history", "--json", "--limit", "101")
    assert (len(json.loads(result.out)), result.err) == (101, "")


class TestStatus:
    def test_tree(self, filled: Any) -> None:
        result = filled("status", "--run-id", "abc-1")
        assert result.code == 0
        assert result.out == ("review  succeeded  1m2s  abc-1\n└─ ask me  succeeded  1m2s  2 attempts\n")

    def test_a_run_by_its_id_alone(self, filled: Any) -> None:
        result = filled("status", "abc-1")
        assert (result.code, result.err) == (0, "")
        assert "abc-1" in result.out
        result = filled("status", "nobody")
        assert result.code == 1
        assert "no run has that id" in result.err

    def test_a_failed_run_is_shown_with_status_0(self, filled: Any) -> None:
        result = filled("status", "build")
        assert result.code == 0
        assert "│  step x failed\n│  second line\n" in result.out
        assert "\x1b" not in result.out

    def test_by_file(self, filled: Any) -> None:
        file = filled.file("review.yaml", "steps:\n  - run: 'true'\n")
        assert "abc-1" in filled("status", file).out
        named = filled.file("x.yaml", "name: review\nsteps:\n  - run: 'true'\n")
        assert "abc-1" in filled("status", named).out
        broken = filled.file("build.yaml", "steps: 5\n")
        assert "abd-2" in filled("status", broken).out

    def test_json(self, filled: Any) -> None:
        found = json.loads(filled("status", "-r", "abc-1", "--json").out)
        [step] = found["steps"]
        assert step["outputs"] == {"answer": [1, 2]}
        assert step["attempts"][1]["usage"] == {"input": 100, "cached": 40, "output": 7, "costUsd": 0.125}
        assert step["attempts"][0]["exitCode"] == 2

    @pytest.mark.parametrize("arguments", [["-r", "nope"], ["never"], []])
    def test_no_such_run(self, filled: Any, arguments: list[str]) -> None:
        result = filled("status", *arguments)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("Error: ")


class TestLogs:
    def test_the_last_attempt_byte_for_byte(self, filled: Any) -> None:
        process = filled.program("logs", "abc-1", "ask me", text=False)
        assert process.communicate()[0] == "zweiter\r\n\x1b[1mü".encode()

    def test_by_id_attempt_and_stream(self, filled: Any) -> None:
        assert filled("logs", "abc-1", "ask", "--attempt", "1").out == "first try"
        assert filled("logs", "abc-1", "ask", "--stderr").out == "warned\n"
        assert filled("logs", "abc-1", "--follow").out == "first tryzweiter\r\n\x1b[1mü"

    @pytest.mark.parametrize("arguments", [["nope"], ["abc-1", "nope"], ["abc-1", "ask", "--attempt", "3"]])
    def test_what_is_not_there(self, filled: Any, arguments: list[str]) -> None:
        result = filled("logs", *arguments)
        assert (result.code, result.out) == (1, "")
        assert "hint:" in result.err

    def test_a_heading_has_a_line_of_its_own(self, filled: Any) -> None:
        assert filled("start", "--quiet", "-r", "two", filled.file("two.yaml", TWO)).code == 0
        result = filled("logs", "two")
        assert result.out == "no endend\n"
        assert result.err == "==> one, attempt 1 <==\n\n==> two, attempt 1 <==\n"

    def test_the_other_stream_is_named_if_only_that_has_output(self, filled: Any) -> None:
        assert filled("start", "--quiet", "-r", "two", filled.file("two.yaml", TWO)).code == 0
        assert "--stderr shows" in filled("logs", "two", "bad").err
        assert filled("logs", "two", "bad", "--stderr").out == "why\n"

    def test_a_run_without_output(self, filled: Any) -> None:
        result = filled("logs", "abd-2")
        assert (result.code, result.out, result.err) == (0, "", "no output on stdout\n")


def test_usage(filled: Any) -> None:
    [entry] = json.loads(filled("usage", "--json").out)
    assert (entry["provider"], entry["input"], entry["cost_usd"]) == ("codex", 100, 0.125)
    assert "0.1250" in filled("usage").out
    assert filled("usage", "--since", "1d", "--json").out == "[]\n"
