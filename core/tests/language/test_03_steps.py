"""Section 3 of the reference: what a step is called, and what it waits for."""

from __future__ import annotations

import pytest

from .conftest import Project


@pytest.mark.parametrize(
    ("steps", "fragments"),
    [
        ("{id: 1a, run: touch ran}", ["invalid step ID format"]),
        ("{id: a-b, run: touch ran}", ["invalid step ID format"]),
        (f"{{id: {'a' * 41}, run: touch ran}}", ["step ID must be at most 40"]),
        (f"{{name: {'ä' * 128}, run: touch ran}}", ["step name must be at most 255"]),
        *[
            (f"{{id: {word}, run: touch ran}}", ["reserved word"])
            for word in ("env", "OUTPUT", "Outputs", "params", "stderr", "stdout", "args")
        ],
        ("{id: a, run: touch ran}, {id: a, run: touch ran}", ["duplicate step ID"]),
        ("{name: a, run: touch ran}, {name: a, run: touch ran}", ["step name", "unique"]),
        ("{id: a, run: touch ran}, {name: a, run: touch ran}", ["conflicts"]),
        ("{id: a, run: touch ran, depends: 3}", ["depends", "string or array"]),
        ("{id: a, run: touch ran, depends: {x: y}}", ["depends", "string or array"]),
        ("{id: a, run: touch ran, depends: b}", ["depends on non-existent step"]),
        ("{id: a, run: touch ran}, {id: b, run: touch ran, depends: ' a'}", ["depends on non-existent step"]),
        ("{id: a, run: touch ran, dependencies: ['${consts.x}']}", ["dependencies", "literal"]),
        ("{id: a, run: touch ran, action: exec}", ["run", "action"]),
        ("{id: a}", ["run", "action", "foreach"]),
        ("{id: a, run: touch ran, shell: bash}", ["shell"]),
        ("{id: a, run: touch ran, unknown: 1}", ["unknown"]),
    ],
)
def test_load_errors(dagu: Project, steps: str, fragments: list[str]) -> None:
    dagu.refuses(f"steps: [{steps}]\n", *fragments)


@pytest.mark.parametrize(
    "steps",
    [
        "{id: a, run: touch ran, depends: b}, {id: b, run: touch ran, depends: a}",
        "{id: a, run: touch ran, depends: a}",
    ],
)
def test_cycles_load_but_do_not_start(dagu: Project, steps: str) -> None:
    text = f"working_dir: .\nsteps: [{{id: other, run: touch ran}}, {steps}]\n"
    assert dagu.validate(text).code == 0
    dagu.start(text).fails_with("cyclic")
    assert not (dagu.directory / "ran").exists()


def test_id_and_name_are_trimmed_and_blank_is_absent(dagu: Project) -> None:
    ended = dagu.start(
        """
        steps:
          - {id: ' a ', run: 'echo ${context.step.id} ${context.step.name}'}
          - {id: b, name: ' long name ', run: 'echo "${context.step.id} $DAG_RUN_STEP_NAME"'}
          - {id: '  ', name: '  ', run: echo generated}
        """
    )
    names = list(ended.steps)
    assert names[:2] == ["a", "long name"]
    assert names[2]
    assert ended.stdout("a") == "a a"
    assert ended.stdout("long name") == "b long name"
    assert ended.stdout(names[2]) == "generated"


def test_depends_takes_ids_and_names_null_text_and_lists(dagu: Project) -> None:
    ended = dagu.start(
        """
        working_dir: .
        steps:
          - {id: a, name: first one, run: echo a >> order, depends: null}
          - {id: b, run: echo b >> order, depends: a}
          - {id: c, run: echo c >> order, depends: [first one, b]}
          - {name: '4', run: echo d >> order, depends: c}
          - {id: e, run: echo e >> order, depends: [4]}
          - {id: f, run: 'true', depends: []}
        """
    )
    assert ended.code == 0
    assert dagu.read("order").split() == ["a", "b", "c", "d", "e"]


def test_a_name_may_have_255_bytes_and_an_id_40(dagu: Project) -> None:
    name, step_id = "n" * 255, "i" * 40
    ended = dagu.start(f"steps: [{{name: {name}, run: echo long}}, {{id: {step_id}, run: 'true'}}]\n")
    assert ended.stdout(name) == "long"
    assert set(ended.steps) == {name, step_id}


def test_dependencies_are_inert(dagu: Project) -> None:
    assert dagu.start("steps: [{id: a, run: 'true', dependencies: ['*.nope']}]\n").code == 0
