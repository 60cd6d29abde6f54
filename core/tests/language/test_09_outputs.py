"""Section 9 of the reference: what steps publish, and who reads it."""

from __future__ import annotations

import json

import pytest

from .conftest import Ended, Project


@pytest.mark.parametrize(
    ("outputs", "fragment"),
    [
        ("null", "non-empty sequence"),
        ("[]", "non-empty sequence"),
        ("{a: b}", "non-empty sequence"),
        ("[{type: json}]", "name is required"),
        ("[{name: a-b}]", "name must match"),
        ("[{name: _a}]", "name must match"),
        ("[{name: a}, {name: a}]", "duplicate output name"),
        ("[{name: a, x: 1}]", "unknown field"),
        ("[{name: a, type: number}]", "type must be"),
    ],
)
def test_load_errors(dagu: Project, outputs: str, fragment: str) -> None:
    dagu.refuses(f"steps: [{{id: a, run: touch ran, outputs: {outputs}}}]\n", "outputs", fragment)


def test_outputs_need_an_id(dagu: Project) -> None:
    dagu.refuses("steps: [{run: touch ran, outputs: [{name: a}]}]\n", "outputs", "must define id")


def publish(dagu: Project, printed: str, outputs: str, *, limit: str = "", show: str = "") -> Ended:
    """A step that writes its output file with printf(1), and one that shows what came of it."""
    dagu.file("content", "")
    (dagu.directory / "content").write_bytes(printed.encode("utf-8", "surrogateescape"))
    return dagu.start(
        f"""
        working_dir: .
        {limit}
        steps:
          - {{id: a, run: cat content > $DAGU_OUTPUT_FILE, outputs: {outputs}}}
          - {{id: b, depends: a, action: file.write, with: {{path: shown, overwrite: true, content: '{show}'}}}}
        """
    )


