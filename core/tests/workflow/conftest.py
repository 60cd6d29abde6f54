"""Loading texts, and what must be wrong with them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from dagu.errors import WorkflowInvalid
from dagu.workflow.load import load_text
from dagu.workflow.model import Workflow

Load = Callable[..., Workflow]
Refused = Callable[..., str]


@pytest.fixture
def load() -> Load:
    """Loads a dedented text."""

    def load(text: str, **options: Any) -> Workflow:
        return load_text(textwrap.dedent(text), name="wf.yaml", **options)

    return load


@pytest.fixture
def refused(load: Load) -> Refused:
    """Loads a text that has exactly one mistake, and checks its place and what is said about it."""

    def refused(text: str, at: str, *fragments: str, **options: Any) -> str:
        with pytest.raises(WorkflowInvalid) as caught:
            load(text, **options)
        problems = caught.value.problems
        assert len(problems) == 1, str(caught.value)
        problem = problems[0]
        assert f"{problem.line}:{problem.column}" == at, str(problem)
        assert problem.file == "wf.yaml"
        for fragment in fragments:
            assert fragment in problem.message
        return problem.message

    return refused


@pytest.fixture
def refused_here(refused: Refused) -> Refused:
    """As ``refused``, with a mark before the place in the text."""

    def refused_here(text: str, *fragments: str, **options: Any) -> str:
        text = textwrap.dedent(text)
        before, mark, after = text.partition("‸")
        assert mark, "no mark in the text"
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        return refused(before + after, f"{line}:{column}", *fragments, **options)

    return refused_here


@pytest.fixture
def all_problems(load: Load) -> Callable[..., list[str]]:
    """Every problem of a text, as ``line:column: message``."""

    def all_problems(text: str, **options: Any) -> list[str]:
        with pytest.raises(WorkflowInvalid) as caught:
            load(text, **options)
        return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.problems]

    return all_problems
