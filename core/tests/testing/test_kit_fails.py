"""The kit is worth something: every kind of broken runtime is found by a case that names the mistake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from dagu.contracts.container import ExitStatus
from dagu.contracts.streams import Streams
from dagu.errors import UsageError
from dagu.testing import FakeRuntime, RuntimeConformance, certify
from dagu.testing.certification import Report

from .broken_runtimes import BROKEN, IMAGE, Attaching, LeavesContainers


def run(runtime: type[FakeRuntime], case: str, **options: Any) -> Report:
    only = case.replace("[", " and ").replace("]", "").replace("-", " and ").replace(":", " and ")
    report = certify(lambda: runtime([IMAGE], pulls={IMAGE: []}), image=IMAGE, only=only, **options)
    assert report.rows
    return report


@pytest.mark.parametrize(("case", "runtime"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_the_case_finds_the_broken_runtime(case: str, runtime: type[FakeRuntime]) -> None:
    outcomes = {row.case: row for row in run(runtime, case).rows}
    assert outcomes[case].outcome == "failed"
    assert outcomes[case].reason


def test_the_last_case_finds_what_earlier_ones_left() -> None:
    report = certify(
        lambda: LeavesContainers([IMAGE]),
        image=IMAGE,
        only="test_remove_kills_what_runs or test_nothing_is_left_behind",
    )
    assert [row.outcome for row in report.rows] == ["failed", "failed"]
    assert report.rows[-1].case == "test_nothing_is_left_behind"


class BuffersUntilTheEnd(Attaching):
    def change(self, streams: Streams) -> Streams:
        held: list[bytes] = []
        return Streams(held.append, held.append, streams.stdin)


class NeverTellsTheEnd(FakeRuntime):
    def wait(self, container: str) -> ExitStatus:
        threading.Event().wait()
        return super().wait(container)


@pytest.mark.parametrize(
    ("case", "runtime", "reason"),
    [
        ("test_output_arrives_while_the_container_runs", BuffersUntilTheEnd, "did not arrive"),
        ("test_wait_after_the_end_as_often_as_asked", NeverTellsTheEnd, "still hangs"),
    ],
)
def test_a_case_that_hangs_is_a_failure(
    case: str, runtime: type[FakeRuntime], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagu.testing.runtime_kit.probes.HANG_GUARD", 1.0)
    monkeypatch.setattr("dagu.testing.runtime_kit.base.HANG_GUARD", 2.0)
    (row,) = run(runtime, case).rows
    assert row.outcome == "failed"
    assert reason in row.reason


def test_a_case_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="test_no_output"):
        type("TestMine", (RuntimeConformance,), {"test_no_output": lambda self: None})


@pytest.mark.parametrize("instead", [None, pytest.mark.skip(lambda self: None)], ids=["none", "skipped"])
def test_a_case_cannot_be_taken_away(instead: Callable[..., None] | None) -> None:
    with pytest.raises(TypeError, match="known_differences"):
        type("TestMine", (RuntimeConformance,), {"test_no_output": instead})


def test_a_case_cannot_be_overridden_by_a_base_class() -> None:
    mixin = type("Mixin", (), {"test_no_output": lambda self: None})
    with pytest.raises(TypeError, match="test_no_output"):
        type("TestMine", (mixin, RuntimeConformance), {})


def test_tests_of_a_subclass_are_its_own() -> None:
    def test_mine(self: object) -> None: ...

    subclass = type("TestMine", (RuntimeConformance,), {"test_mine": test_mine})
    assert vars(subclass)["test_mine"] is test_mine


def test_a_known_difference_needs_a_case_and_a_reason() -> None:
    with pytest.raises(TypeError, match="no case"):
        type("TestMine", (RuntimeConformance,), {"known_differences": {"test_no_such_case": "because"}})
    with pytest.raises(TypeError, match="no reason"):
        type("TestMine", (RuntimeConformance,), {"known_differences": {"test_no_output": " "}})
    with pytest.raises(UsageError, match="test_no_such_case"):
        run(FakeRuntime, "test_no_output", known_differences={"test_no_such_case": "because"})


def test_a_known_difference_is_shown_with_its_reason() -> None:
    (row,) = run(Attaching, "test_no_output", known_differences={}).rows
    assert row.outcome == "passed"
    broken = next(runtime for case, runtime in BROKEN if case == "test_only_stderr")
    (row,) = run(broken, "test_only_stderr", known_differences={"test_only_stderr": "it is old"}).rows
    assert (row.outcome, row.reason) == ("known difference", "it is old")


def test_a_known_difference_that_passes_is_a_failure() -> None:
    report = run(FakeRuntime, "test_no_output", known_differences={"test_no_output": "it was so once"})
    assert report.rows[0].outcome == "failed"
    assert "it was so once" in report.rows[0].reason
    assert not report.passed


def test_case_names_are_unique_across_the_kit() -> None:
    # A second case of one name would silently replace the first.
    names = [
        name
        for part in RuntimeConformance.__mro__
        if part.__module__.startswith("dagu.testing.runtime_kit")
        for name in vars(part)
        if name.startswith("test_")
    ]
    assert len(names) == len(set(names))
