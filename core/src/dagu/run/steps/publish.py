"""What a successful attempt publishes for the steps after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagu.run.context import StepContext
from dagu.run.paths import reason
from dagu.run.steps.ending import Ended
from dagu.run.steps.published import Published
from dagu.workflow.values.errors import OutputInvalid
from dagu.workflow.values.output_entries import output_entries
from dagu.workflow.values.outputs import output_variable, parse_output_file
from dagu.workflow.values.resolve import resolve_value
from dagu.workflow.values.text import parse_json, plain


def publish(context: StepContext, ended: Ended, *, stdout: Path, stderr: Path) -> Published:
    """Read what the attempt left, as the step declares it.

    Raises:
        OutputInvalid: Something declared is missing, malformed or too large.
    """
    step = context.step
    limit = context.run.workflow.max_output_size
    outputs = parse_output_file(ended.output_file or b"", step.outputs, max_size=limit)

    def read(source: str, path: str) -> str:
        file = {"stdout": stdout, "stderr": stderr}.get(source) or context.directory / path
        return _text(file, limit)

    variable = None
    if isinstance(step.output, str):
        variable = (step.output, output_variable(_text(stdout, limit)))
    if step.output_schema is not None:
        _check_schema(_text(stdout, limit), resolve_value(step.output_schema, context.scope))
    taken = step.stdout.outputs if step.stdout is not None else ()
    return Published(
        variable=variable,
        outputs=outputs,
        object_output=(
            output_entries(step.output, context.scope, read) if isinstance(step.output, tuple) else None
        ),
        fields=output_entries(taken, context.scope, read),
    )


def _text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise OutputInvalid(f"output {path.name} can't be read: {reason(error)}") from error
    if len(content) > limit:
        raise OutputInvalid(f"output exceeds max_output_size ({limit} bytes)")
    return content.decode(errors="replace")


def _check_schema(text: str, schema: Any) -> None:
    from jsonschema import Draft202012Validator

    try:
        value = parse_json(text)
    except ValueError as error:
        raise OutputInvalid(f"output_schema: stdout is not exactly one JSON value: {error}") from error
    problems = [
        f"{'.'.join(str(part) for part in problem.absolute_path) or 'the value'}: {problem.message}"
        for problem in Draft202012Validator(plain(schema)).iter_errors(value)
    ]
    if problems:
        raise OutputInvalid(f"output_schema: stdout does not match: {'; '.join(problems)}")
