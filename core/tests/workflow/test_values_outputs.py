"""Outputs of steps, and the items of parallel and foreach."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.workflow.model import DeclaredOutput, OutputEntry
from dagu.workflow.values.errors import ItemsInvalid, OutputInvalid
from dagu.workflow.values.items import (
    BodyResult,
    enqueue_stdout,
    foreach_items,
    foreach_scopes,
    foreach_stdout,
    parallel_items,
    parallel_stdout,
)
from dagu.workflow.values.output_entries import output_entries, select
from dagu.workflow.values.outputs import output_variable, parse_output_file, upstream_variables
from dagu.workflow.values.resolve import resolve
from dagu.workflow.values.scope import Scope

DECLARED = (DeclaredOutput(name="tag"), DeclaredOutput(name="meta", type="json"))


def parsed(text: str | bytes, *names: str, max_size: int = 1024) -> dict[str, str]:
    content = text if isinstance(text, bytes) else text.encode()
    declared = tuple(DeclaredOutput(name=name) for name in names)
    return parse_output_file(content, declared, max_size=max_size)


# The output file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=v1", "v1"),
        ("a=\n", ""),
        ("a=x=y\n", "x=y"),
        ("a=prefix<<suffix\n", "prefix<<suffix"),
        ("a= spaced \r\n", " spaced "),
        ("a<<END\nEND\n", ""),
        ("a<<END\none\n\ntwo=2\nEND\n", "one\n\ntwo=2"),
        ("a<<E_1\r\none\r\nE_1 \r\nE_1", "one\nE_1 "),
        ("a<<EOF\nb=1\rc\nEOF\n", "b=1\nc"),
    ],
)
def test_records(text: str, value: str) -> None:
    assert parsed(text, "a") == {"a": value}


def test_json_is_kept_as_emitted() -> None:
    values = parse_output_file(b'meta={ "a": 1.50 }\ntag=v1\n', DECLARED, max_size=100)
    assert values == {"meta": '{ "a": 1.50 }', "tag": "v1"}
    assert parse_output_file(b"meta=null\ntag=\n", DECLARED, max_size=100)["meta"] == "null"


def test_a_declared_output_that_is_missing() -> None:
    with pytest.raises(OutputInvalid) as caught:
        parsed("a=1", "a", "image_tag", "other")
    assert "image_tag: declared but not emitted" in caught.value.message
    assert "other" in caught.value.message


@pytest.mark.parametrize("declared", [(), None])
def test_an_undeclared_output(declared: tuple[DeclaredOutput, ...] | None) -> None:
    with pytest.raises(OutputInvalid, match="surprise: undeclared step output"):
        parse_output_file(b"surprise=1\n", declared, max_size=100)
    assert parse_output_file(b"", declared, max_size=100) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a=1\na=2\n", "more than once"),
        ("a=1\n\n", "line 2 of the output file is empty"),
        ("\na=1\n", "line 1 of the output file is empty"),
        ("a<<END\nx\nEND\nword", "line 4 of the output file is none"),
        ("=x\n", "line 1"),
        ("a<<END\nx\n", "not closed by END"),
        ("a<<E D\nx\nE D\n", "no identifier"),
        ("a<<\n\n", "no identifier"),
        (b"a=\xff\n", "not UTF-8"),
        ("a=" + "x" * 2000, "max_output_size"),
    ],
)
def test_what_is_no_output_file(text: str | bytes, reason: str) -> None:
    with pytest.raises(OutputInvalid, match=reason):
        parsed(text, "a")


@pytest.mark.parametrize("text", ["{", "", "NaN", "'a'", "[" * 100_000])
def test_bad_json(text: str) -> None:
    with pytest.raises(OutputInvalid, match="meta: not JSON"):
        parse_output_file(f"tag=1\nmeta={text}\n".encode(), DECLARED, max_size=1_000_000)


@given(st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True), st.text('ab=<\n \té\\"')))
def test_any_value_can_be_emitted_in_a_block(values: dict[str, str]) -> None:
    text = "".join(
        f"{name}<<END_OF_IT\n{value}{chr(10) if value else ''}END_OF_IT\n" for name, value in values.items()
    )
    assert parsed(text, *values, max_size=1 << 20) == values


@given(st.binary(max_size=60))
def test_no_file_raises_anything_else(content: bytes) -> None:
    with contextlib.suppress(OutputInvalid):
        parse_output_file(content, DECLARED, max_size=50)


# The output variable


def test_a_variable_is_trimmed() -> None:
    assert output_variable("\n a b \n\n") == "a b"


def test_the_step_visited_last_wins() -> None:
    depends = {"end": ["left", "right"], "left": ["top"], "right": ["top"], "other": []}
    variables = {
        "left": {"X": "left", "L": "1"},
        "right": {"X": "right"},
        "top": {"T": "top"},
        "other": {"X": "other"},
        "end": {"X": "own"},
    }
    assert upstream_variables("end", depends, lambda name: variables.get(name, {})) == {
        "X": "right",
        "L": "1",
        "T": "top",
    }
    assert (
        upstream_variables("end", depends, lambda name: {**variables, "top": {"X": "top"}}.get(name, {}))["X"]
        == "top"
    )


def test_each_step_is_visited_once() -> None:
    depends = {"d": ["a", "b"], "b": ["a"], "a": ["b"]}
    assert upstream_variables("d", depends, lambda name: {"a": {"X": "a"}, "b": {"X": "b"}}[name]) == {
        "X": "b"
    }


# Object output

SOURCES = {"stdout": ' {"a": {"b": [10, 20]}} \n', "stderr": "oops\n", "file": "list:\n- x\n- {y: 1}\n"}
READS: list[tuple[str, str]] = []


def read(source: str, path: str) -> str:
    READS.append((source, path))
    return SOURCES[source]


def published(**entry: object) -> object:
    scope = Scope(params={"env": "prod"}, env={"A": "alpha"})
    return output_entries([OutputEntry(key="k", **entry)], scope, read)["k"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"value": "r-${params.env}-$A-$(date)"}, "r-prod-alpha-$(date)"),
        ({"value": {"n": 1, "s": ["${params.env}"]}}, {"n": 1, "s": ("prod",)}),
        ({"value": None}, None),
        ({"source": "stdout"}, '{"a": {"b": [10, 20]}}'),
        ({"source": "stderr"}, "oops"),
        ({"source": "stdout", "decode": "json", "select": ".a.b"}, [10, 20]),
        ({"source": "stdout", "decode": "json", "select": ".a.b[1]"}, 20),
        ({"source": "stdout", "decode": "json"}, {"a": {"b": [10, 20]}}),
        ({"source": "file", "path": "${params.env}.yml", "decode": "yaml", "select": ".list[1].y"}, 1),
    ],
)
def test_entries(entry: dict[str, object], value: object) -> None:
    assert published(**entry) == value


def test_paths_are_resolved() -> None:
    published(source="file", path="${params.env}/$A.txt")
    assert READS[-1] == ("file", "prod/alpha.txt")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"source": "stderr", "decode": "json"}, "k: stderr is not json"),
        ({"source": "stdout", "decode": "json", "select": ".a.c"}, "k: nothing stands at '.a.c'"),
        ({"source": "stdout", "decode": "json", "select": ".a.b[9]"}, "k: nothing stands"),
        ({"source": "stdout", "decode": "json", "select": ".a[0]"}, "k: nothing stands"),
        ({"source": "stdout", "decode": "json", "select": ".a["}, "k: nothing stands"),
    ],
)
def test_what_can_not_be_published_names_its_key(entry: dict[str, object], reason: str) -> None:
    with pytest.raises(OutputInvalid) as caught:
        published(**entry)
    assert reason in caught.value.message


def test_the_whole_is_selected_by_a_dot() -> None:
    assert select({"a": 1}, ".") == {"a": 1}
    assert select([[1]], ".[0][0]") == 1


# Items of parallel


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (("a", 1, {"k": True}), ("a", 1, {"k": True})),
        ('["a", {"k": [1]}, null]', ("a", {"k": [1]}, None)),
        (' {"k": "v"} ', ({"k": "v"},)),
        ("a b,c;d|e\tf\ng", ("a", "b", "c", "d", "e", "f", "g")),
        ('one "two words" x"y, z"', ("one", "two words", "xy, z")),
        (",, a ;; ", ("a",)),
        ("[broken", ("[broken",)),
        ("12", ("12",)),
    ],
)
def test_items_of_parallel(items: object, expected: tuple[object, ...]) -> None:
    assert parallel_items(items) == expected


@pytest.mark.parametrize("items", ["", "  \n", "[]", (), ' "" '])
def test_parallel_needs_items(items: object) -> None:
    with pytest.raises(ItemsInvalid, match="no items"):
        parallel_items(items)


def test_a_thousand_items_are_the_most() -> None:
    assert len(parallel_items("x " * 1000)) == len(foreach_items(tuple(range(1000)))) == 1000
    with pytest.raises(ItemsInvalid, match="1000"):
        parallel_items("x " * 1001)
    with pytest.raises(ItemsInvalid, match="1000"):
        foreach_items(json.dumps(list(range(1001))))


def test_parallel_prints_indented_json() -> None:
    text = parallel_stdout([{"name": "c", "status": "failed"}, {"name": "d"}], [{"X": "1"}])
    assert text.startswith(
        '{\n  "summary": {\n    "total": 2,\n    "succeeded": 1,\n    "failed": 1\n  },\n  "results": [\n'
    )
    assert json.loads(text)["outputs"] == [{"X": "1"}]
    assert json.loads(enqueue_stdout([{"name": "c"}])) == {
        "summary": {"total": 1, "queued": 1},
        "runs": [{"name": "c"}],
    }


# Items of foreach


def test_items_of_foreach() -> None:
    assert foreach_items('[1, "a", {"x": null}]') == (1, "a", {"x": None})
    assert foreach_items(()) == foreach_items("[]") == ()


@pytest.mark.parametrize("items", ["", "a b", '{"a": 1}', "${steps.x.outputs.y}", "3"])
def test_a_string_has_to_be_a_json_array(items: str) -> None:
    with pytest.raises(ItemsInvalid, match=r"foreach\.items string must resolve to a JSON array"):
        foreach_items(items)


def test_keys_are_the_index_or_resolved_with_the_item() -> None:
    scopes = foreach_scopes([{"dns": "a"}, {"dns": "b"}], "host", "", Scope())
    assert [resolve("${foreach.key}=${foreach.host.dns}", scope) for scope in scopes] == ["0=a", "1=b"]
    scopes = foreach_scopes(
        [{"dns": "a"}, {"dns": "b"}], "host", "${foreach.index}-${foreach.host.dns}", Scope()
    )
    assert [resolve("${foreach.key}", scope) for scope in scopes] == ["0-a", "1-b"]


def test_keys_are_unique_and_not_empty() -> None:
    with pytest.raises(ItemsInvalid, match="duplicate foreach item key 'a'"):
        foreach_scopes(["a", "b", "a"], "item", "${foreach.item}", Scope())
    with pytest.raises(ItemsInvalid, match=r"foreach\.key of item 1 is empty"):
        foreach_scopes(["a", ""], "item", "${foreach.item}", Scope())


def test_foreach_prints_compact_json_in_the_order_of_items() -> None:
    results = [
        BodyResult(key="a", status="succeeded", outputs={"state": "up"}),
        BodyResult(key="b", status="failed", error="exit status 1", succeeded=False),
    ]
    assert foreach_stdout(results) == (
        '{"summary":{"total":2,"succeeded":1,"failed":1},"items":['
        '{"index":0,"key":"a","status":"succeeded","outputs":{"state":"up"}},'
        '{"index":1,"key":"b","status":"failed","error":"exit status 1"}],"outputs":[{"state":"up"}]}'
    )
    assert foreach_stdout([]) == '{"summary":{"total":0,"succeeded":0,"failed":0},"items":[],"outputs":[]}'
