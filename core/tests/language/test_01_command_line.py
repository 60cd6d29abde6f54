"""Section 1 of the reference: the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PROGRAM, Project

GOOD = "steps: [{id: a, run: echo hello}]\n"
BAD = "steps: [{id: a, runs: echo}]\nnames: x\n"


class TestValidate:
    def test_a_good_file_prints_nothing(self, dagu: Project) -> None:
        ended = dagu.validate(GOOD)
        assert (ended.code, ended.out, ended.err) == (0, "", "")

    def test_a_bad_file_is_named_with_a_bullet_for_each_problem(self, dagu: Project) -> None:
        ended = dagu.validate(BAD)
        assert (ended.code, ended.out) == (1, "")
        head, *bullets = ended.err.splitlines()
        assert "wf.yaml" in head
        assert len(bullets) == 3  # the unknown step key, the missing action, the unknown root key
        assert all(bullet.lstrip().startswith("- ") for bullet in bullets)
        assert "Usage:" not in ended.err

    def test_nothing_is_executed_or_written(self, dagu: Project) -> None:
        ended = dagu.validate(
            """
            params: [{name: p, eval: '$(touch ran)'}]
            preconditions: touch ran
            steps: [{id: a, run: touch ran}]
            """
        )
        assert ended.code == 0, ended.err
        assert not dagu.home.exists()
        assert sorted(path.name for path in dagu.directory.iterdir()) == ["wf.yaml"]

    def test_no_values_are_needed(self, dagu: Project) -> None:
        ended = dagu.validate(
            """
            params: [{name: p, required: true}]
            dotenv: [missing.env]
            secrets: [{name: TOKEN, provider: env, key: NOWHERE}]
            steps: [{id: a, run: 'echo ${params.p} ${env.TOKEN}'}]
            """
        )
        assert (ended.code, ended.out) == (0, "")

    def test_a_name_in_the_first_document_is_refused_but_start_and_dry_use_it(self, dagu: Project) -> None:
        text = "name: mine\nsteps: [{id: a, run: 'true'}]\n"
        dagu.validate(text).fails_with("entrypoint", "name")
        for command in ("start", "dry"):
            ended = dagu.start(text, command=command)
            assert ended.code == 0
            assert ended.out.startswith("mine ")


class TestStart:
    def test_it_logs_to_stderr_and_prints_the_tree_on_stdout(self, dagu: Project) -> None:
        dagu.file("wf.yaml", GOOD)
        ended = dagu.program("start", "--run-id=one", "wf.yaml")
        assert ended.code == 0
        assert re.search(r"^wf +succeeded", ended.out)
        assert re.search(r"^.*─ a +succeeded", ended.out, re.MULTILINE)
        assert "one" in ended.err
        assert "a: succeeded" in ended.err
        assert "echo" not in ended.err + ended.out

    def test_flags_with_an_equals_sign_or_a_blank_and_short(self, dagu: Project) -> None:
        text = """
            params: [{name: p, default: none}]
            steps:
              - id: a
                run: echo ${params.p} ${context.dag.name} ${context.trigger.type} '${context.run.scheduled_at}'
            """
        long = dagu.start(
            text,
            "--params=p=1",
            "--name=other",
            "--trigger-type=scheduler",
            "--schedule-time=2031-04-05T08:07:08+02:00",
        )
        assert long.stdout("a") == "1 other scheduler 2031-04-05T06:07:08Z"
        spaced = dagu.start(
            text,
            *("--params", "p=2", "--name", "other", "--trigger-type", "scheduler"),
            *("--schedule-time", "2031-04-05T06:07:08Z"),
        )
        assert spaced.stdout("a") == "2 other scheduler 2031-04-05T06:07:08Z"
        short = dagu.start(text, "-p", "p=3", "-N", "short", "-r", "mine")
        assert short.run_id == "mine"
        assert short.stdout("a") == "3 short manual ${context.run.scheduled_at}"

    def test_the_default_working_directory(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: pwd}]", "--default-working-dir", str(dagu.directory / "new"))
        assert ended.stdout("a") == str(dagu.directory / "new")

    def test_a_schedule_time_must_be_rfc_3339(self, dagu: Project) -> None:
        dagu.start(GOOD, "--schedule-time", "tomorrow").fails_with("--schedule-time", "tomorrow")

    def test_a_trigger_type_must_be_one(self, dagu: Project) -> None:
        dagu.start(GOOD, "--trigger-type", "magic").fails_with("magic", "webhook")

    def test_all_failed_steps_are_named_in_file_order(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: sleep 0.2; exit 1}, {id: b, run: 'true'}, {id: c, run: exit 1}]\n"
        )
        assert ended.record is not None
        assert ended.record.error == "steps a, c failed"

    def test_quiet_prints_nothing_that_went_well(self, dagu: Project) -> None:
        for flag in ("-q", "--quiet"):
            ended = dagu.start(GOOD, flag)
            assert (ended.code, ended.out, ended.err) == (0, "", "")

    def test_quiet_still_tells_what_failed(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: 'echo why >&2; exit 3'}]", "-q")
        assert (ended.code, ended.out) == (1, "")
        assert "why" in ended.err

    def test_extra_arguments_need_a_double_dash(self, dagu: Project) -> None:
        dagu.file("wf.yaml", GOOD)
        ended = dagu("start", "wf.yaml", "p=1")
        assert ended.code != 0
        assert "p=1" in ended.err
        assert not (dagu.home / "history.db").exists()

    def test_loading_fails_before_any_step(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: touch ran}]\nunknown: 1\n")
        ended.fails_with("wf.yaml", "unknown")
        assert ended.record is None

    @pytest.mark.parametrize(
        ("text", "code", "status"),
        [
            ("steps: [{id: a, run: 'true'}]", 0, "succeeded"),
            ("steps: [{id: a, run: 'false'}]", 1, "failed"),
            (
                "steps: [{id: a, run: 'false', continue_on: failed}, {id: b, run: 'true'}]",
                1,
                "partially_succeeded",
            ),
            (
                "steps: [{id: a, run: 'false', continue_on: {failure: true, mark_success: true}}]",
                0,
                "succeeded",
            ),
            ("steps: [{id: a, run: 'true', preconditions: 'false'}]", 0, "succeeded"),
            ("preconditions: 'false'\nsteps: [{id: a, run: 'true'}]", 0, "aborted"),
            (
                "handler_on: {exit: {run: 'false'}}\nsteps: [{id: a, run: 'true'}]",
                1,
                "failed",
            ),
        ],
        ids=["good", "failed", "tolerated", "marked", "skipped", "unmet root", "handler"],
    )
    def test_exit_codes(self, dagu: Project, text: str, code: int, status: str) -> None:
        ended = dagu.start(text)
        assert (ended.code, ended.status) == (code, status)

    def test_a_failure_brings_its_cause_and_the_last_kibibyte_of_stderr(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: a
                run: |
                  i=0; while [ $i -lt 300 ]; do printf 'line %06d\\n' $i >&2; i=$((i+1)); done
                  exit 7
            """
        )
        assert "exit code 7" in ended.err
        assert "line 000299" in ended.err
        assert "line 000220" in ended.err
        assert "line 000190" not in ended.err  # 12 bytes a line

    def test_the_path_of_a_script_is_left_out(self, dagu: Project) -> None:
        ended = dagu.start("steps:\n  - id: a\n    run: |\n      true\n      no-such-program-here\n")
        assert ended.code == 1
        assert "no-such-program-here" in ended.err
        assert "/tmp" not in ended.err
        assert "/dagu-" not in ended.err


