"""Section 8 of the reference: the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.history.store import History

from .conftest import Project

PRINT = "steps: [{id: a, run: env}]\n"


def environment(text: str) -> dict[str, str]:
    """What `env` printed."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


class TestDeclarations:
    @pytest.mark.parametrize(
        ("env", "fragments"),
        [
            ("5", ["env", "map or array"]),
            ("[5]", ["env", "map or array"]),
            ("[NO_EQUALS]", ["env", "NO_EQUALS"]),
            ("['a-b=c']", ["env", "a-b"]),
            ("{1a: b}", ["env", "1a"]),
        ],
    )
    def test_load_errors(self, dagu: Project, env: str, fragments: list[str]) -> None:
        dagu.refuses(f"env: {env}\nsteps: [{{id: a, run: touch ran}}]\n", *fragments)
        dagu.refuses(f"steps: [{{id: a, run: touch ran, env: {env}}}]\n", *fragments)

    def test_maps_and_texts_top_down_the_last_wins(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            env:
              - A: 1
                B: true
              - C=x=y
              - EMPTY=
              - SELF: '${env.SELF}'
              - LATER: '${env.LAST}'
              - TWICE: first
              - SEES: '${env.A}${env.TWICE}$B'
              - TWICE: second
              - LAST: end
            steps: [{id: a, run: env}]
            """
        )
        found = environment(ended.stdout("a"))
        assert found["A"] == "1"
        assert found["B"] == "true"
        assert found["C"] == "x=y"
        assert found["EMPTY"] == ""
        assert found["SELF"] == "${env.SELF}"
        assert found["LATER"] == "${env.LAST}"
        assert found["SEES"] == "1firsttrue"
        assert found["TWICE"] == "second"


class TestForwarding:
    def test_only_some_host_variables_reach_steps(self, dagu: Project) -> None:
        host = {
            **dict.fromkeys(("USER", "TMPDIR", "TERM", "EDITOR", "VISUAL", "TZ", "LD_LIBRARY_PATH"), "/tmp"),
            "XDG_CONFIG_HOME": "/tmp/xdg",
            "DOCKER_CERT_PATH": "/tmp/certs",
            "LC_ALL": "C",
            "DAGU_SOMETHING": "1",
            "KUBERNETES_PORT": "1",
            "AWS_SECRET": "no",
            "RANDOM_NAME": "no",
            "XDG_RUNTIME_DIR": "no",
        }
        found = environment(dagu.start(PRINT, **host).stdout("a"))
        for name in ("PATH", "HOME", "SHELL", "LANG", *host):
            assert (name in found) == (host.get(name) != "no"), name

    def test_the_operator_may_pass_more(self, dagu: Project) -> None:
        found = environment(
            dagu.start(
                PRINT,
                ONE="1",
                TWO="2",
                PRE_X="3",
                OTHER="no",
                DAGU_ENV_PASSTHROUGH="ONE, TWO",
                DAGU_ENV_PASSTHROUGH_PREFIXES="PRE_",
            ).stdout("a")
        )
        assert (found["ONE"], found["TWO"], found["PRE_X"]) == ("1", "2", "3")
        assert "OTHER" not in found

    def test_what_an_outer_run_set_stays_behind(self, dagu: Project) -> None:
        found = environment(
            dagu.start(
                PRINT, DAG_RUN_ID="outer", DAGU_OUTPUT_FILE="/outer", DAG_RUN_STATUS="x", DAG_PUSHBACK="x"
            ).stdout("a")
        )
        assert found["DAG_RUN_ID"] == "r1"
        assert found["DAGU_OUTPUT_FILE"] != "/outer"
        assert "DAG_RUN_STATUS" not in found
        assert "DAG_PUSHBACK" not in found


class TestLayers:
    def test_of_a_run(self, dagu: Project) -> None:
        dagu.file(".env", "BY_DOTENV=dotenv\nBY_ROOT_TOO=dotenv\nBY_SECRET=dotenv\n")
        ended = dagu.start(
            """
            params: {TERM: param, BY_PARAM: param, BY_ROOT: param}
            env: {BY_ROOT: root, BY_ROOT_TOO: root, BY_DOTENV: root}
            working_dir: .
            secrets: [{name: BY_SECRET, provider: env, key: SOURCE}]
            steps: [{id: a, run: 'echo $TERM $BY_PARAM $BY_ROOT $BY_ROOT_TOO $BY_DOTENV ${#BY_SECRET}'}]
            """,
            TERM="host",
            SOURCE="the secret",
        )
        assert ended.stdout("a") == "param param root dotenv dotenv 10"

    def test_protected_names_come_back_but_root_env_can_read_what_it_put_there(self, dagu: Project) -> None:
        dagu.file(".env", "DAG_NAME=dotenv\n")
        ended = dagu.start(
            """
            working_dir: .
            env:
              - DAG_RUN_ID: mine
              - SAW: $DAG_RUN_ID
              - DAG_PARAMS_JSON: mine
            params: {p: x}
            steps: [{id: a, run: 'echo $SAW $DAG_RUN_ID $DAG_NAME $DAG_PARAMS_JSON ${env.DAG_RUN_ID}'}]
            """
        )
        assert ended.stdout("a") == 'mine r1 wf {"p":"x"} r1'

    def test_root_env_reads_managed_values(self, dagu: Project) -> None:
        ended = dagu.start("env: {X: '$DAG_NAME-${env.DAG_RUN_ID}'}\nsteps: [{id: a, run: echo $X}]\n")
        assert ended.stdout("a") == "wf-r1"

    def test_of_a_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            env: {ROOT: root, OUT: root, STEP: root}
            steps:
              - {id: up, run: echo upstream, output: OUT}
              - id: a
                depends: up
                env:
                  - SAW: $OUT-$DAG_RUN_STEP_NAME-$PWD
                  - STEP: step
                  - DAG_RUN_ID: shadowed
                  - DAGU_OUTPUT_FILE: mine
                  - DAG_RUN_STEP_STDOUT_FILE: mine
                  - FILE: '${DAG_RUN_STEP_STDERR_FILE} ${context.paths.step_output_file}'
                run: |
                  echo "$SAW"
                  echo "$ROOT $OUT $STEP $DAG_RUN_ID ${env.DAG_RUN_ID}"
                  case "$DAGU_OUTPUT_FILE $DAG_RUN_STEP_STDOUT_FILE" in mine*|*mine) echo overridden;; esac
                  echo "$FILE"
            """
        )
        assert ended.stdout("a").splitlines() == [
            f"upstream-a-{dagu.directory}",
            "root upstream step shadowed shadowed",
            "${DAG_RUN_STEP_STDERR_FILE} ${context.paths.step_output_file}",
        ]

    def test_managed_values(self, dagu: Project) -> None:
        ended = dagu.start(f"artifacts: {{enabled: true, dir: kept}}\nparams: {{p: x}}\n{PRINT}")
        found = environment(ended.stdout("a"))
        assert found["DAG_NAME"] == "wf"
        assert found["DAG_RUN_STEP_NAME"] == "a"
        assert found["PWD"] == found["DAG_RUN_WORK_DIR"]
        assert Path(found["DAG_RUN_LOG_FILE"]).is_file()
        assert Path(found["DAG_RUN_ARTIFACTS_DIR"]).is_dir()
        assert Path(found["DAG_RUN_STEP_STDOUT_FILE"]).read_text() == ended.stdout("a") + "\n"
        assert Path(found["DAG_RUN_STEP_STDERR_FILE"]).exists()


