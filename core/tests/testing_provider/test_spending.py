"""Usage reports add up, and none counts twice."""

from __future__ import annotations

from dagu.contracts.provider import EventKind, HarnessEvent, Usage
from dagu.contracts.spending import Spending


def _usage(tokens: int, *, scope: str = "", total: bool = False, cost: float | None = None) -> HarnessEvent:
    usage = Usage(input=tokens, cached=tokens // 2, output=1)
    return HarnessEvent(kind=EventKind.USAGE, usage=usage, scope=scope, total=total, cost_usd=cost)


def _spent(*events: HarnessEvent) -> Spending:
    spending = Spending()
    for event in events:
        spending.take(event)
    return spending


def test_nothing_told() -> None:
    spending = _spent(HarnessEvent(kind=EventKind.TEXT, text="hi"))
    assert spending.usage is None
    assert spending.cost_usd is None


def test_reports_add_up() -> None:
    spending = _spent(_usage(10, cost=0.5), _usage(20, cost=0.25))
    assert spending.usage == Usage(input=30, cached=15, output=2)
    assert spending.cost_usd == 0.75


def test_a_repeated_report_counts_once() -> None:
    first, again = _usage(10, scope="m1", total=True, cost=1.0), _usage(12, scope="m1", total=True, cost=2.0)
    spending = _spent(first, again, _usage(20, scope="m2", total=True, cost=4.0))
    assert spending.usage == Usage(input=32, cached=16, output=2)
    assert spending.cost_usd == 6.0


def test_a_total_replaces_all_and_more_may_follow() -> None:
    before = [_usage(10, scope="m1", total=True), _usage(5, cost=1.0)]
    spending = _spent(*before, _usage(100, total=True, cost=9.0), _usage(7, scope="m2", total=True))
    assert spending.usage == Usage(input=107, cached=53, output=2)
    assert spending.cost_usd == 9.0


def test_a_total_cost_without_tokens_keeps_the_tokens() -> None:
    spending = _spent(_usage(10), HarnessEvent(kind=EventKind.USAGE, cost_usd=3.0, total=True))
    assert spending.usage == Usage(input=10, cached=5, output=1)
    assert spending.cost_usd == 3.0