class TestDeclared:
    @pytest.mark.parametrize(
        ("printed", "outputs", "show", "shown"),
        [
            ("v=one\n", "[{name: v}]", "${steps.a.outputs.v}", "one"),
            ("v=one", "[{name: v}]", "${steps.a.outputs.v}", "one"),
            ("v=\n", "[{name: v}]", "<${steps.a.outputs.v}>", "<>"),
            ("v= a=b \n", "[{name: v}]", "<${steps.a.outputs.v}>", "< a=b >"),
            ("v=a<<b\n", "[{name: v}]", "${steps.a.outputs.v}", "a<<b"),
            ("v<<END\nx=1\n\n  y\nEND\n", "[{name: v}]", "<${steps.a.outputs.v}>", "<x=1\n\n  y>"),
            ("v<<END\nEND\n", "[{name: v}]", "<${steps.a.outputs.v}>", "<>"),
            ("v<<_e1\na\r\nb\r\n_e1\r\n", "[{name: v}]", "<${steps.a.outputs.v}>", "<a\nb>"),
            (
                "v=one\rw=two\r",
                "[{name: v}, {name: w}]",
                "${steps.a.outputs.w}${steps.a.outputs.v}",
                "twoone",
            ),
            (
                'v={"b": [1,  2.50], "a": null}\n',
                "[{name: v, type: json}]",
                "${steps.a.outputs.v}",
                '{"b": [1,  2.50], "a": null}',
            ),
            ("v=ä€\n", "[{name: v, type: string}]", "${steps.a.outputs.v}", "ä€"),
        ],
    )
    def test_records(self, dagu: Project, printed: str, outputs: str, show: str, shown: str) -> None:
        ended = publish(dagu, printed, outputs, show=show)
        assert ended.code == 0, ended.err
        assert (dagu.directory / "shown").read_text() == shown

    @pytest.mark.parametrize(
        ("printed", "outputs", "fragments"),
        [
            ("", "[{name: v}]", ["v", "not emitted"]),
            ("v=1\n", "[{name: v}, {name: w}]", ["w", "not emitted"]),
            ("v=1\nx=2\n", "[{name: v}]", ["x", "undeclared step output"]),
            ("v=1\nv=2\n", "[{name: v}]", ["v"]),
            ("v=1\n\nw=2\n", "[{name: v}, {name: w}]", ["line 2"]),
            ("nothing\n", "[{name: v}]", ["line 1"]),
            ("v<<END\nx\n", "[{name: v}]", ["v", "END"]),
            ("v<<E-D\nx\nE-D\n", "[{name: v}]", ["v"]),
            ("v={\n", "[{name: v, type: json}]", ["v", "JSON"]),
            ("v=NaN\n", "[{name: v, type: json}]", ["v", "JSON"]),
            ("v=\udcff\n", "[{name: v}]", ["UTF-8"]),
        ],
    )
    def test_what_fails_the_attempt(
        self, dagu: Project, printed: str, outputs: str, fragments: list[str]
    ) -> None:
        ended = publish(dagu, printed, outputs)
        ended.fails_with(*fragments)
        assert ended.steps == {"a": "failed", "b": "aborted"}
        assert ended.step("a").attempts[0].status == "failed"

    def test_a_step_that_declares_nothing_may_not_emit_anything(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: echo v=1 > $DAGU_OUTPUT_FILE}, {id: b, run: 'true'}]\n")
        ended.fails_with("v", "undeclared step output")
        assert ended.steps == {"a": "failed", "b": "succeeded"}

    def test_too_much(self, dagu: Project) -> None:
        publish(dagu, "v=12345678\n", "[{name: v}]", limit="max_output_size: 10").fails_with(
            "max_output_size"
        )
        assert publish(dagu, "v=1234567\n", "[{name: v}]", limit="max_output_size: 10").code == 0
        publish(dagu, f"v={'x' * 1024 * 1024}\n", "[{name: v}]").fails_with("max_output_size")

    def test_each_attempt_gets_a_new_empty_file_and_only_a_good_one_publishes(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                retry_policy: {limit: 3, interval_sec: 0}
                outputs: [{name: v}]
                run: |
                  wc -c < $DAGU_OUTPUT_FILE
                  echo "$DAGU_OUTPUT_FILE" >> paths
                  n=$(wc -l < paths)
                  case $n in
                    1) echo v=failed > $DAGU_OUTPUT_FILE; exit 1;;
                    2) echo w=undeclared > $DAGU_OUTPUT_FILE;;
                    3) echo v=$n > $DAGU_OUTPUT_FILE;;
                  esac
              - {id: b, depends: a, run: 'echo ${steps.a.outputs.v}'}
            """
        )
        assert ended.code == 0, ended.err
        assert ended.stdout("b") == "3"
        assert [attempt.status.value for attempt in ended.step("a").attempts] == [
            "failed",
            "failed",
            "succeeded",
        ]
        assert [ended.stdout("a", number) for number in (1, 2, 3)] == ["0", "0", "0"]
        assert len(set(dagu.read("paths").splitlines())) == 3

    def test_a_failed_step_publishes_nothing(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: a
                outputs: [{name: v}]
                output: VAR
                continue_on: failed
                run: echo v=1 > $DAGU_OUTPUT_FILE; echo out; exit 1
              - {id: b, depends: a, run: "echo '${steps.a.outputs.v}' ${VAR-unset} '${a.output}'"}
            """
        )
        assert ended.stdout("b") == "${steps.a.outputs.v} unset ${a.output}"
        assert "exit code 1" in ended.step("a").error

    @pytest.mark.parametrize("output", ["output: VAR", "stdout: {outputs: VAR}", "output: {VAR: x}"])
    def test_in_no_form(self, dagu: Project, output: str) -> None:
        ended = dagu.start(
            f"""
            steps:
              - {{id: a, {output}, continue_on: failed, run: echo out; exit 1}}
              - {{id: b, depends: a, run: "echo ${{VAR-unset}} '${{a.output}} ${{a.outputs.VAR}} ${{a.output.VAR}}'"}}
            """
        )
        assert ended.stdout("b") == "unset ${a.output} ${a.outputs.VAR} ${a.output.VAR}"
        assert ended.step("a").outputs == {}


