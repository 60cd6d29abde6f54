"""The base config beneath every document."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import WorkflowInvalid
from dagu.workflow.load import load_file, load_text


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def under(tmp_path: Path, base: str, text: str):
    return load_text(text, name="wf.yaml", base=write(tmp_path / "base.yaml", base))


STEPS = "steps: [{run: x}]\n"


def test_fields_lie_beneath_every_document(tmp_path):
    found = under(
        tmp_path,
        "timeout_sec: 9\nqueue: slow\nworking_dir: /base\n",
        f"timeout_sec: 1\n{STEPS}---\nname: child\n{STEPS}",
    )
    assert (found.timeout_sec, found.rest["queue"], found.working_dir) == (1, "slow", "/base")
    assert found.documents["child"].timeout_sec == 9


def test_lists_of_declarations_come_first(tmp_path):
    found = under(
        tmp_path,
        "env: {A: 1, B: 2}\nconsts: [{x: 1}]\nsecrets: [{name: S, ref: r}]\n",
        f"env: [B=3]\nconsts: [{{y: '${{consts.x}}'}}]\nsecrets: [{{name: T, ref: r}}]\n{STEPS}",
    )
    assert [(entry.name, entry.value) for entry in found.env] == [("A", "1"), ("B", "2"), ("B", "3")]
    assert [name for name, _ in found.consts] == ["x", "y"]
    assert [secret.name for secret in found.secrets] == ["S", "T"]


def test_mappings_are_merged_key_by_key(tmp_path):
    found = under(
        tmp_path,
        "harnesses: {a: {binary: a}, b: {binary: b}}\nharness: {provider: a, model: m}\n"
        "defaults: {timeout_sec: 5, mail_on_error: true}\nhandler_on: {exit: {run: base}, failure: {run: base}}\n",
        "harnesses: {a: ~}\nharness: {model: n}\ndefaults: {timeout_sec: 7}\n"
        f"handler_on: {{exit: {{run: own}}}}\n{STEPS}",
    )
    assert found.harnesses["a"] is None
    assert found.harnesses["b"] is not None
    assert dict(found.harness or {}) == {"provider": "a", "model": "n"}
    assert (found.steps[0].timeout_sec, found.steps[0].mail_on_error) == (7, True)
    assert set(found.handlers) == {"exit", "failure"}
    assert found.base_handlers == ("failure",)


def test_an_empty_base_is_nothing(tmp_path):
    assert under(tmp_path, "# nothing\n", STEPS).timeout_sec == 0


@pytest.mark.parametrize(
    ("base", "at", "fragment"),
    [
        ("steps: [{run: x}]\n", "1:1", "no place in a base config"),
        ("name: x\n", "1:1", "no place in a base config"),
        ("- a\n", "1:1", "mapping of root keys"),
        ("queue: a\n---\nqueue: b\n", "1:1", "one mapping"),
        ("a: b: c\n", "1:5", "yaml"),
        ("workdir: x\n", "1:1", "invalid keys: workdir"),
        ("env: [X]\n", "1:7", "env[0]"),
    ],
)
def test_mistakes_are_told_at_their_place_in_the_base(tmp_path, base, at, fragment):
    with pytest.raises(WorkflowInvalid) as caught:
        under(tmp_path, base, STEPS)
    (problem,) = caught.value.problems
    assert problem.file == str(tmp_path / "base.yaml")
    assert f"{problem.line}:{problem.column}" == at
    assert fragment in problem.message


def test_a_mistake_in_the_base_is_told_once_for_all_documents(tmp_path):
    with pytest.raises(WorkflowInvalid) as caught:
        under(tmp_path, "env: [X]\ntimeout_sec: x\n", f"{STEPS}---\nname: a\n{STEPS}---\nname: b\n{STEPS}")
    assert [(each.line, each.column) for each in caught.value.problems] == [(1, 7), (2, 14)]


def test_a_base_that_is_not_there(tmp_path):
    with pytest.raises(WorkflowInvalid, match=r"none\.yaml.*No such file"):
        load_file(write(tmp_path / "wf.yaml", STEPS), base=tmp_path / "none.yaml")
