"""Sections 4.4 and 4.5 of the reference: directories, streams, the small actions."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import pytest

from .conftest import Project


class TestDirectory:
    def test_without_any_it_is_the_runs_work_directory(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: 'pwd; echo $PWD; echo $DAG_RUN_WORK_DIR'}]")
        assert len(set(ended.stdout("a").splitlines())) == 1
        assert ended.stdout("a").startswith(str(dagu.home))

    def test_that_of_the_root_is_relative_to_the_file(self, dagu: Project) -> None:
        dagu.file("flows/inner.yaml", "working_dir: work\nsteps: [{id: a, run: pwd}]\n")
        ended = dagu.with_record(dagu("start", "-r", "one", "flows/inner.yaml"), "one")
        assert ended.stdout("a") == str(dagu.directory / "flows/work")

    def test_that_of_a_base_config_too(self, dagu: Project) -> None:
        base = dagu.file("base/base.yaml", "working_dir: based\n")
        text = "steps: [{id: a, run: pwd}]"
        ended = dagu.start(text, DAGU_BASE_CONFIG=str(base))
        assert ended.stdout("a") == str(dagu.directory / "based")
        own = dagu.start(f"working_dir: own\n{text}", DAGU_BASE_CONFIG=str(base))
        assert own.stdout("a") == str(dagu.directory / "own")

    def test_that_of_a_step_is_relative_to_it_and_made_if_missing(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: root
            steps:
              - {id: a, working_dir: new/er, run: pwd}
              - {id: b, working_dir: /tmp, run: pwd}
              - {id: c, run: pwd}
            """
        )
        assert ended.stdout("a") == str(dagu.directory / "root/new/er")
        assert ended.stdout("b") == "/tmp"
        assert ended.stdout("c") == str(dagu.directory / "root")

    def test_without_a_root_one_it_is_relative_to_the_work_directory(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, working_dir: x, run: 'pwd; echo $DAG_RUN_WORK_DIR/x'}]")
        assert len(set(ended.stdout("a").splitlines())) == 1

    def test_references_and_names_are_replaced(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: p, default: one}]
            env: {E: two}
            working_dir: ${params.p}
            steps: [{id: a, env: {F: three}, working_dir: '$E-${env.F}', run: pwd}]
            """
        )
        assert ended.stdout("a") == str(dagu.directory / "one/two-three")

    def test_a_step_whose_directory_cannot_be_used_fails(self, dagu: Project) -> None:
        dagu.file("file", "")
        ended = dagu.start(
            "working_dir: .\nsteps: [{id: a, working_dir: file/x, run: touch ran}, {id: b, run: 'true'}]"
        )
        ended.fails_with("steps[0].working_dir", "file/x")
        assert ended.steps == {"a": "failed", "b": "succeeded"}


class TestStreams:
    def test_paths_start_at_the_steps_directory_and_are_appended_to(self, dagu: Project) -> None:
        dagu.file("sub/out", "before\n")
        ended = dagu.start(
            """
            working_dir: .
            env: {NAME: err}
            steps:
              - id: a
                working_dir: sub
                stdout: out
                stderr: ${NAME}.txt
                run: [echo one; echo two >&2, echo three]
            """
        )
        assert dagu.read("sub/out") == "before\none\nthree"
        assert dagu.read("sub/err.txt") == "two"
        assert ended.stdout("a") == "one\nthree"

    def test_parents_are_not_made(self, dagu: Project) -> None:
        ended = dagu.start("working_dir: .\nsteps: [{id: a, stdout: no/out, run: touch ran}]")
        ended.fails_with("no/out")
        assert ended.steps == {"a": "failed"}
        assert not (dagu.directory / "ran").exists()

    def test_a_retry_appends(self, dagu: Project) -> None:
        dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                stdout: out
                retry_policy: {limit: 1, interval_sec: 0}
                run: echo try; test -f flag || { touch flag; exit 1; }
            """
        )
        assert dagu.read("out") == "try\ntry"

    def test_artifacts_have_a_place_of_their_own(self, dagu: Project) -> None:
        dagu.start(
            """
            artifacts: {dir: kept}
            steps:
              - {id: a, stdout: {artifact: deep/down/out.txt}, run: 'echo $DAG_RUN_ARTIFACTS_DIR'}
              - {id: b, stderr: {artifact: 'err-${context.step.id}.txt'}, run: echo oh >&2}
            """,
            *("--name", "my flow"),
        )
        (run,) = (dagu.directory / "kept/my flow").iterdir()
        assert re.fullmatch(r"dag-run_\d{8}_\d{6}_r1", run.name)
        assert (run / "deep/down/out.txt").read_text() == f"{run}\n"
        assert (run / "err-b.txt").read_text() == "oh\n"

    @pytest.mark.parametrize("path", ["/tmp/out", "../out", "a/../../out"])
    def test_artifacts_stay_where_they_belong(self, dagu: Project, path: str) -> None:
        ended = dagu.start(
            f"artifacts: {{dir: kept}}\nparams: [{{name: p, default: {path}}}]\n"
            "steps: [{id: a, stdout: {artifact: '${params.p}'}, run: echo out}]"
        )
        assert ended.code == 1
        assert ended.steps == {"a": "failed"}
        assert not [file for file in dagu.directory.rglob("out") if file.is_file()]

    def test_the_directory_of_artifacts_is_relative_to_where_it_was_launched(
        self, dagu: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dagu.file(
            "flows/x.yaml", "artifacts: {dir: kept}\nsteps: [{id: a, stdout: {artifact: o}, run: echo}]"
        )
        (dagu.directory / "here").mkdir()
        monkeypatch.chdir(dagu.directory / "here")
        assert dagu("start", "../flows/x.yaml").code == 0
        assert (dagu.directory / "here/kept/x").is_dir()

    def test_an_artifact_stream_needs_artifacts(self, dagu: Project) -> None:
        ended = dagu.start(
            "artifacts: {enabled: false}\nsteps: [{id: a, stdout: {artifact: out}, run: echo out}]"
        )
        assert ended.code == 1
        assert "artifacts" in ended.err


class TestExec:
    def test_no_shell_is_involved(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: p, default: two words}]
            steps:
              - id: a
                action: exec
                with: {command: printf, args: ['%s|', '$(echo no)', '${params.p}', '*', '; echo', 4, true, 1.50]}
              - {id: b, action: exec, with: {command: echo, args: single}}
            """
        )
        assert ended.stdout("a") == "$(echo no)|two words|*|; echo|4|true|1.5|"
        assert ended.stdout("b") == "single"

    def test_names_come_from_the_steps_scope_and_from_the_host(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            env: {HERE: here}
            steps:
              - id: a
                action: exec
                env: {STEP: step}
                with: {command: printf, args: ['%s|', '$HERE', '${STEP}', '$ONLY_ON_HOST', '$NOWHERE', "'$HERE'"]}
            """,
            ONLY_ON_HOST="host",
        )
        assert ended.stdout("a") == "here|step|host|$NOWHERE|'$HERE'|"

    def test_a_program_that_is_not_there(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, action: exec, with: {command: no-such-program}}]")
        ended.fails_with("no-such-program")
        assert ended.step("a").exit_code == 127


