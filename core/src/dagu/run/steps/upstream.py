"""What a step can see of the steps before it: those that it depends on, directly or not.

Looked up when a field asks, for most fields of most steps ask for nothing and a graph may be long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from dagu.run.steps.outcome import Outcome
from dagu.workflow.model import EMPTY, Step
from dagu.workflow.values.outputs import upstream_variables
from dagu.workflow.values.scope import StepView


class Siblings:
    """The steps of one list, by what is asked of them.

    Args:
        authored: The names that their author gave them, where those differ.
    """

    def __init__(self, steps: Iterable[Step], *, authored: Mapping[str, str] = EMPTY) -> None:
        self.steps = {step.name: step for step in steps}
        self.depends = {step.name: step.depends for step in self.steps.values()}
        self.by_id = {step.id: step for step in self.steps.values() if step.id}
        self.authored = authored
        self._have_variables = any(isinstance(step.output, str) for step in self.steps.values())
        self._variables: dict[str, dict[str, str]] = {}

    def reaches(self, step: Step, name: str) -> bool:
        """Whether a step depends on the one of that name, directly or not."""
        seen: set[str] = set()
        waiting = deque(step.depends)
        while waiting:
            other = waiting.popleft()
            if other == name:
                return True
            if other not in seen:
                seen.add(other)
                waiting.extend(self.depends.get(other, ()))
        return False

    def variables(self, step: Step, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
        """The output variables that a step sees, whose dependencies have all ended.

        Where a step has one dependency only, what it sees is that one's variable and what that one sees: so a
        long chain is not walked from each of its steps.
        """
        if not self._have_variables:
            return {}
        found = self._variables.get(step.name)
        if found is None:
            near = self._variables.get(step.depends[0]) if len(step.depends) == 1 else None
            if near is not None:
                found = {**_variable(step.depends[0], outcomes), **near}
            else:
                found = upstream_variables(step.name, self.depends, lambda name: _variable(name, outcomes))
            self._variables[step.name] = found
        return found


def _variable(name: str, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    outcome = outcomes.get(name)
    if outcome is None or outcome.published.variable is None:
        return {}
    return dict([outcome.published.variable])


class Upstream(Mapping[str, StepView]):
    """The finished upstream steps of one step, by id.

    Args:
        outer: What bodies of foreach see of the steps around them.
    """

    def __init__(
        self,
        step: Step,
        siblings: Siblings,
        outcomes: Mapping[str, Outcome],
        *,
        outer: Mapping[str, StepView],
    ) -> None:
        self._step = step
        self._siblings = siblings
        self._outcomes = outcomes
        self._outer = outer

    def __getitem__(self, id: str) -> StepView:
        step = self._siblings.by_id.get(id)
        if step is None:
            return self._outer[id]
        if step.name not in self._outcomes or not self._siblings.reaches(self._step, step.name):
            raise KeyError(id)
        return _view(self._outcomes[step.name])

    def __iter__(self) -> Iterator[str]:
        yield from self._outer
        yield from (id for id in self._siblings.by_id if id in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def variables(self) -> dict[str, str]:
        """The output variables of the upstream steps."""
        return self._siblings.variables(self._step, self._outcomes)


def _view(outcome: Outcome) -> StepView:
    published = outcome.published
    variable = None if published.variable is None else published.variable[1]
    return StepView(
        outputs=published.outputs,
        output=variable if published.object_output is None else published.object_output,
        fields=published.fields,
        stdout_file=outcome.stdout_file,
        stderr_file=outcome.stderr_file,
        exit_code=outcome.exit_code,
    )