class TestWhoReads:
    def test_steps_that_depend_on_it_directly_or_not(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            max_active_steps: 1
            steps:
              - {id: a, name: first, run: echo v=1 > $DAGU_OUTPUT_FILE, outputs: [{name: v}]}
              - {id: b, depends: a, run: "echo '${steps.a.outputs.v} ${steps.first.outputs.v} ${steps.a.outputs.x}'"}
              - {id: c, depends: b, run: "echo '${steps.a.outputs.v}'"}
              - {id: d, run: "echo '${steps.a.outputs.v}'"}
            """
        )
        assert ended.stdout("b") == "1 ${steps.first.outputs.v} ${steps.a.outputs.x}"
        assert ended.stdout("c") == "1"
        assert ended.stdout("d") == "${steps.a.outputs.v}"

    def test_other_documents_see_none(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: echo v=1 > $DAGU_OUTPUT_FILE, outputs: [{name: v}]}
              - {id: b, depends: a, action: dag.run, with: {dag: child}}
            ---
            name: child
            steps: [{id: c, run: "echo '${steps.a.outputs.v}'", output: OUT}]
            """
        )
        assert json.loads(ended.stdout("b"))["outputs"] == {"OUT": "${steps.a.outputs.v}"}

    def test_handlers_see_none(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            handler_on: {exit: {run: "echo '${steps.a.outputs.v}' ${VAR-unset}"}}
            steps: [{id: a, run: echo v=1 > $DAGU_OUTPUT_FILE; echo x, outputs: [{name: v}], output: VAR}]
            """
        )
        assert ended.stdout("onExit") == "${steps.a.outputs.v} unset"


class TestStringForm:
    def test_trimmed_stdout_becomes_a_variable_of_dependents(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: "printf '\\n  two\\n words \\n\\n'", output: VAR}
              - {id: b, depends: a, run: 'echo "<$VAR>"'}
              - {id: c, depends: b, action: exec, with: {command: echo, args: ['<${env.VAR}>']}}
              - {id: d, run: 'echo ${VAR-unset}'}
            """
        )
        assert ended.stdout("b") == "<two\n words>"
        assert ended.stdout("c") == "<two\n words>"
        assert ended.stdout("d") == "unset"

    def test_clashes(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: far, run: echo far, output: VAR}
              - {id: left, depends: far, run: echo left, output: VAR}
              - {id: right, run: echo right, output: VAR}
              - {id: a, depends: [left, right], run: echo $VAR}
              - {id: b, depends: [right, far, left], run: echo $VAR}
              - {id: c, depends: left, run: echo $VAR}
            """
        )
        assert ended.stdout("c") == "far"
        # Breadth-first, the last visited wins: left, right, far; then right, far, left.
        assert ended.stdout("a") == "far"
        assert ended.stdout("b") == "left"

    def test_too_much(self, dagu: Project) -> None:
        ended = dagu.start("max_output_size: 4\nsteps: [{id: a, run: echo 1234, output: VAR}]\n")
        ended.fails_with("max_output_size")
        assert dagu.start("max_output_size: 5\nsteps: [{id: a, run: echo 1234, output: VAR}]\n").code == 0


class TestObjectForm:
    def test_values_and_sources(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: sub
            params: {p: x}
            steps:
              - id: a
                run: |
                  echo '{"k": {"n": [10, {"deep": "yes"}]}, "f": 1.50}'
                  echo '  problem  ' >&2
                  echo 'y: [1, two]' > data.yaml
                output:
                  literal: text-${params.p}
                  list: [1, '${params.p}']
                  value: {value: {nested: '${params.p}'}}
                  out: {from: stdout, decode: json, select: .k.n}
                  deep: {from: stdout, decode: json, select: '.k.n[1].deep'}
                  whole: {from: stdout, decode: json}
                  err: {from: stderr}
                  file: {from: file, path: data.yaml, decode: yaml, select: .y}
              - id: b
                depends: a
                run: |
                  cat <<'END'
                  ${a.output.literal} ${a.output.list} ${a.output.value} ${a.output.value.nested}
                  ${a.output.out} ${a.output.deep} ${a.output.err} ${a.output.file}
                  ${a.output.whole.k.n} ${a.output.nope} ${a.output}
                  END
            """
        )
        assert ended.code == 0, ended.err
        first, second, third = ended.stdout("b").splitlines()
        assert first == 'text-x [1,"x"] {"nested":"x"} x'
        assert second == '[10,{"deep":"yes"}] yes problem [1,"two"]'
        assert third.startswith('[10,{"deep":"yes"}] ${a.output.nope} {"literal":"text-x","list":[1,"x"],')

    @pytest.mark.parametrize(
        "entry",
        [
            "{from: stdout, decode: json}",
            "{from: stdout, decode: json, select: .nope}",
            "{from: file, path: missing}",
        ],
    )
    def test_what_cannot_be_had_fails_the_attempt(self, dagu: Project, entry: str) -> None:
        ended = dagu.start(f"steps: [{{id: a, run: 'echo no json', output: {{the_key: {entry}}}}}]\n")
        assert ended.code == 1
        assert ended.steps == {"a": "failed"}

    def test_an_error_names_the_key(self, dagu: Project) -> None:
        dagu.start(
            "steps: [{id: a, run: 'echo {}', output: {the_key: {from: stdout, decode: json, select: .nope}}}]\n"
        ).fails_with("the_key")