class TestFileWrite:
    def test_it_writes_below_the_steps_directory(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            params: [{name: p, default: ä}]
            steps:
              - {id: a, action: file.write, with: {path: 'out-${params.p}', content: "one ${params.p}\\n"}}
              - {id: b, action: file.write, with: {path: number, content: 12}}
            """
        )
        assert ended.code == 0, ended.err
        assert dagu.read("out-ä") == "one ä"
        assert dagu.read("number") == "12"

    def test_it_replaces_only_when_told_to(self, dagu: Project) -> None:
        dagu.file("out", "old")
        text = "working_dir: .\nsteps: [{id: a, action: file.write, with: {path: out, content: new%s}}]"
        dagu.start(text % "").fails_with("out", "overwrite")
        assert dagu.read("out") == "old"
        assert dagu.start(text % ", overwrite: true").code == 0
        assert dagu.read("out") == "new"

    def test_a_directory_that_is_missing(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, action: file.write, with: {path: no/out, content: x}}]").fails_with(
            "no/out"
        )


class TestSqlite:
    def test_named_parameters_and_a_compact_object_for_each_row(self, dagu: Project) -> None:
        with closing(sqlite3.connect(dagu.directory / "data.db")) as connection, connection:
            connection.execute("CREATE TABLE t (name TEXT, size INTEGER)")
            connection.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), ("b's", 2), ("c", 3)])
        ended = dagu.start(
            """
            working_dir: .
            params: [{name: p, default: "b's"}]
            steps:
              - id: a
                action: sqlite.query
                with:
                  dsn: data.db
                  query: SELECT name, size FROM t WHERE name = :name OR size > :size ORDER BY name
                  params: {name: '${params.p}', size: 2}
                  output_format: jsonl
            """
        )
        assert ended.stdout("a") == '{"name":"b\'s","size":2}\n{"name":"c","size":3}'

    def test_without_a_format_it_is_one_array(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, action: sqlite.query, with: {dsn: ':memory:', query: 'SELECT 1 AS x UNION SELECT 2'}}
              - {id: b, action: sqlite.query, with: {dsn: ':memory:', query: 'SELECT 1 AS x WHERE 1 = 0'}}
              - {id: c, action: sqlite.query, with: {dsn: ':memory:', query: "SELECT x'00ff' AS blob, ';' AS s;"}}
            """
        )
        assert json.loads(ended.stdout("a")) == [{"x": 1}, {"x": 2}]
        assert json.loads(ended.stdout("b")) == []
        assert json.loads(ended.stdout("c")) == [{"blob": "00ff", "s": ";"}]

    def test_several_statements_are_one_transaction(self, dagu: Project) -> None:
        text = 'working_dir: .\nsteps: [{id: a, action: sqlite.query, with: {dsn: new.db, query: "%s"}}]'
        assert dagu.start(text % "CREATE TABLE t (n); INSERT INTO t VALUES (1);").code == 0
        dagu.start(text % "INSERT INTO t VALUES (2); SELECT * FROM nope").fails_with("nope")
        with closing(sqlite3.connect(dagu.directory / "new.db")) as connection:
            assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]

    def test_a_query_ends_with_its_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: a
                timeout_sec: 0.3
                action: sqlite.query
                with:
                  dsn: ':memory:'
                  query: >-
                    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) AS c FROM n
            """
        )
        assert (ended.step("a").status, ended.step("a").exit_code) == ("failed", 124)