class TestDry:
    def test_nothing_runs_and_nothing_is_kept(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: made
            artifacts: {enabled: true, dir: made}
            preconditions: touch precondition
            handler_on: {init: {run: touch handler}}
            steps:
              - {id: a, run: touch ran}
              - {id: b, depends: a, run: 'false', preconditions: touch precondition}
            """,
            command="dry",
        )
        assert ended.code == 0
        for name in ("a", "b", "onInit"):
            assert re.search(rf"─ {name} +succeeded", ended.out), ended.out
        assert not dagu.home.exists()
        assert sorted(path.name for path in dagu.directory.iterdir()) == ["wf.yaml"]

    def test_mistakes_are_told_as_by_start(self, dagu: Project) -> None:
        dagu.start(BAD, command="dry").fails_with("wf.yaml", "names")
        dagu.start(
            "steps: [{id: a, run: 'true', depends: b}, {id: b, run: 'true', depends: a}]", command="dry"
        ).fails_with("cyclic")


class TestStatus:
    def test_a_tree_with_statuses_whatever_became_of_the_run(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, run: 'true'}, {id: b, run: 'false'}, {id: c, run: 'true', depends: b}]")
        for arguments in (("--run-id", "r1", "wf.yaml"), ("--run-id=r1", "wf.yaml"), ("wf.yaml",)):
            ended = dagu("status", *arguments)
            assert ended.code == 0
            for name, status in (("wf", "failed"), ("a", "succeeded"), ("b", "failed"), ("c", "aborted")):
                assert re.search(rf"\b{name} +{status}", ended.out), ended.out

    def test_a_name_given_to_start_finds_the_run(self, dagu: Project) -> None:
        dagu.start(GOOD, "--name", "mine")
        assert dagu("status", "mine").code == 0
        assert dagu("status", "wf.yaml").code == 1

    def test_no_such_run(self, dagu: Project) -> None:
        dagu.start(GOOD)
        dagu("status", "--run-id", "nope", "wf.yaml").fails_with("nope")
        dagu.file("never.yaml", GOOD)
        dagu("status", "never.yaml").fails_with("never")


class TestHistory:
    def test_json_newest_first_with_empty_fields_dropped(self, dagu: Project) -> None:
        dagu.start(
            "labels: {team: data}\nparams: [{name: p, default: x}]\nsteps: [{id: a, run: 'true'}]",
            "-r",
            "first",
        )
        dagu.start("steps: [{id: a, run: 'false'}]", "-r", "second")
        ended = dagu("history", "--format", "json")
        assert ended.code == 0
        newest, oldest = json.loads(ended.out)
        assert newest["dagRunId"] == "second"
        assert newest["name"] == "wf"
        assert newest["status"] == "failed"
        assert "a failed" in newest["error"]
        assert "params" not in newest
        assert oldest["params"] == '{"p":"x"}'
        assert oldest["labels"] == ["team=data"]
        assert "error" not in oldest
        for key in ("startedAt", "finishedAt"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", oldest[key])
        assert oldest["duration"]
        assert {*oldest} <= {
            *("name", "dagRunId", "status", "startedAt", "finishedAt", "duration"),
            *("params", "labels", "workerId", "error"),
        }

    def test_filters_by_part_of_the_id_and_by_name(self, dagu: Project) -> None:
        dagu.start(GOOD, "-r", "alpha-1")
        dagu.start(GOOD, "-r", "beta-1", "--name", "other")
        found = json.loads(dagu("history", "--format=json", "--run-id", "pha").out)
        assert [run["dagRunId"] for run in found] == ["alpha-1"]
        found = json.loads(dagu("history", "--format=json", "other").out)
        assert [run["dagRunId"] for run in found] == ["beta-1"]

    def test_no_match_is_an_empty_list_and_a_remark(self, dagu: Project) -> None:
        ended = dagu("history", "--format", "json", "nothing")
        assert ended.code == 0
        assert json.loads(ended.out) == []
        assert ended.err.strip()

    def test_table_and_csv(self, dagu: Project) -> None:
        dagu.start(GOOD, "-r", "one")
        assert "one" in dagu("history").out
        rows = list(csv.DictReader(io.StringIO(dagu("history", "--format", "csv").out)))
        assert rows[0]["run id"] == "one"

    def test_tags_and_labels_are_kept(self, dagu: Project) -> None:
        dagu.start("tags: [nightly]\nlabels: {team: data}\nsteps: [{id: a, run: 'true'}]")
        (run,) = json.loads(dagu("history", "--format", "json").out)
        assert run["labels"] == ["nightly", "team=data"]


class TestWhatIsNeverShown:
    def test_no_command_text_no_script_body_no_notice(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: word, default: resolved-word}]
            steps:
              - {id: a, run: 'true UNSEEN ${params.word} ${consts.nope}'}
              - id: b
                run: |
                  true UNSEEN-BODY
                  exit 4
              - {id: c, run: [true UNSEEN-ITEM, exit 5]}
            """
        )
        shown = ended.err + ended.out + dagu("status", "wf.yaml").out
        history = json.loads(dagu("history", "--format", "json").out)
        assert "resolved-word" in history[0].pop("params")
        shown += json.dumps(history)
        for text in ("UNSEEN", "resolved-word", "consts.nope", "was left unchanged"):
            assert text not in shown

    def test_an_offending_shell_argument_is_shown(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, with: {shell: bash -cecho}, run: echo UNSEEN}]").fails_with("-cecho")


