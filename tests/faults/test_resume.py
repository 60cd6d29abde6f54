"""``dagu resume``: a run whose runner was killed goes on."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_dagu import Dagu, Ran, Running
from e2e_engines import EngineUnderTest

from dagu.contracts.container import ContainerState
from dagu.history.logs import RunLogs
from dagu.history.records import Status
from dagu.history.store import History
from dagu.sandbox import labels

COUNT = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; echo err $i >&2; sleep 0.1; done"
LINES = "".join(f"line {i}\n" for i in range(1, 41)).encode()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that leaves no other sign."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "never came to pass"
        time.sleep(0.05)


def log(dagu: Dagu, running: Running, step: str, *, attempt: int = 1) -> bytes:
    """What the log of an attempt holds now."""
    (folder,) = (dagu.home / "logs").glob(f"*/{running.run_id}")
    path = RunLogs(dagu.home, folder.parent.name, running.run_id).path(step, attempt, "stdout")
    return path.read_bytes() if path.exists() else b""


def kill(running: Running) -> None:
    running.process.send_signal(signal.SIGKILL)
    running.process.communicate()


def resume(dagu: Dagu, running: Running, **env: str) -> Ran:
    return dagu.ran(running.run_id, dagu.command("resume", running.run_id, env=env))


def containers(dagu: Dagu, running: Running) -> list[ContainerState]:
    return list(dagu.runtime.find({labels.RUN: running.run_id}))


def logged(dagu: Dagu, running: Running, step: str, text: bytes) -> Callable[[], bool]:
    return lambda: any(
        text in log(dagu, running, step) for _ in (dagu.home / "logs").glob(f"*/{running.run_id}")
    )


def test_a_container_that_still_runs_is_gone_on_with(dagu: Dagu) -> None:
    running = dagu.begin_run(
        f"""
        steps:
          - id: first
            run: echo done > once.txt && ! test -e twice.txt && cp once.txt twice.txt
          - id: count
            depends: first
            container: alpine:3.20
            run: |
              {COUNT}; echo "answer=42" >> $DAGU_OUTPUT_FILE; exit 0
            outputs: [{{name: answer}}]
          - id: last
            depends: count
            run: echo ${{steps.count.outputs.answer}}
        """.replace("container: alpine:3.20", 'container: {image: "alpine:3.20"}')
    )
    until(logged(dagu, running, "count", b"line 5\n"))
    kill(running)
    before = log(dagu, running, "count")
    (state,) = containers(dagu, running)
    assert state.running
    ran = resume(dagu, running).succeeded()
    assert ran.output("count") == LINES
    assert ran.output("count").startswith(before)
    assert ran.output("count", "stderr") == LINES.replace(b"line", b"err")
    assert [len(ran.step(name).attempts) for name in ("first", "count", "last")] == [1, 1, 1]
    assert ran.text("last") == "42\n"
    assert ran.record.attempt == 2
    assert not containers(dagu, running)


def test_one_that_ended_since_tells_its_end(dagu: Dagu) -> None:
    running = dagu.begin_run(
        """
        steps:
          - id: brief
            container: {image: "alpine:3.20"}
            run: echo begin; sleep 2; echo end; exit 3
        """
    )
    until(logged(dagu, running, "brief", b"begin\n"))
    kill(running)
    until(lambda: not any(state.running for state in containers(dagu, running)))
    ran = resume(dagu, running)
    assert (ran.code, ran.status) == (1, Status.FAILED)
    assert ran.output("brief") == b"begin\nend\n"
    assert (ran.step("brief").exit_code, len(ran.step("brief").attempts)) == (3, 1)


def test_what_else_was_interrupted_runs_again(dagu: Dagu) -> None:
    running = dagu.begin_run(
        """
        steps:
          - id: here
            run: echo here; test -e again || { touch again; sleep 600; }
          - id: gone
            container: {image: "alpine:3.20"}
            run: echo gone; sleep 600
            timeout_sec: 20
            continue_on: failed
        """
    )
    until(logged(dagu, running, "here", b"here\n"))
    until(logged(dagu, running, "gone", b"gone\n"))
    kill(running)
    (state,) = containers(dagu, running)
    dagu.runtime.remove(state.id)
    resumed = dagu.begin("resume", running.run_id)
    until(lambda: len(containers(dagu, running)) == 1)
    resumed.send_signal(signal.SIGTERM)
    resumed.communicate(timeout=120)
    with_history = dagu.command("status", "--run-id", running.run_id)
    assert "here  succeeded" in with_history.stdout
    again = dagu.ran(running.run_id, with_history)
    assert [len(again.step(name).attempts) for name in ("here", "gone")] == [2, 2]
    assert again.step("here").attempts[0].status is Status.INTERRUPTED
    assert again.output("here", attempt=1) == b"here\n"


def test_others_leave_a_resumed_container_alone(dagu: Dagu) -> None:
    running = dagu.begin_run(
        f"""
        steps:
          - id: count
            container: {{image: "alpine:3.20"}}
            run: {COUNT}
        """
    )
    until(logged(dagu, running, "count", b"line 2\n"))
    kill(running)
    resumed = dagu.begin("resume", running.run_id)
    until(logged(dagu, running, "count", b"line 12\n"))
    collected = dagu.command("gc", "--json")
    assert json.loads(collected.stdout)["things"] == []
    elsewhere = {"DAGU_HOME": str(dagu.home / "other")}
    other = 'steps:\n  - run: "true"\n    container: {image: "alpine:3.20"}\n'
    assert dagu.command("start", str(dagu.write(other)), env=elsewhere).returncode == 0
    _, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, err
    assert log(dagu, running, "count") == LINES


def test_without_resume_the_next_run_ends_it(dagu: Dagu) -> None:
    running = dagu.begin_run(
        'steps:\n  - id: long\n    container: {image: "alpine:3.20"}\n    run: echo up; sleep 600\n'
    )
    until(logged(dagu, running, "long", b"up\n"))
    kill(running)
    assert len(containers(dagu, running)) == 1
    dagu.start('steps:\n  - run: "true"\n    container: {image: "alpine:3.20"}\n').succeeded()
    assert not containers(dagu, running)
    resumed = dagu.begin("resume", running.run_id)
    until(lambda: len(containers(dagu, running)) == 1)
    resumed.send_signal(signal.SIGTERM)
    _, err = resumed.communicate(timeout=120)
    assert "step long runs again: its container is gone" in err


SECRET = "tok-0123456789"


def test_secrets_stay_masked(dagu: Dagu) -> None:
    running = dagu.begin_run(
        """
        secrets:
          - {name: TOKEN, provider: env, key: MY_TOKEN}
        steps:
          - id: tell
            container: {image: "alpine:3.20"}
            run: for i in 1 2 3 4 5 6 7 8 9 10; do echo $i $TOKEN; sleep 0.3; done
        """,
        env={"MY_TOKEN": SECRET},
    )
    until(logged(dagu, running, "tell", b"2 "))
    kill(running)
    ran = resume(dagu, running, MY_TOKEN=SECRET).succeeded()
    assert ran.output("tell") == b"".join(b"%d *******\n" % i for i in range(1, 11))
    for path in dagu.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.docker
def test_with_other_secrets_it_runs_again(dagu_docker: Dagu) -> None:
    dagu = dagu_docker
    running = dagu.begin_run(
        """
        secrets:
          - {name: TOKEN, provider: env, key: MY_TOKEN}
        steps:
          - id: tell
            container: {image: "alpine:3.20"}
            run: echo $TOKEN; test "$TOKEN" = other-98765 || sleep 600
        """,
        env={"MY_TOKEN": SECRET},
    )
    until(logged(dagu, running, "tell", b"\n"))
    kill(running)
    ran = resume(dagu, running, MY_TOKEN="other-98765").succeeded()
    assert "step tell runs again: the secrets changed" in ran.stderr
    assert len(ran.step("tell").attempts) == 2


# A stand-in that speaks as Claude Code does, slowly.
AGENT = """#!/bin/sh
prompt=$(cat)
echo '{"type":"system","subtype":"init","session_id":"s-1","model":"m"}'
for i in 1 2 3 4 5 6; do
  said='{"type":"text","text":"part '$i'"}'
  spent='{"input_tokens":10,"output_tokens":'$i'}'
  echo '{"type":"assistant","message":{"id":"m'$i'","content":['$said'],"usage":'$spent'}}'
  sleep 0.5
