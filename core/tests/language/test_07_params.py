"""Section 7 of the reference: parameters."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from .conftest import Ended, Project

SHOW = """
steps:
  - {id: a, run: "printf '%s' '${params}'"}
  - {id: b, run: 'printf "%s" "$DAG_PARAMS_JSON"'}
"""


def given(ended: Ended) -> object:
    """``${params}`` of a run of SHOW."""
    assert ended.code == 0, ended.err
    text = ended.stdout("a")
    assert text == ended.stdout("b")
    assert json.loads(text) == json.loads(json.dumps(json.loads(text)))
    return json.loads(text)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ("[{name: a-b, type: string}]", "a-b"),
        ("[{name: p, type: string}, {name: p, type: string}]", "p"),
        ("[{name: p, type: string, unknown: 1}]", "p"),
        ("[{name: p}]", "p"),
        ("[{name: p, type: list}]", "p"),
        ("[{name: p, type: string, minimum: 1}]", "p"),
        ("[{name: p, type: integer, min_length: 1}]", "p"),
        ("[{name: p, type: integer, default: x}]", "p"),
        ("[{name: p, enum: [a, b], default: c}]", "p"),
        ("[{name: p, type: integer, minimum: 5, default: 4}]", "p"),
        ("[{name: p, max_length: 2, default: abc}]", "p"),
        ("[{name: p, pattern: '^a', default: b}]", "p"),
        ("[{name: p, pattern: '(', default: b}]", "p"),
    ],
)
def test_load_errors(dagu: Project, params: str, name: str) -> None:
    dagu.refuses(f"params: {params}\nsteps: [{{id: a, run: touch ran}}]\n", "params", name)


class TestForms:
    def test_a_string(self, dagu: Project) -> None:
        ended = dagu.start(f"params: a b\n{SHOW}")
        assert given(ended) == {"1": "a", "2": "b"}
        named = dagu.start(f'params: K=v L="two words"\n{SHOW}')
        assert given(named) == {"K": "v", "L": "two words"}

    def test_a_list_of_strings_maps_and_definitions(self, dagu: Project) -> None:
        ended = dagu.start(f"params: [K=v, {{L: 2}}, {{name: M, type: boolean, default: true}}]\n{SHOW}")
        assert given(ended) == {"K": "v", "L": "2", "M": "true"}

    def test_a_map(self, dagu: Project) -> None:
        assert given(dagu.start(f"params: {{K: v, L: 1.50}}\n{SHOW}")) == {"K": "v", "L": "1.5"}

    def test_a_json_schema_in_place(self, dagu: Project) -> None:
        text = f"""
params:
  type: object
  properties:
    n: {{type: integer, default: 3, maximum: 5}}
    tags: {{type: array, items: {{type: string}}}}
  required: [n]
{SHOW}"""
        assert given(dagu.start(text)) == {"n": "3"}
        assert given(dagu.start(text, "--", "n=4", 'tags=["x"]')) == {"n": "4", "tags": '["x"]'}
        dagu.start(text, "-p", "n=6").fails_with("params", "n")
        dagu.start(text, "-p", "4").fails_with("too many positional")

    def test_a_json_schema_by_path_with_values(self, dagu: Project) -> None:
        dagu.file("s.json", '{"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}')
        assert given(dagu.start(f"params: {{schema: s.json, values: {{n: 2}}}}\n{SHOW}")) == {"n": "2"}
        assert given(dagu.start(f"params: {{schema: s.json}}\n{SHOW}")) == {"n": "1"}
        dagu.start(f"params: {{schema: nope.json}}\n{SHOW}").fails_with("params.schema", "nope.json")

    def test_a_json_schema_by_url(self, dagu: Project) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b'{"type": "object", "properties": {"n": {"type": "integer", "default": 7}}}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/s.json"
            assert given(dagu.start(f"params: {{schema: '{url}'}}\n{SHOW}")) == {"n": "7"}
        finally:
            server.shutdown()
            server.server_close()


class TestInput:
    def test_tokens_words_and_json(self, dagu: Project) -> None:
        text = f"params: [{{name: tier, default: x}}, {{name: note, default: y}}]\n{SHOW}"
        both = {"tier": "paid", "note": 'two "words"'}
        assert given(dagu.start(text, "-p", r'tier=paid note="two \"words\""')) == both
        assert given(dagu.start(text, "--", "tier=paid", 'note=two "words"')) == both
        payload = '{"tier": "paid",  "note": "x"}'
        ended = dagu.start(text, "-p", payload)
        assert ended.stdout("a") == payload  # verbatim
        assert dagu.start(text, "--", '["paid", "n"]').stdout("a") == '["paid", "n"]'

    def test_unnamed_ones_fill_declarations_in_order(self, dagu: Project) -> None:
        text = f"params: [{{name: a, default: x}}, {{name: b, default: y}}]\n{SHOW}"
        assert given(dagu.start(text, "-p", "1 2")) == {"a": "1", "b": "2"}
        assert given(dagu.start(text, "-p", "1")) == {"a": "1", "b": "y"}
        dagu.start(text, "-p", "1 2 3").fails_with("too many positional")

    def test_others_are_unknown_if_names_are_declared(self, dagu: Project) -> None:
        dagu.start(f"params: [{{name: a, default: x}}]\n{SHOW}", "-p", "b=1").fails_with(
            "unknown parameter", "b"
        )

    def test_without_declarations_anything_goes(self, dagu: Project) -> None:
        assert given(dagu.start(SHOW, "-p", "one K=v")) == {"1": "one", "K": "v"}

    @pytest.mark.parametrize(
        ("definition", "value"),
        [
            ("type: integer", "x"),
            ("type: integer", "1.5"),
            ("type: number", "x"),
            ("type: boolean", "yes"),
            ("enum: [a, b]", "c"),
            ("type: integer, enum: [1, 2]", "3"),
            ("type: integer, minimum: 3", "2"),
            ("type: number, maximum: 3", "3.1"),
            ("min_length: 2", "a"),
            ("max_length: 2", "abc"),
            ("pattern: '^a+$'", "ab"),
        ],
    )
    def test_a_violation_names_the_param_and_stops_the_run(
        self, dagu: Project, definition: str, value: str
    ) -> None:
        ended = dagu.start(
            f"working_dir: .\nparams: [{{name: the_name, {definition}}}]\nsteps: [{{id: a, run: touch ran}}]\n",
            *("-p", f"the_name={value}"),
        )
        ended.fails_with("the_name")
        assert not (dagu.directory / "ran").exists()

    @pytest.mark.parametrize(
        ("definition", "value", "text"),
        [
            ("type: integer", "007", "7"),
            ("type: number", "1.50", "1.5"),
            ("type: boolean", "TRUE", "true"),
            ("type: integer, enum: [1, 2]", "2", "2"),
            ("pattern: '^\\d+$'", "12", "12"),
        ],
    )
    def test_values_are_coerced_then_text(
        self, dagu: Project, definition: str, value: str, text: str
    ) -> None:
        ended = dagu.start(
            f"params: [{{name: p, {definition}}}]\nsteps: [{{id: a, run: 'echo ${{params.p}} $p'}}]\n",
            *("-p", f"p={value}"),
        )
        assert ended.stdout("a") == f"{text} {text}"

    def test_required_without_a_value(self, dagu: Project) -> None:
        text = (
            "params: [{name: tier, enum: [free, paid], required: true}]\nsteps: [{id: a, run: touch ran}]\n"
        )
        assert dagu.validate(text).code == 0
        dagu.start(text).fails_with("tier", "required")
        assert dagu.start(text, "-p", "free").code == 0


class TestSelection:
    def test_caller_then_eval_then_default_then_none(self, dagu: Project) -> None:
        text = f"""
