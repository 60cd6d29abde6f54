"""Certifying a runtime from a program."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dagu.contracts.capability import Capability
from dagu.errors import EngineUnreachable, UsageError
from dagu.testing import FakeRuntime, Report, certify
from dagu.testing.certification import Row

IMAGE = "alpine:3.20"


def report(only: str) -> Report:
    return certify(lambda: FakeRuntime([IMAGE]), image=IMAGE, only=only)


def test_rows_tell_case_capability_outcome_and_time() -> None:
    seen: list[Row] = []
    result = certify(lambda: FakeRuntime([IMAGE]), image=IMAGE, only="test_exit_code", on_row=seen.append)
    assert result.passed
    assert result.runtime == "fake"
    assert tuple(seen) == result.rows
    by_case = {row.case: row for row in result.rows}
    assert by_case["test_exit_code[3]"].capability == ""
    assert by_case["test_exit_code_of_an_exec[3]"].capability == "shared-container"
    assert all(row.outcome == "passed" and row.seconds > 0 and not row.reason for row in result.rows)


def test_what_is_not_declared_is_told() -> None:
    (row,) = report("test_no_network").rows
    assert row.outcome == "not declared"
    assert row.capability == Capability.NETWORK_NONE.value
    assert row.reason == "not declared: network-none"


def test_nothing_but_undeclared_cases_is_no_pass() -> None:
    assert not report("test_no_network").passed


def test_a_failure_tells_what_was_seen() -> None:
    class Broken(FakeRuntime):
        def find_image(self, reference: str, *, platform: str = "") -> None:
            return None

    (row,) = certify(lambda: Broken([IMAGE]), image=IMAGE, only="test_present_image_is_found").rows
    assert row.outcome == "failed"
    assert "None" in row.reason


def test_render_is_a_table() -> None:
    text = report("test_no_output or test_no_network").render(width=200)
    assert "test_no_output" in text
    assert "network-none" in text
    assert text.rstrip().endswith("1 passed, 1 not declared")


def test_json() -> None:
    value = json.loads(json.dumps(report("test_no_output").as_json()))
    assert value["passed"] is True
    assert value["counts"] == {"passed": 1, "failed": 0, "not declared": 0, "known difference": 0}
    assert value["cases"][0]["case"] == "test_no_output"


def test_an_expression_that_matches_nothing() -> None:
    with pytest.raises(UsageError, match="no-such-case"):
        report("no-such-case")


def test_an_engine_that_is_not_there_is_told_before_any_case() -> None:
    def unreachable() -> FakeRuntime:
        runtime = FakeRuntime([IMAGE])
        runtime.fail_on("check", EngineUnreachable("nothing answers"))
        return runtime

    with pytest.raises(EngineUnreachable):
        certify(unreachable, image=IMAGE)


def test_the_runtime_is_closed() -> None:
    runtime = FakeRuntime([IMAGE])
    certify(lambda: runtime, image=IMAGE, only="test_no_output")
    assert len(runtime.called("close")) == 1


def test_without_pytest_the_error_names_the_remedy() -> None:
    script = """
import sys
sys.modules["pytest"] = None
import dagu.testing
dagu.testing.FakeRuntime().close()
for what in (
    lambda: dagu.testing.certify(dagu.testing.FakeRuntime, image="alpine:3.20"),
    lambda: dagu.testing.RuntimeConformance,
):
    try:
        what()
    except ImportError as error:
        assert "dagu-core[testing]" in str(error), error
    else:
        raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
