"""What `validate` accepts, `dry` goes through: every step and handler succeeds, and nothing is left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagu.errors import WorkflowInvalid
from dagu.history.records import Status
from dagu.plugins import Plugins
from dagu.run.api import Runner, StartRequest
from dagu.workflow.load import load_file

ENVIRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}

texts = st.one_of(
    st.sampled_from(
        ["x", "${consts.c}", "${params.p}", "$E ${E:-w}", "${steps.s0.outputs.v}", "a\nb", "ä '${x}"]
    ),
    st.text(max_size=8),
)
words = st.sampled_from(["x", "echo ${consts.c}", "${params.p} $E", "${steps.s0.outputs.v}", "'$E' | \"b\""])
scalars = st.one_of(texts, st.integers(-3, 2000), st.booleans(), st.none(), st.floats(-2, 5))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
Fields = dict[str, st.SearchStrategy[Any]]


class Documents:
    """Documents that may be workflows.

    Args:
        wild: Whether any field may hold anything at all.
    """

    def __init__(self, *, wild: bool) -> None:
        self.wild = wild

    def often(self, *plausible: Any) -> st.SearchStrategy[Any]:
        """One of these values or strategies; anything, in wild documents."""
        tame = st.one_of(
            [each if isinstance(each, st.SearchStrategy) else st.just(each) for each in plausible]
        )
        return st.one_of(tame, anything) if self.wild else tame

    def policies(self) -> Fields:
        return {
            "continue_on": self.often(
                "failed", "skipped", {"exit_code": [1]}, {"output": "re:x", "failure": True}
            ),
            "retry_policy": self.often(
                {"limit": 1}, {"limit": "${consts.c}", "interval_sec": 0, "backoff": 2}
            ),
            "repeat_policy": self.often({"repeat": True}, {"repeat": "until", "condition": "x", "limit": 2}),
            "timeout_sec": self.often(0, 5, 0.5),
        }

    def common(self) -> Fields:
        return {
            "env": self.often({"E": "x"}, [{"A": 1}, "B=${env.A}", "C="], {}),
            "preconditions": self.often(
                "true",
                [],
                ["x", {"condition": "${params.p}", "expected": "re:x"}],
                [{"eval": "$(x)", "expected": "y", "negate": True}],
            ),
            "working_dir": self.often(words),
            "stdout": self.often("out", {"artifact": "x"}, {"outputs": "field"}),
            "output": self.often("V", {"k": {"from": "stdout"}, "l": "x"}),
            **self.policies(),
        }

    def steps(self, depth: int = 1) -> st.SearchStrategy[dict[str, Any]]:
        """Steps of any kind, ids aside."""
        common = self.common()
        kinds = [
            st.fixed_dictionaries(
                {"run": self.often(words, "a\nb", ["x", 1, False, {"a": "b"}])},
                optional={"with": self.often({"shell": "sh -u"}), **common},
            ),
            st.fixed_dictionaries(
                {
                    "action": st.just("exec"),
                    "with": self.often({"command": "x"}, {"command": "x", "args": [1, "y"]}),
                },
                optional=common,
            ),
            st.fixed_dictionaries(
                {
                    "action": st.just("dag.run"),
                    "with": self.often({"dag": "child"}, {"dag": "c", "params": {"a": 1}}),
                },
                optional={**common, "parallel": self.often(["a", {"k": 1}], "${params.p}", {"items": "a b"})},
            ),
            st.fixed_dictionaries(
                {
                    "action": st.just("file.write"),
                    "with": self.often({"path": "x", "content": "${consts.c}"}),
                },
                optional=common,
            ),
        ]
        if self.wild:
            kinds.append(st.fixed_dictionaries({"action": texts, "with": anything}, optional=common))
        if depth:
            inner = st.lists(self.steps(depth - 1), min_size=1, max_size=2)
            kinds.append(
                st.fixed_dictionaries(
                    {
                        "foreach": st.fixed_dictionaries(
                            {"items": self.often([1, {"a": [2]}, None], "${params.p}", []), "steps": inner},
                            optional={
                                "as": self.often("thing"),
                                "key": self.often("${foreach.index}"),
                                "max_concurrent": self.often(3),
                                "collect": self.often({"o": "${foreach.key}"}),
                            },
                        )
                    },
                    optional=common,
                )
            )
        return st.one_of(kinds)

    def roots(self) -> st.SearchStrategy[dict[str, Any]]:
        """Everything but steps."""
        optional: Fields = {
            "consts": self.often([{"c": 1}], [{"c": "x"}, {"d": "${consts.c}"}]),
            "params": self.often([{"name": "p", "default": "x"}], {"p": 1}, "p=1 q=2", "one two"),
            "env": self.often({"E": "$HOME"}, ["A=1"]),
            "dotenv": self.often([], "x.env"),
            "shell": self.often("bash -e", ["sh", "-u"]),
            "preconditions": self.often("true", []),
            "handler_on": st.dictionaries(
                st.sampled_from(["init", "exit", "failure"]), self.steps(0), max_size=2
            ),
            "defaults": st.fixed_dictionaries({}, optional=self.policies()),
            "max_active_steps": self.often(0, 2),
            "artifacts": self.often({"enabled": True}, {"dir": "x"}),
        }
        return st.fixed_dictionaries({}, optional=optional)


@st.composite
def documents(draw: st.DrawFn, *, wild: bool) -> dict[str, Any]:
    """A document whose steps wait only for steps before them."""
    made = Documents(wild=wild)
    listed = draw(st.lists(made.steps(), min_size=1, max_size=4))
    for index, step in enumerate(listed):
        if draw(st.booleans()):
            step["id"] = f"s{index}"
        before = [other["id"] for other in listed[:index] if "id" in other]
        if before and draw(st.booleans()):
            step["depends"] = draw(st.lists(st.sampled_from(before), max_size=2))
    return {**draw(made.roots()), "steps": listed}


def go_through(document: dict[str, Any]) -> bool:
    """Whether a document is accepted; then it is gone through."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "wf.yaml")
        file.write_text(yaml.safe_dump(document, allow_unicode=True))
        try:
            workflow = load_file(file, entry_name_allowed=False)
        except WorkflowInvalid:
            return False
        plugins = Plugins(ENVIRON, discover=False)
        request = StartRequest(file=file, dry=True)
        result = Runner(request, environ=ENVIRON, home=Path(folder, "home"), plugins=plugins).run()
        if result.status is not Status.SUCCEEDED:
            assert result.error.startswith("params"), result.error
            return True
        assert result.exit_code == 0
        names = {step.name for step in result.record.steps if step.kind == "step"}
        assert names == {step.name for step in workflow.steps}
        assert {step.status for step in result.record.steps} == {Status.SUCCEEDED}
        assert sorted(path.name for path in Path(folder).iterdir()) == ["wf.yaml"]
        return True


OPTIONS = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@OPTIONS
@given(document=documents(wild=False))
def test_plausible_documents_are_accepted_and_gone_through(document: dict[str, Any]) -> None:
    assert go_through(document)


@OPTIONS
@given(document=documents(wild=True))
def test_wild_ones_are_refused_or_gone_through(document: dict[str, Any]) -> None:
    go_through(document)