class TestStdoutOutputs:
    def test_a_field_a_mapping_and_fields(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: "echo ' text '", stdout: {outputs: plain}}
              - {id: b, run: "echo '{\\"x\\": {\\"y\\": 2}}'", stdout: {outputs: {field: f, decode: json, select: .x}}}
              - id: c
                run: "echo '{\\"x\\": {\\"y\\": 3}}'"
                stdout: {outputs: {fields: {one: {decode: json, select: .x.y}, two: {decode: text}}}}
              - id: d
                depends: [a, b, c]
                run: echo '${a.outputs.plain} ${b.outputs.f} ${c.outputs.one} ${c.outputs.two}'
              - {id: e, depends: [a], run: "echo '${steps.a.outputs.plain} ${a.outputs.nope}'"}
            """
        )
        assert ended.stdout("d") == 'text {"y":2} 3 {"x": {"y": 3}}'
        assert ended.stdout("e") == "${steps.a.outputs.plain} ${a.outputs.nope}"


class TestShorthands:
    def test_of_finished_upstream_steps(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            max_active_steps: 1
            steps:
              - {id: a, run: 'echo {\\"k\\":{\\"s\\":1}}; echo e >&2; exit 4', output: VAR, continue_on: failed}
              - {id: ok, run: 'echo {\\"k\\":{\\"s\\":1}}', output: VAR}
              - id: b
                depends: [a, ok]
                run: |
                  cat '${a.stdout}' '${a.stderr}'
                  echo '${a.exit_code} ${ok.exit_code} ${ok.output} ${ok.output.k.s} ${ok.output.k.nope}'
              - {id: c, run: "echo '${a.exit_code} ${nope.output} ${c.stdout}'"}
            """
        )
        assert ended.stdout("b").splitlines() == [
            '{"k":{"s":1}}',
            "e",
            '4 0 {"k":{"s":1}} 1 ${ok.output.k.nope}',
        ]
        assert ended.stdout("c") == "${a.exit_code} ${nope.output} ${c.stdout}"
        assert "left unchanged" not in ended.err
