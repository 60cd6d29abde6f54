"""Preconditions and repeat conditions: commands that must succeed, values that must match."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dagu.errors import DaguError, UsageError
from dagu.run.context import StepContext
from dagu.run.steps import probe
from dagu.run.steps.outcome import GOOD, Outcome
from dagu.workflow.model import Condition, RepeatPolicy
from dagu.workflow.values.conditions import matches, met
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.substitution import evaluate


class Conditions:
    """Evaluates conditions where a step's commands would run."""

    def __init__(self, context: StepContext) -> None:
        self._context = context

    def unmet(self, conditions: Sequence[Condition], *, path: str) -> str:
        """Which of them do not hold, in a line; empty if all do. Every one is evaluated, in order, even after a miss.

        Raises:
            UsageError: One or more could not be evaluated; the message names each.
        """
        missed: list[str] = []
        problems: list[DaguError] = []
        for index, condition in enumerate(conditions):
            try:
                if not met(self._found(condition), negate=condition.negate):
                    missed.append(f"{path}[{index}]{_why(condition)}")
            except DaguError as error:
                problems.append(DaguError(f"{path}[{index}]: {error.message}", hint=error.hint))
        if problems:
            hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
            raise UsageError("; ".join(problem.message for problem in problems), hint="; ".join(hints))
        if not missed:
            return ""
        return f"{', '.join(missed)} {'is' if len(missed) == 1 else 'are'} not met"

    def repeats(self, policy: RepeatPolicy, outcome: Outcome, path: str) -> bool:
        """Whether a step that ended so runs once more."""
        if policy.mode == "always":
            return outcome.status in GOOD
        if policy.condition is not None:
            found = not self.unmet((policy.condition,), path=f"{path}.repeat_policy")
        elif policy.exit_codes:
            found = outcome.exit_code in policy.exit_codes
        else:
            found = outcome.status in GOOD
        return found if policy.mode == "while" else not found

    def _found(self, condition: Condition) -> bool:
        context = self._context
        if condition.eval is not None:
            ask = partial(probe.output, context)
            value = evaluate(condition.eval, context.scope, ask, expand=Expand.HOST)
            return matches(value, condition.expected or "")
        text = condition.condition or ""
        if condition.expected is not None:
            return matches(resolve(text, context.scope, expand=Expand.SCOPE), condition.expected)
        return probe.succeeds(context, resolve(text, context.scope))


def _why(condition: Condition) -> str:
    """What may surprise: a value is compared as it stands, the text of a command too."""
    text = condition.condition or ""
    if condition.expected is not None and ("$(" in text or "`" in text):
        return " (condition runs no command beside expected; eval does)"
    return ""
