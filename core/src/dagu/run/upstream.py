"""What a step can see of the steps before it: those that it depends on, directly or not.

Looked up when a field asks, for most fields of most steps ask for nothing and a graph may be long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from dagu.run.outcome import Outcome
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
        self.have_variables = any(isinstance(step.output, str) for step in self.steps.values())


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
        if step.name not in self._names or step.name not in self._outcomes:
            raise KeyError(id)
        return _view(self._outcomes[step.name])

    def __iter__(self) -> Iterator[str]:
        yield from self._outer
        yield from (id for id, step in self._siblings.by_id.items() if step.name in self._names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def _names(self) -> set[str]:
        found: set[str] = set()
        waiting = list(self._step.depends)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._siblings.depends.get(name, ()))
        return found

    def variables(self) -> dict[str, str]:
        """The output variables of the upstream steps."""
        if not self._siblings.have_variables:
            return {}
        made = {
            name: dict([outcome.published.variable])
            for name, outcome in list(self._outcomes.items())
            if outcome.published.variable is not None
        }
        return upstream_variables(self._step.name, self._siblings.depends, made)


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