class TestDotenv:
    def test_the_default_file_first_then_those_declared_later_ones_win(self, dagu: Project) -> None:
        dagu.file(".env", "A=default\nB=default\nC=default\n")
        dagu.file("one.env", "export B=one\nC='one'\n# remark\n")
        dagu.file("two.env", 'C="two $A"\n')
        text = "working_dir: .\ndotenv: %s\nsteps: [{id: a, run: 'echo $A $B $C'}]\n"
        assert dagu.start(text % "[one.env, missing.env, two.env]").stdout("a") == "default one two $A"
        assert dagu.start(text % "one.env").stdout("a") == "default one one"
        assert dagu.start(text % "[]").stdout("a") == ""
        bare = "working_dir: .\nsteps: [{id: a, run: 'echo $A $B $C'}]\n"
        assert dagu.start(bare).stdout("a") == "default default default"

    def test_the_working_directory_goes_before_the_place_of_the_file(self, dagu: Project) -> None:
        dagu.file(".env", "A=beside\n")
        dagu.file("x.env", "B=beside\n")
        dagu.file("work/.env", "A=working\n")
        text = "%sdotenv: x.env\nsteps: [{id: a, run: 'echo $A $B'}]\n"
        assert dagu.start(text % "working_dir: work\n").stdout("a") == "working beside"
        assert dagu.start(text % "").stdout("a") == "beside beside"


