"""The sum of an attempt's usage reports, in which a repeated report counts once."""

from __future__ import annotations

from dagu.contracts.provider import HarnessEvent, Usage


class Spending:
    """Adds up what :attr:`HarnessEvent.usage` and ``cost_usd`` tell, by the rules of their docstring."""

    def __init__(self) -> None:
        self._usages: dict[str, Usage] = {}
        self._costs: dict[str, float] = {}

    def take(self, event: HarnessEvent) -> None:
        """Count one event."""
        whole = event.total and not event.scope
        if event.usage is not None:
            if whole:
                self._usages.clear()
            before = Usage() if event.total else self._usages.get(event.scope, Usage())
            self._usages[event.scope] = _sum(before, event.usage)
        if event.cost_usd is not None:
            if whole:
                self._costs.clear()
            known = 0.0 if event.total else self._costs.get(event.scope, 0.0)
            self._costs[event.scope] = known + event.cost_usd

    @property
    def usage(self) -> Usage | None:
        """Tokens so far; None if nothing was told."""
        return _sum(*self._usages.values()) if self._usages else None

    @property
    def cost_usd(self) -> float | None:
        """US dollars so far; None if nothing was told."""
        return sum(self._costs.values()) if self._costs else None


def _sum(*usages: Usage) -> Usage:
    return Usage(
        input=sum(usage.input for usage in usages),
        cached=sum(usage.cached for usage in usages),
        output=sum(usage.output for usage in usages),
    )