class TestState:
    def test_it_lives_under_dagu_home(self, dagu: Project, tmp_path: Path) -> None:
        dagu.start(GOOD, DAGU_HOME=str(tmp_path / "elsewhere"))
        assert (tmp_path / "elsewhere" / "history.db").exists()
        assert not dagu.home.exists() or not list(dagu.home.rglob("*.stdout"))
        assert dagu("status", "wf.yaml", DAGU_HOME=str(tmp_path / "elsewhere")).code == 0

    def test_a_base_config_lies_beneath_every_document(self, dagu: Project) -> None:
        base = dagu.file("base.yaml", "env: {BASE: beneath, BOTH: beneath}\n")
        ended = dagu.start(
            """
            env: {BOTH: above}
            steps:
              - {id: a, run: 'echo $BASE $BOTH'}
              - {id: b, depends: a, action: dag.run, with: {dag: child}}
            ---
            name: child
            steps: [{id: c, run: 'echo child-$BASE', output: OUT}]
            """,
            DAGU_BASE_CONFIG=str(base),
        )
        assert ended.stdout("a") == "beneath above"
        assert json.loads(ended.stdout("b"))["outputs"] == {"OUT": "child-beneath"}

    @pytest.mark.parametrize("run_id", ["a" * 65, "a b", "a/b", "ä", "."])
    def test_run_ids_have_64_plain_characters_at_most(self, dagu: Project, run_id: str) -> None:
        dagu.file("wf.yaml", GOOD)
        ended = dagu("start", f"--run-id={run_id}", "wf.yaml")
        ended.fails_with("run id")
        assert not (dagu.home / "runs").exists() or not list((dagu.home / "runs").iterdir())

    def test_a_run_id_is_generated_and_may_be_64_characters_long(self, dagu: Project) -> None:
        dagu.file("wf.yaml", GOOD)
        assert dagu("start", "wf.yaml").code == 0
        assert dagu("start", "--run-id", "Aa0_-" + "x" * 59, "wf.yaml").code == 0
        ids = [run["dagRunId"] for run in json.loads(dagu("history", "--format", "json").out)]
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run_id) for run_id in ids)
        assert len(set(ids)) == 2

    def test_a_taken_run_id_is_refused(self, dagu: Project) -> None:
        dagu.start(GOOD, "-r", "one")
        dagu.start(GOOD, "-r", "one").fails_with("one", "taken")

    def test_the_name_is_the_flags_else_the_files_else_the_stem(self, dagu: Project) -> None:
        named = "name: inside\nsteps: [{id: a, run: 'echo ${context.dag.name}'}]"
        assert dagu.start(named, "--name", "flag").stdout("a") == "flag"
        assert dagu.start(named).stdout("a") == "inside"
        assert dagu.start("steps: [{id: a, run: 'echo ${dag.name}'}]").stdout("a") == "wf"


def test_a_signal_stops_the_run_and_its_steps(dagu: Project) -> None:
    dagu.file("wf.yaml", "steps: [{id: a, run: 'echo up; exec sleep 300', stdout: up}]\nworking_dir: .\n")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "start", "-r", "one", "wf.yaml"],
        env=dagu.environ,
        cwd=dagu.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "a: running" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    ended = dagu.with_record(dagu("status", "--run-id", "one"), "one")
    assert (ended.status, ended.steps) == ("aborted", {"a": "aborted"})