done
spent='{"input_tokens":60,"output_tokens":21}'
end='"session_id":"s-1","total_cost_usd":0.5,"usage":'$spent'}'
echo '{"type":"result","subtype":"success","result":"heard '${#prompt}'",'$end
"""


def events(dagu: Dagu, run_id: str) -> list[str]:
    with History(dagu.home) as history:
        return [event.payload for event in history.agent_events(run_id)] if history.runs() else []


@pytest.mark.parametrize("engine", ["docker", "podman"], indirect=True)
def test_an_agent_is_heard_to_its_end(dagu: Dagu, engine: EngineUnderTest) -> None:
    agent = Path(dagu.directory, "claude")
    agent.write_text(AGENT)
    agent.chmod(0o755)
    asked = dagu.write(
        f"""
        steps:
          - id: ask
            action: harness.run
            with: {{provider: claude, prompt: {"x" * 300_000}}}
            container: {{image: "alpine:3.20", volumes: ["./claude:/usr/local/bin/claude:ro"]}}
            output: ANSWER
        """
    )
    running = dagu.begin_run(asked)
    until(lambda: len(events(dagu, running.run_id)) >= 3)
    kill(running)
    before = events(dagu, running.run_id)
    ran = resume(dagu, running).succeeded()
    whole = events(dagu, dagu.start(asked).succeeded().record.run_id)
    assert 3 <= len(before) < len(whole)
    assert events(dagu, running.run_id) == whole
    assert ran.text("ask") == "heard 300000\n"
    (attempt,) = ran.step("ask").attempts
    assert attempt.usage is not None
    assert (attempt.usage.cost_usd, attempt.usage.output) == (0.5, 21)


@pytest.mark.docker
def test_only_an_interrupted_run_is_resumed(dagu_docker: Dagu) -> None:
    ran = dagu_docker.start("steps:\n  - run: 'true'\n").succeeded()
    done = dagu_docker.command("resume", ran.record.run_id)
    assert done.returncode == 1
    assert "was not interrupted: succeeded" in done.stderr