params:
  - {{name: a, eval: '$(echo evaluated)', default: undated}}
  - {{name: b, eval: '$(exit 1)', default: undated}}
  - {{name: c, default: plain}}
  - {{name: d, type: string}}
{SHOW}"""
        assert given(dagu.start(text)) == {"a": "evaluated", "b": "undated", "c": "plain"}
        assert given(dagu.start(text, "-p", "a=caller b=caller d=")) == {
            "a": "caller",
            "b": "caller",
            "c": "plain",
            "d": "",
        }

    def test_in_source_order_each_sees_what_is_chosen_already(self, dagu: Project) -> None:
        text = f"""
consts: [{{c: const}}]
env:
  - PLAIN: plain-$HOST_VALUE
  - NEEDS: needs-${{params.first}}
  - BY_WAY: by-$NEEDS
  - AGAIN: $PLAIN!
params:
  - {{name: first, default: one}}
  - {{name: second, eval: '$(echo ${{params.first}}-$first-${{consts.c}}-$PLAIN-$AGAIN)'}}
  - {{name: third, eval: '${{params.second}}-${{params.fourth}}-$NEEDS-$BY_WAY'}}
  - {{name: fourth, default: four}}
{SHOW}"""
        assert given(dagu.start(text, HOST_VALUE="host")) == {
            "first": "one",
            "second": "one-one-const-plain-host-plain-host!",
            "third": "one-one-const-plain-host-plain-host!-${params.fourth}-$NEEDS-$BY_WAY",
            "fourth": "four",
        }

    def test_a_command_of_eval_gets_the_host_environment_and_what_is_known(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            env: {PLAIN: plain}
            params:
              - {name: first, default: one}
              - {name: p, eval: '$(env)'}
            steps: [{id: a, run: "cat <<'END'\\n${params.p}\\nEND\\n"}]
            """,
            HOST_VALUE="host",
        )
        assert {"HOST_VALUE=host", "PLAIN=plain", "first=one"} <= set(ended.stdout("a").splitlines())

    def test_eval_that_fails_without_a_default(self, dagu: Project) -> None:
        dagu.start("params: [{name: p, eval: '`false`'}]\nsteps: [{id: a, run: touch ran}]\n").fails_with(
            "params", "p", "eval failed"
        )

    def test_an_evaluated_value_is_checked_too(self, dagu: Project) -> None:
        dagu.start(
            "params: [{name: p, type: integer, eval: '$(echo x)'}]\nsteps: [{id: a, run: 'true'}]\n"
        ).fails_with("p")


class TestAsText:
    def test_params_is_absent_when_nothing_has_a_value(self, dagu: Project) -> None:
        ended = dagu.start(
            "params: [{name: p, type: string}]\n"
            "steps: [{id: a, run: \"echo '${params}' ${DAG_PARAMS_JSON-unset}\"}]\n"
        )
        assert ended.stdout("a") == "${params} unset"

    def test_positional_values_have_no_reference_of_their_own(self, dagu: Project) -> None:
        ended = dagu.start("params: a b\nsteps: [{id: a, run: \"echo '${params.1}' '${params}'\"}]\n")
        assert ended.stdout("a") == '${params.1} {"1":"a","2":"b"}'

    def test_they_are_environment_variables(self, dagu: Project) -> None:
        ended = dagu.start("params: {tier: paid}\nsteps: [{id: a, run: echo $tier}]\n")
        assert ended.stdout("a") == "paid"