class TestSecrets:
    @pytest.mark.parametrize(
        ("name", "fragments"),
        [
            ("DAGU_TOKEN", ["secrets", "DAGU_TOKEN", "must not start with DAGU_"]),
            *[
                (name, ["secrets", name, "collides"])
                for name in (
                    *("DAG_RUN_ID", "DAG_RUN_STEP_STDOUT_FILE", "DAG_RUN_STEP_NAME", "DAG_RUN_STATUS"),
                    *("DAG_WAITING_STEPS", "DAG_PUSHBACK", "DAG_PUSHBACK_X"),
                )
            ],
        ],
    )
    def test_load_errors(self, dagu: Project, name: str, fragments: list[str]) -> None:
        dagu.refuses(
            f"secrets: [{{name: {name}, provider: env, key: X}}]\nsteps: [{{id: a, run: touch ran}}]\n",
            *fragments,
        )

    def test_the_provider_env_reads_the_run_scope_then_the_host(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            env: {SCOPE: in-scope-value}
            secrets:
              - {name: ONE, provider: env, key: SCOPE}
              - {name: TWO, provider: env, key: ONLY_ON_HOST}
            steps: [{id: a, run: 'test "$ONE" = in-scope-value && test ${env.TWO} = on-host-value && echo both > ok'}]
            """,
            SCOPE="host",
            ONLY_ON_HOST="on-host-value",
        )
        assert ended.code == 0, ended.err
        assert dagu.read("ok") == "both"

    def test_what_cannot_be_found_fails_the_run_before_steps(self, dagu: Project) -> None:
        ended = dagu.start(
            "secrets: [{name: TOKEN, provider: env, key: NOWHERE}]\nsteps: [{id: a, run: touch ran}]\n"
        )
        ended.fails_with("TOKEN", "NOWHERE")
        assert (ended.status, ended.steps) == ("failed", {"a": "not_started"})


SECRET = "s3cr3t value"


class TestSecretsAreNeverShown:
    def test_in_logs_streams_errors_status_and_history(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            secrets: [{name: TOKEN, provider: env, key: SOURCE}]
            params: {p: x}
            steps:
              - id: a
                run: |
                  printf 's3cr3t'; sleep 0.05; printf ' value\\n'
                  echo "err $TOKEN" >&2
                  printf 'declared=%s\\n' "$TOKEN" >> $DAGU_OUTPUT_FILE
                  test "$TOKEN" = 's3cr3t'' value' && echo real
                outputs: [{name: declared}]
                output: VARIABLE
                stdout: stream
              - id: b
                depends: a
                run: |
                  test '${steps.a.outputs.declared}' = "$TOKEN" && echo same
                  echo "$VARIABLE"
              - {id: c, run: 'echo "$TOKEN" >&2; exit 3', continue_on: failed}
              - {id: d, action: exec, with: {command: '/nonexistent/${env.TOKEN}'}, continue_on: failed}
              - id: e
                action: file.write
                with: {path: '/nonexistent/${env.TOKEN}/x', content: x}
                continue_on: failed
              - {id: f, working_dir: 'wf.yaml/${env.TOKEN}', run: 'true', continue_on: failed}
              - {id: g, action: dag.run, with: {dag: child, params: {given: '${env.TOKEN}'}}, continue_on: failed}
              - id: h
                foreach:
                  items: ['${env.TOKEN}', other]
                  key: ${foreach.item}
                  steps: [{id: i, run: echo "$DAG_RUN_STEP_NAME"; exit 1}]
                continue_on: failed
            ---
            name: child
            params: {given: none}
            steps: [{id: c, run: 'echo "$given"; exit 1', output: BACK}]
            """,
            SOURCE=SECRET,
        )
        assert ended.stdout("a") == "*******\nreal"
        assert ended.stderr("a") == "err *******"
        assert ended.stdout("b").startswith("same\n*******")
        assert ended.step("a").outputs["outputs"] == {"declared": "*******"}
        assert dagu.read("stream") == "*******\nreal"
        shown = ended.err + ended.out
        for command in (
            ("status", "--run-id", "r1", "--json"),
            ("history", "--format", "json"),
            ("logs", "r1"),
        ):
            found = dagu(*command)
            assert found.code == 0, found.err
            shown += found.out + found.err
        assert SECRET not in shown
        with History(dagu.home) as history:
            kept = repr([history.run("r1"), *dagu.children("r1")])
        assert SECRET not in kept
        raw = [
            path for path in dagu.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
        ]
        assert raw == []
        # A name of a file or directory shows as much as its content.
        assert [path for path in dagu.home.rglob("*") if SECRET in path.name] == []

    def test_of_multiple_lines_and_in_pieces(self, dagu: Project) -> None:
        secret = "first line\nsecond line"
        ended = dagu.start(
            """
            secrets: [{name: TOKEN, provider: env, key: SOURCE}]
            steps: [{id: a, run: 'printf "%s" "$TOKEN" | dd bs=1 2>/dev/null; echo .'}]
            """,
            SOURCE=secret,
        )
        assert ended.stdout("a") == "*******."
