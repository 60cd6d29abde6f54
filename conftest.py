"""For every test of the workspace."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

_OUTCOMES = {"passed": "passed", "skipped": "not declared", "xfailed": "known difference", "failed": "failed"}

# A shell that runs the tests in the background has them ignore Ctrl-C, and every program that they start would
# inherit that: a handler of ours is reset to the default in those.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that several folders of tests have in common."""
    parser.addoption(
        "--results", default="", help="Append what the tests of faults and workers found to FILE."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of the conformance kit, so that the summary can tell them."""
    from dagu.testing import RuntimeConformance

    for item in items:
        tested = getattr(item, "cls", None)
        if tested is not None and issubclass(tested, RuntimeConformance):
            item.user_properties.append(("conformance", tested.__name__))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each runtime that the conformance kit was run on, and for each case that it did not pass."""
    counts: dict[str, Counter[str]] = {}
    remarks: list[str] = []
    for outcome, title in _OUTCOMES.items():
        for report in terminalreporter.stats.get(outcome, []):
            tested = dict(report.user_properties).get("conformance")
            if tested is None:
                continue
            counts.setdefault(tested, Counter())[title] += 1
            if outcome == "xfailed":
                case = report.nodeid.rpartition("::")[2]
                remarks.append(f"{tested}: {case}: {getattr(report, 'wasxfail', '')}")
    if not counts:
        return
    terminalreporter.section("conformance of runtimes")
    widest = max(map(len, counts))
    columns = list(_OUTCOMES.values())
    terminalreporter.line(" " * widest + "  " + "  ".join(columns))
    for tested, found in sorted(counts.items()):
        cells = "  ".join(f"{found[column]:>{len(column)}}" for column in columns)
        terminalreporter.line(f"{tested:<{widest}}  {cells}")
    for remark in remarks:
        terminalreporter.line(f"known difference: {remark}")
