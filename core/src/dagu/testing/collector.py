"""The pytest plugin behind :func:`dagu.testing.certify`: it gives the kit a runtime and notes each outcome.

It imports nothing of the kit: that has to wait until pytest can rewrite its assertions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import ContainerRuntime
from dagu.testing.certification import Outcome, Row


class Collector:
    """Gives the kit's cases a runtime, and turns their reports into rows.

    Attributes:
        rows: One for each case that ran.
        unknown: Names in ``known_differences`` that no case has; nothing runs then.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        given: Mapping[str, Any],
        on_row: Callable[[Row], object],
    ) -> None:
        self._runtime = runtime
        self._given = given
        self._on_row = on_row
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._about: dict[str, str] = {}
        self.rows: list[Row] = []
        self.unknown: list[str] = []

    def pytest_configure(self) -> None:
        pytest.register_assert_rewrite("dagu.testing.runtime_kit")

    @pytest.fixture(scope="session")
    def certified_runtime(self) -> ContainerRuntime:
        return self._runtime

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        named: set[str] = set()
        for item in items:
            named |= {item.name, item.originalname}
            self._about[item.nodeid] = _capability(item)
            for attribute, value in self._given.items():
                setattr(item.cls, attribute, value)
        self.unknown = sorted(set(self._given["known_differences"]) - named)
        if self.unknown:
            items.clear()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.setdefault(report.nodeid, []).append(report)
        if report.when == "teardown":
            row = self._row(report.nodeid, self._reports.pop(report.nodeid))
            self.rows.append(row)
            self._on_row(row)

    def _row(self, case: str, reports: list[pytest.TestReport]) -> Row:
        outcome: Outcome = "passed"
        reason = ""
        for report in reports:
            if report.failed:
                outcome, reason = "failed", _why(report)
                break
            if report.skipped and hasattr(report, "wasxfail"):
                outcome, reason = "known difference", report.wasxfail.removeprefix("reason: ")
            elif report.skipped:
                outcome, reason = "not declared", _why(report)
        return Row(
            case=case.rpartition("::")[2],
            capability=self._about[case],
            outcome=outcome,
            seconds=sum(report.duration for report in reports),
            reason=reason,
        )


def _capability(item: pytest.Function) -> str:
    needed = list(getattr(item.obj, "needs", ()))
    if hasattr(item, "callspec"):
        needed += [value for value in item.callspec.params.values() if isinstance(value, Capability)]
    return ", ".join(capability.value for capability in needed)


def _why(report: pytest.TestReport) -> str:
    """The error's own words, in one line."""
    told = report.longrepr
    if isinstance(told, tuple):
        return str(told[2]).removeprefix("Skipped: ")
    crash = getattr(told, "reprcrash", None)
    return " ".join(str(crash.message if crash is not None else told).split())
