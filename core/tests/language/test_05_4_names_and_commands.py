"""Section 5 of the reference: unqualified names, command substitution, notices."""

from __future__ import annotations

import json

import pytest

from .conftest import Project


class TestUnqualifiedNames:
    def test_run_leaves_them_to_the_shell(self, dagu: Project) -> None:
        ended = dagu.start("env: {X: scope}\nsteps: [{id: a, run: 'X=shell; echo $X ${X} ${X:-w} ${#X}'}]\n")
        assert ended.stdout("a") == "shell shell shell 5"

    def test_root_env_dotenv_and_exec_read_the_host(self, dagu: Project) -> None:
        dagu.file("host.env", "FROM_FILE=file\n")
        ended = dagu.start(
            """
            env: {ROOT: 'r-$ONLY_ON_HOST'}
            dotenv: ['$FILE_ON_HOST']
            steps:
              - {id: a, run: 'echo $ROOT $FROM_FILE ${ONLY_ON_HOST:-unset}'}
              - {id: b, action: exec, with: {command: '$ECHO_ON_HOST', args: ['$ONLY_ON_HOST']}}
            """,
            ONLY_ON_HOST="host",
            FILE_ON_HOST="host.env",
            ECHO_ON_HOST="echo",
        )
        assert ended.stdout("a") == "r-host file unset"
        assert ended.stdout("b") == "host"

    def test_every_other_field_reads_the_scope_only(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            env: {IN_SCOPE: scope}
            steps:
              - id: a
                env: {E: '$IN_SCOPE $ONLY_ON_HOST'}
                preconditions: [{condition: '$IN_SCOPE $ONLY_ON_HOST', expected: 'scope $ONLY_ON_HOST'}]
                stdout: $IN_SCOPE-$ONLY_ON_HOST
                output: {o: '$IN_SCOPE $ONLY_ON_HOST'}
                run: echo "$E"
              - {id: b, depends: a, run: "echo '${a.output.o}'"}
              - {id: c, action: file.write, with: {path: written, content: '$IN_SCOPE $ONLY_ON_HOST'}}
              - {id: d, working_dir: '$IN_SCOPE$ONLY_ON_HOST', run: pwd}
              - id: e
                foreach:
                  items: '["$IN_SCOPE", "$ONLY_ON_HOST"]'
                  steps: [{id: f, run: "echo '${foreach.item}'", output: F}]
                  collect: {f: '${f.output}'}
            """,
            ONLY_ON_HOST="host",
        )
        kept = "scope $ONLY_ON_HOST"
        assert ended.stdout("a") == kept
        assert dagu.read("scope-$ONLY_ON_HOST") == kept
        assert ended.stdout("b") == kept
        assert dagu.read("written") == kept
        assert ended.stdout("d").endswith("/scope$ONLY_ON_HOST")
        assert json.loads(ended.stdout("e"))["outputs"] == [{"f": "scope"}, {"f": "$ONLY_ON_HOST"}]

    @pytest.mark.parametrize(
        ("written", "printed"),
        [
            ("$X ${X}", "value value"),
            ("$NOPE ${NOPE} ${NOPE:-w}", "$NOPE ${NOPE} ${NOPE:-w}"),
            ("'$X' \"$X\"", "'$X' \"value\""),
            ("it's $X", "it's value"),
            ("${E:-w} ${X:-w} ${E-w}|", "w value |"),
            ("${X:+w} ${E:+w}|${E+w}", "w |w"),
            ("${X:=w} ${X:?w} ${E=w}|", "value value |"),
            ("${E:?w}", "${E:?w}"),
            ("${E:=w} ${X:-w} $X", "${E:=w} ${X:-w} value"),
            ("${X:1} ${X:1:2} ${X:-2:1} ${X: -2:1} ${X:9}|", "alue al value u |"),
            ("${#X} ${X#v} ${X%e} ${P##*/} ${P%%/*} ${P%/*}", "5 alue valu c a a/b"),
            ("${X#$V} ${E:-$X}", "alue value"),
            ("${X~w} ${X:} ${X", "${X~w} ${X:} ${X"),
        ],
    )
    def test_operators(self, dagu: Project, written: str, printed: str) -> None:
        text = written.replace("'", "''")
        ended = dagu.start(
            f"""
            working_dir: .
            env: [{{X: value}}, {{E: ''}}, {{P: a/b/c}}, {{V: v}}]
            steps: [{{id: a, action: file.write, with: {{path: out, content: '{text}'}}}}]
            """
        )
        assert ended.code == 0
        assert dagu.read("out") == printed

    def test_a_single_quoted_span_in_root_env_stays(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            env: [{X: value}, {Y: "'$X' $X"}]
            steps: [{id: a, run: 'echo "$Y"'}]
            """
        )
        assert ended.stdout("a") == "'$X' value"


