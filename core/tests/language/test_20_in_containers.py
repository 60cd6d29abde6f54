"""What the language says holds in containers too: of the run, and of a step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]

ENGINES = Path(__file__).resolve().parents[3] / "tools" / "engines"
IMAGE = "alpine:3.20"


@pytest.fixture(scope="module", autouse=True)
def _docker() -> None:
    """Docker is up, with the image. If it can't be, that is a failure."""
    done = subprocess.run(
        [sys.executable, str(ENGINES), "up", "docker"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=["run", "step"])
def place(request: pytest.FixtureRequest) -> str:
    """Root keys that put steps in a container: one for the run, or one for each step by way of `container`."""
    return str(request.param)


def flow(place: str, steps: str, root: str = "") -> str:
    """A workflow whose steps marked with CONTAINER run in one."""
    own = f"container: {{image: {IMAGE}, pull_policy: never}}"
    if place == "run":
        return f"{root}{own}\n{steps.replace('CONTAINER', '')}"
    return f"{root}{steps.replace('CONTAINER', f'{own},')}"


def test_outputs_and_references(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
steps:
  - {CONTAINER id: a, outputs: [{name: v}], output: VAR,
     run: 'echo v=${params.p}-$FROM_ROOT > $DAGU_OUTPUT_FILE; echo text'}
  - {CONTAINER id: b, depends: a, env: {E: 'e-${steps.a.outputs.v}'}, run: 'echo $E $VAR ${a.output} $p ${a.exit_code}'}
  - {CONTAINER id: c, depends: b, action: exec,
     with: {command: printf, args: ['%s|', '${env.VAR}', '$VAR', '$HOST_ONLY']}}
""",
            "params: {p: param}\nenv: {FROM_ROOT: root}\n",
        ),
        HOST_ONLY="host",
    )
    assert ended.code == 0, ended.err
    assert ended.stdout("b") == "e-param-root text text param 0"
    assert ended.stdout("c") == "text|text|$HOST_ONLY|"


def test_an_output_that_is_missing_fails_and_a_retry_gets_a_new_file(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
steps:
  - {CONTAINER id: a, run: 'true', outputs: [{name: v}], continue_on: failed}
  - {CONTAINER id: b, retry_policy: {limit: 2, interval_sec: 0}, outputs: [{name: v}],
     run: 'test ! -s $DAGU_OUTPUT_FILE && echo v=$DAGU_OUTPUT_FILE > $DAGU_OUTPUT_FILE; false'}
""",
        )
    )
    assert "not emitted" in ended.step("a").error
    assert [attempt.exit_code for attempt in ended.step("b").attempts] == [1, 1, 1]


def test_scripts_interpreters_and_shells(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            r"""
steps:
  - {CONTAINER id: script, run: "echo one\nfalse\necho two\n", continue_on: failed}
  - {CONTAINER id: interpreter, run: "#!/usr/bin/awk -f\nBEGIN { print \"by awk\" }\n"}
  - {CONTAINER id: shell, with: {shell: 'sh -u'}, run: 'echo $-'}
  - {CONTAINER id: items, run: ['echo a; cd /', 'pwd', 'exit 5', 'echo never'], working_dir: /tmp, continue_on: failed}
  - {CONTAINER id: nothing, run: 'wc -c'}
""",
        )
    )
    assert ended.stdout("script") == "one"
    assert ended.stdout("interpreter") == "by awk"
    assert "u" in ended.stdout("shell")
    assert ended.stdout("items") == "a\n/tmp"
    assert ended.step("items").exit_code == 5
    assert ended.stdout("nothing").strip() == "0"


def test_a_timeout_kills_it(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
max_clean_up_time_sec: 1
steps:
  - {CONTAINER id: a, timeout_sec: 1, retry_policy: {limit: 2}, run: 'echo up; sleep 300', continue_on: failed}
  - {CONTAINER id: b, depends: a, run: 'ps | grep -c "[s]leep 300" || true'}
""",
        )
    )
    assert [attempt.exit_code for attempt in ended.step("a").attempts] == [124]
    assert ended.stdout("a") == "up"
    assert ended.stdout("b") == "0"


def test_preconditions_run_in_there(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
steps:
  - {CONTAINER id: a, env: {E: step}, run: echo met,
     preconditions: ['grep -q Alpine /etc/os-release && test "$E" = step']}
  - {CONTAINER id: b, preconditions: ['test -d /nowhere'], run: echo met}
  - {CONTAINER id: c, preconditions: [{eval: '$(. /etc/os-release; echo $ID)', expected: alpine}], run: echo met}
  - {CONTAINER id: d, preconditions: [{eval: '$(exit 3)', expected: x}], run: echo met, continue_on: failed}
  - {CONTAINER id: e, preconditions: ["true\\nfalse"], run: echo met}
  - {CONTAINER id: f, preconditions: [{condition: '$HOST_ONLY', expected: '$HOST_ONLY'}], run: echo met}
""",
        ),
        HOST_ONLY="host",
    )
    assert ended.steps == {
        "a": "succeeded",
        "b": "skipped",
        "c": "succeeded",
        "d": "failed",
        "e": "skipped",
        "f": "succeeded",
    }, ended.err


