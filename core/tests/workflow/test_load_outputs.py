"""``outputs``, ``output`` and ``stdout.outputs``."""

from __future__ import annotations

import pytest

from dagu.workflow.model import DeclaredOutput, OutputEntry, StreamTarget


def one(load, line: str):
    return load(f"steps:\n  - {{id: a, run: x, {line}}}\n").steps[0]


def test_declared(load):
    found = one(load, "outputs: [{name: x}, {name: y, type: json}]")
    assert found.outputs == (DeclaredOutput(name="x"), DeclaredOutput(name="y", type="json"))
    assert load("steps: [{run: x}]\n").steps[0].outputs is None


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        (" ‸[]", "non-empty sequence"),
        (" ‸x", "non-empty sequence"),
        (" ‸{name: x}", "non-empty sequence"),
        (" [‸{type: json}]", "name is required"),
        (" [‸{name: }]", "name is required"),
        (" [‸{name: ''}]", "name is required"),
        (" [{name: ‸1x}]", "name must match"),
        (" [{name: ‸5}]", "name must match"),
        (" [{name: x}, {name: ‸x}]", "duplicate output name"),
        (" [{name: x, ‸desc: y}]", "unknown field"),
        (" [{name: x, type: ‸int}]", "type must be"),
        (" [{name: x, type: ‸}]", "type must be"),
    ],
)
def test_what_outputs_can_not_be(refused_here, value, fragment):
    refused_here(f"steps:\n  - {{id: a, run: x, outputs:{value}}}\n", "outputs", fragment)


def test_outputs_without_a_value(refused):
    refused("steps:\n  - id: a\n    run: x\n    outputs:\n", "4:13", "outputs", "non-empty sequence")


def test_outputs_need_an_id(refused):
    refused("steps:\n  - {name: a, run: x, outputs: [{name: b}]}\n", "2:23", "outputs", "must define id")
    refused("steps:\n  - {id: ' ', run: x, outputs: [{name: b}]}\n", "2:23", "outputs", "must define id")


def test_output_as_text(load, refused):
    assert one(load, "output: RESULT").output == "RESULT"
    refused("steps:\n  - {run: x, output: a b}\n", "2:22", "output", "name of a variable")
    refused("steps:\n  - {run: x, output: [a]}\n", "2:22", "output")
    refused("steps:\n  - {run: x, output: {}}\n", "2:22", "output")


def test_output_as_object(load):
    found = one(
        load,
        "output: {a: 1, b: {c: [d]}, e: {value: {f: g}}, h: {from: stdout}, "
        "i: {from: file, path: p, decode: json, select: .x.y}, j: 'text ${params.z}'}",
    )
    assert found.output == (
        OutputEntry(key="a", value=1),
        OutputEntry(key="b", value={"c": ("d",)}),
        OutputEntry(key="e", value={"f": "g"}),
        OutputEntry(key="h", source="stdout"),
        OutputEntry(key="i", source="file", path="p", decode="json", select=".x.y"),
        OutputEntry(key="j", value="text ${params.z}"),
    )


@pytest.mark.parametrize(
    ("entry", "fragments"),
    [
        ("{from: ‸stdin}", ("output.a.from", "stdout, stderr, file")),
        ("‸{from: file}", ("output.a.path", "required")),
        ("{from: stdout, ‸path: p}", ("output.a.path", "from: file only")),
        ("{from: stdout, decode: ‸xml}", ("output.a.decode", "text, json, yaml")),
        ("{from: stdout, ‸selekt: .a}", ("invalid keys: selekt",)),
        ("{from: stdout, select: ‸a b}", ("output.a.select", ".a.b")),
    ],
)
def test_what_an_entry_can_not_be(refused_here, entry, fragments):
    refused_here(f"steps:\n  - {{id: a, run: x, output: {{a: {entry}}}}}\n", *fragments)


def test_outputs_of_stdout(load):
    short = one(load, "stdout: {outputs: result}").stdout
    assert short == StreamTarget(field="result", outputs=(OutputEntry(key="result", source="stdout"),))
    decoded = one(load, "stdout: {outputs: {field: r, decode: json, select: .a}}").stdout
    assert decoded is not None
    assert decoded.outputs == (OutputEntry(key="r", source="stdout", decode="json", select=".a"),)
    many = one(
        load, "stdout: {artifact: f, outputs: {fields: {a: {decode: json, select: .a}, b: {from: stdout}}}}"
    )
    assert many.stdout is not None
    assert many.stdout.artifact == "f"
    assert [(each.key, each.source, each.decode) for each in many.stdout.outputs] == [
        ("a", "stdout", "json"),
        ("b", "stdout", "text"),
    ]


@pytest.mark.parametrize(
    ("outputs", "fragment"),
    [
        ("{field: a, fields: {b: {decode: json}}}", "exactly one of field and fields"),
        ("{decode: json}", "exactly one of field and fields"),
        ("{fields: {a: {from: stderr}}}", "must be stdout here"),
        ("{fields: {a: {decode: json}}, decode: json}", "belongs to the entries"),
        ("a b", "name of a variable"),
        ("[a]", "name of a field"),
    ],
)
def test_what_outputs_of_stdout_can_not_be(all_problems, outputs, fragment):
    (problem,) = all_problems(f"steps:\n  - {{run: x, stdout: {{outputs: {outputs}}}}}\n")
    assert "steps[0].stdout.outputs" in problem
    assert fragment in problem