class TestCommandSubstitution:
    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("$(echo ' one ')", "one"),
            ("`echo two`", "two"),
            ("a $(echo b) c `echo d` e", "a b c d e"),
            ("$(echo $X ${X} ${consts.c})", "value value const"),
            (r"$(echo \) in)", ") in"),
            ("$(echo open", "$(echo open"),
            ("`echo open", "`echo open"),
            ("$(echo $ONLY_ON_HOST)", "host"),
            ("$X", "value"),
        ],
    )
    def test_in_eval(self, dagu: Project, written: str, value: str) -> None:
        text = written.replace("'", "''")
        ended = dagu.start(
            f"""
            working_dir: .
            consts: [{{c: const}}]
            env: {{X: value}}
            params: [{{name: p, eval: '{text}'}}]
            steps: [{{id: a, action: file.write, with: {{path: out, content: '${{params.p}}'}}}}]
            """,
            ONLY_ON_HOST="host",
        )
        assert ended.code == 0, ended.err
        assert dagu.read("out") == value

    @pytest.mark.parametrize("written", ["$(exit 3)", "`false`", "$(echo $(echo nested))", "$(sleep 30)"])
    def test_what_fails(self, dagu: Project, written: str) -> None:
        ended = dagu.start(f"params: [{{name: p, eval: '{written}'}}]\nsteps: [{{id: a, run: touch ran}}]\n")
        ended.fails_with("params", "p", "eval failed")
        assert ended.steps == {"a": "not_started"}

    def test_nowhere_else(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            env: {X: '$(touch ran) `touch ran`'}
            steps:
              - {id: a, action: file.write, with: {path: out, content: '$(touch ran) `touch ran`'}}
              - {id: b, run: 'echo "$X"', env: {Y: '$(touch ran)'}}
            """
        )
        assert dagu.read("out") == "$(touch ran) `touch ran`"
        assert ended.stdout("b") == "$(touch ran) `touch ran`"
        assert not (dagu.directory / "ran").exists()

    def test_a_precondition_runs_it_where_its_step_would(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                working_dir: sub
                env: {E: step}
                with: {shell: 'sh -u'}
                preconditions: [{eval: '$(pwd; echo "$E $DAG_RUN_STEP_NAME"; echo $-)', expected: 're:^step a$'}]
                run: echo ran
            """
        )
        assert ended.stdout("a") == "ran"

    def test_its_shell_is_the_steps(self, dagu: Project) -> None:
        dagu.file("shell", "#!/bin/sh\necho from the stand-in\n").chmod(0o755)
        ended = dagu.start(
            f"""
            shell: {dagu.directory}/shell
            steps: [{{id: a, preconditions: [{{eval: '$(x)', expected: from the stand-in}}], run: x}}]
            """
        )
        assert ended.stdout("a") == "from the stand-in"


class TestNotices:
    def test_validate_prints_them_and_start_does_not(self, dagu: Project) -> None:
        text = "steps: [{id: a, run: 'echo \"${consts.nope}\" >/dev/null || true'}]\n"
        ended = dagu.validate(text)
        assert ended.code == 0
        assert "${consts.nope} was left unchanged" in ended.err
        assert "reason=unknown_const_name" in ended.err
        assert "steps[0].run" in ended.err
        assert "left unchanged" not in dagu.start(text).err

    def test_more_of_them_with_show_unresolved(self, dagu: Project) -> None:
        text = "steps: [{id: a, run: 'echo ${env.NOPE} ${params}'}]\n"
        assert dagu.validate(text).err == ""
        ended = dagu.validate(text, "--show-unresolved")
        assert ended.code == 0
        assert "reason=unknown_env_binding" in ended.err
        assert "reason=namespace_unavailable" in ended.err