def test_a_root_precondition_runs_in_the_runs_container(dagu: Project) -> None:
    text = "preconditions: %s\nsteps: [{id: a, run: echo ran}]\n"
    met = dagu.start(flow("run", text % "grep -q Alpine /etc/os-release"))
    assert met.steps == {"a": "succeeded"}
    unmet = dagu.start(flow("run", text % "test -d /nowhere"))
    assert (unmet.code, unmet.status) == (0, "aborted")


def test_repeats_and_their_conditions(dagu: Project) -> None:
    ended = dagu.start(
        flow(
            "run",
            """
steps:
  - {id: a, run: echo x >> /tmp/n, repeat_policy: {repeat: until, condition: 'test $(wc -l < /tmp/n) -ge 3'}}
""",
        )
    )
    assert len(ended.step("a").attempts) == 3


def test_a_foreach_sees_what_is_around_it(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
steps:
  - {CONTAINER id: up, run: echo upstream, output: UP}
  - id: f
    depends: up
    env: {AROUND: around}
    foreach:
      items: [x, y]
      steps:
        - {CONTAINER id: b, run: 'echo ${foreach.item}-$AROUND-$UP', output: OUT}
        - {CONTAINER id: c, depends: b, run: 'echo v=$OUT > $DAGU_OUTPUT_FILE', outputs: [{name: v}]}
      collect: {o: '${steps.c.outputs.v}'}
""",
        )
    )
    assert ended.code == 0, ended.err
    assert [each["o"] for each in json.loads(ended.stdout("f"))["outputs"]] == [
        "x-around-upstream",
        "y-around-upstream",
    ]


def test_handlers_know_how_the_run_ended(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
handler_on:
  exit: {CONTAINER run: 'echo $DAG_RUN_STATUS ${context.run.status} ${DAGU_OUTPUT_FILE-unset}'}
steps: [{CONTAINER id: a, run: 'false'}]
""",
        )
    )
    assert ended.stdout("onExit") == "failed failed unset"


def test_what_a_contained_step_gets_and_what_it_does_not(dagu: Project, place: str) -> None:
    ended = dagu.start(
        flow(
            place,
            """
steps: [{CONTAINER id: a, run: env}]
""",
            "secrets: [{name: TOKEN, provider: env, key: SOURCE}]\nenv: {ROOT: root}\nparams: {p: x}\n",
        ),
        SOURCE="s3cr3t",
        DAGU_SOMETHING="host",
        LC_ALL="C",
    )
    found = dict(line.split("=", 1) for line in ended.stdout("a").splitlines())
    assert (found["ROOT"], found["p"], found["TOKEN"]) == ("root", "x", "*******")
    assert (found["DAG_NAME"], found["DAG_RUN_ID"], found["DAG_RUN_STEP_NAME"]) == ("wf", "r1", "a")
    for name in ("SOURCE", "DAGU_SOMETHING", "LC_ALL", "DAG_RUN_LOG_FILE", "DAG_RUN_WORK_DIR", "DAGU_HOME"):
        assert name not in found


def test_retry_takes_up_a_run_in_a_new_container(dagu: Project, place: str) -> None:
    text = flow(
        place,
        """
steps:
  - {CONTAINER id: a, run: 'echo v=kept > $DAGU_OUTPUT_FILE; echo text', outputs: [{name: v}], output: VAR}
  - {CONTAINER id: b, depends: a, run: 'test "$WANTED" = yes && echo ${steps.a.outputs.v} $VAR'}
""",
        "env: {WANTED: '$ON_HOST'}\n",
    )
    assert dagu.start(text, ON_HOST="no").code == 1
    again = dagu.with_record(dagu("retry", "r1", ON_HOST="yes"), "r1")
    assert again.code == 0, again.err
    assert again.stdout("b", 2) == "kept text"
    assert len(again.step("a").attempts) == 1
