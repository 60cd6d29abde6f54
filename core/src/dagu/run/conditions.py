"""Preconditions and repeat conditions: commands that must succeed, values that must match."""

from __future__ import annotations

from collections.abc import Sequence

from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, DaguError, UsageError
from dagu.run.context import StepContext
from dagu.run.outcome import GOOD, Outcome
from dagu.run.shelled import default_shell, shell_output
from dagu.sandbox.command import Command
from dagu.workflow.model import Condition, RepeatPolicy
from dagu.workflow.values.conditions import matches, met
from dagu.workflow.values.errors import ShellInvalid
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.shells import command_argv, located
from dagu.workflow.values.substitution import evaluate


class Conditions:
    """Evaluates conditions where a step's commands would run."""

    def __init__(self, context: StepContext) -> None:
        self._context = context

    def hold(self, conditions: Sequence[Condition], *, path: str) -> bool:
        """Whether all hold. Every one is evaluated, in order, even after a miss.

        Raises:
            UsageError: One could not be evaluated; the message names it.
        """
        results = []
        for index, condition in enumerate(conditions):
            try:
                results.append(met(self._found(condition), negate=condition.negate))
            except DaguError as error:
                raise UsageError(f"{path}[{index}]: {error.message}", hint=error.hint) from error
        return all(results)

    def repeats(self, policy: RepeatPolicy, outcome: Outcome, path: str) -> bool:
        """Whether a step that ended so runs once more."""
        if policy.mode == "always":
            return outcome.status in GOOD
        if policy.condition is not None:
            found = self.hold((policy.condition,), path=f"{path}.repeat_policy")
        elif policy.exit_codes:
            found = outcome.exit_code in policy.exit_codes
        else:
            found = outcome.status in GOOD
        return found if policy.mode == "while" else not found

    def _found(self, condition: Condition) -> bool:
        context = self._context
        if condition.eval is not None:
            value = evaluate(
                condition.eval,
                context.scope,
                lambda text: shell_output(context, text),
                expand=Expand.HOST,
            )
            return matches(value, condition.expected or "")
        text = condition.condition or ""
        if condition.expected is not None:
            return matches(resolve(text, context.scope, expand=Expand.SCOPE), condition.expected)
        return self._succeeds(resolve(text, context.scope))

    def _succeeds(self, text: str) -> bool:
        context = self._context
        shell = context.target.shell or ("/bin/sh",) if context.target.contained else default_shell(context)
        try:
            argv = command_argv(located(shell, context.directory), text)
        except ShellInvalid:
            # A condition may have several lines.
            argv = (*shell, "-c", text)
        command = Command(argv=argv, env=context.env, working_dir=context.target.working_dir)
        try:
            place = context.target.open([command])
            try:
                execution = place.start(command, Streams())
                with context.run.cancellation.watching(execution, signal="TERM"):
                    return execution.wait().code == 0
            finally:
                if not context.target.shared:
                    place.close()
        except (CommandNotFound, CommandForbidden):
            return False
