"""What a step leaves for the steps after it: its output file, and its output variable."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from dagu.workflow.model import DeclaredOutput
from dagu.workflow.values.errors import OutputInvalid
from dagu.workflow.values.text import parse_json
from dagu.workflow.values.tokens import ENV_NAME

_OPENER = re.compile(r"(?P<name>.*?)(?P<mark>=|<<)(?P<rest>.*)", re.DOTALL)


def parse_output_file(
    content: bytes, declared: Sequence[DeclaredOutput] | None, *, max_size: int
) -> dict[str, str]:
    """The values that a successful attempt wrote to its ``DAGU_OUTPUT_FILE``, as emitted.

    Args:
        declared: The step's ``outputs``; None and empty alike allow nothing in the file.
        max_size: In bytes.

    Raises:
        OutputInvalid: The file is too large, not UTF-8, not made of records, or does not hold each declared
            output exactly once. Every misfit of names and JSON is told.
    """
    if len(content) > max_size:
        raise OutputInvalid(f"the output file has {len(content)} bytes, max_output_size allows {max_size}")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise OutputInvalid(f"the output file is not UTF-8: {error.reason} at byte {error.start}") from error
    types = {output.name: output.type for output in declared or ()}
    values: dict[str, str] = {}
    problems: list[str] = []
    for name, value in _records(text.replace("\r\n", "\n").replace("\r", "\n")):
        if name not in types:
            problems.append(f"{name}: undeclared step output")
        elif name in values:
            problems.append(f"{name}: emitted more than once")
        elif types[name] == "json" and (reason := _json_problem(value)):
            problems.append(f"{name}: not JSON: {reason}")
        values.setdefault(name, value)
    problems += [f"{name}: declared but not emitted" for name in types if name not in values]
    if problems:
        raise OutputInvalid("; ".join(problems))
    return values


def output_variable(stdout: str) -> str:
    """What string ``output: NAME`` makes of a step's standard output."""
    return stdout.strip()


def upstream_variables(
    step: str, depends: Mapping[str, Sequence[str]], variables: Callable[[str], Mapping[str, str]]
) -> dict[str, str]:
    """The output variables that a step sees.

    ``depends`` is walked breadth-first from the step, left to right, each step once; where two steps set one
    name, the step visited last wins.

    Args:
        depends: Step name to the names that it depends on.
        variables: From a step's name to the variable that it has set.
    """
    seen: dict[str, str] = {}
    waiting = deque(depends.get(step, ()))
    visited = {step}
    while waiting:
        name = waiting.popleft()
        if name not in visited:
            visited.add(name)
            seen |= variables(name)
            waiting.extend(depends.get(name, ()))
    return seen


def _records(text: str) -> Iterator[tuple[str, str]]:
    lines = text.removesuffix("\n").split("\n") if text else []
    position = 0
    while position < len(lines):
        record = _OPENER.fullmatch(lines[position])
        position += 1
        if record is None or not record["name"]:
            reason = "is none of NAME=value and NAME<<END" if lines[position - 1] else "is empty"
            raise OutputInvalid(f"line {position} of the output file {reason}")
        name, rest = record["name"], record["rest"]
        if record["mark"] == "=":
            yield name, rest
            continue
        if not ENV_NAME.fullmatch(rest):
            raise OutputInvalid(
                f"{name}: what follows << in line {position} of the output file is no identifier"
            )
        if rest not in lines[position:]:
            raise OutputInvalid(
                f"{name}: the block of line {position} of the output file is not closed by {rest}"
            )
        end = lines.index(rest, position)
        yield name, "\n".join(lines[position:end])
        position = end + 1


def _json_problem(text: str) -> str:
    try:
        parse_json(text)
    except ValueError as error:
        return str(error)
    return ""
