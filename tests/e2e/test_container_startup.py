"""How a root container starts, and how it is waited for."""

from __future__ import annotations

import pytest
from e2e_dagu import Dagu
from e2e_images import Images

from dagu.history.records import Status


def test_keepalive_clears_the_entry_point(dagu: Dagu, images: Images) -> None:
    image = images.make("entry", entrypoint=["/bin/false"], cmd=["--nothing"])
    ran = dagu.start(
        f"""
        container: {{image: "{image}"}}
        steps:
          - id: a
            run: cat /proc/1/cmdline | tr '\\0' ' '
          - id: b
            run: [echo one, echo two]
        """
    ).succeeded()
    assert "false" not in ran.text("a")
    assert ran.text("b") == "one\ntwo\n"


def test_entry_point_as_the_image_has_it(dagu: Dagu, images: Images) -> None:
    script = 'echo "started with $*" > /started; echo ready; exec sleep 86400'
    image = images.make("serving", entrypoint=["/bin/sh", "-c", script, "entry"], cmd=["of", "the image"])
    ran = dagu.start(
        f"""
        container: {{image: "{image}", startup: entrypoint, log_pattern: "^rea.y$"}}
        steps: [{{id: a, run: cat /started}}]
        """
    ).succeeded()
    assert ran.text("a") == "started with of the image\n"
    ran = dagu.start(
        f"""
        container:
          image: "{image}"
          startup: command
          command: [of, "the workflow"]
          log_pattern: ready
        steps: [{{id: a, run: cat /started}}]
        """
    ).succeeded()
    assert ran.text("a") == "started with of the workflow\n"


def test_a_command_as_one_text(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20, startup: command, command: "sh -c 'echo up > /up; sleep 86400'"}
        steps: [{id: a, run: "until [ -e /up ]; do sleep 0.1; done; cat /up"}]
        """
    ).succeeded()
    assert ran.text("a") == "up\n"


def test_a_container_that_ends_at_once_fails_the_run(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20, startup: command, command: [sh, -c, "exit 7"], log_pattern: never}
        steps: [{id: a, run: echo never}]
        handler_on:
          exit: {run: echo never}
        """
    ).failed("ended before it was ready", "exit code 7")
    assert ran.step("a").status is Status.NOT_STARTED


def test_healthy_is_waited_for(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container:
          image: alpine:3.20
          startup: command
          command: [sh, -c, "sleep 1; touch /healthy; sleep 86400"]
          wait_for: healthy
          healthcheck:
            test: [CMD-SHELL, test -e /healthy]
            interval: 200ms
            timeout: 10s
            retries: 100
        steps: [{id: a, run: "ls /healthy"}]
        """
    ).succeeded()
    assert ran.text("a") == "/healthy\n"


@pytest.mark.parametrize("test", ["[CMD, test, -e, /etc/passwd]", "test -e /etc/passwd"])
def test_forms_of_a_health_check(test: str, dagu: Dagu) -> None:
    dagu.start(
        f"""
        container: {{image: alpine:3.20, wait_for: healthy, healthcheck: {{test: {test}, interval: 200ms}}}}
        steps: [{{run: "true"}}]
        """
    ).succeeded()


def test_without_a_health_check_it_falls_back_with_a_warning(dagu: Dagu) -> None:
    for check in ("", ", healthcheck: {test: [NONE]}"):
        ran = dagu.start(
            f"""
            container: {{image: alpine:3.20, wait_for: healthy{check}}}
            steps: [{{run: "true"}}]
            """
        ).succeeded()
        assert "has no health check" in ran.stderr


def test_the_log_is_watched_from_its_first_line_in_both_streams(dagu: Dagu) -> None:
    dagu.start(
        """
        container:
          image: alpine:3.20
          startup: command
          command: [sh, -c, "echo first line; echo 'second: go 42' >&2; printf unfinished; sleep 86400"]
          log_pattern: ${params.pattern}
        params: ["pattern="]
        steps: [{run: "true"}]
        """.replace('["pattern="]', "[{pattern: 'go [0-9]+$'}]")
    ).succeeded()
    dagu.start(
        """
        container:
          image: alpine:3.20
          startup: command
          command: [sh, -c, "printf unfinished; sleep 86400"]
          log_pattern: finished$
        steps: [{run: "true"}]
        """
    ).succeeded()


def test_stopping_a_run_that_waits(dagu: Dagu) -> None:
    run = dagu.begin_run(
        """
        container: {image: alpine:3.20, log_pattern: never}
        steps: [{id: a, run: echo never}]
        """
    )
    dagu.until_contained(run)
    run.process.terminate()
    ended = run.finish()
    assert ended.status is Status.ABORTED
    assert ended.code == 143


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_a_restart_policy_brings_it_back(policy: str, dagu: Dagu) -> None:
    ran = dagu.start(
        f"""
        container:
          image: alpine:3.20
          restart_policy: {policy}
          startup: command
          command: [sh, -c, "echo start >> /starts; exec sleep 86400"]
        steps:
          - id: kill
            run: kill 1; sleep 86400
            continue_on: failed
          - id: again
            depends: kill
            run: cat /starts
            retry_policy: {{limit: 20, interval_sec: 1}}
        """
    )
    assert ran.step("kill").status is Status.FAILED
    assert ran.text("again") == "start\nstart\n"


def test_no_restart_is_no_policy(dagu: Dagu) -> None:
    dagu.start(
        """
        container: {image: alpine:3.20, restart_policy: "no"}
        steps: [{run: "true"}]
        """
    ).succeeded()


def test_a_container_that_dies_fails_the_step_and_not_silently(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container:
          image: alpine:3.20
          startup: command
          command: [sh, -c, "while [ ! -e /end ]; do sleep 0.1; done"]
        steps:
          - id: end
            run: touch /end; sleep 86400
          - id: after
            run: echo never
        """
    ).failed()
    assert ran.step("end").status is Status.FAILED
    assert ran.step("after").status is Status.FAILED
    assert "ended" in ran.step("after").error
    assert ran.output("after") == b""


def test_steps_of_a_shared_container_run_one_at_a_time(dagu: Dagu) -> None:
    source = """
        {limit}
        container: {{image: alpine:3.20}}
        steps:
          - {{id: a, run: "test ! -e /busy; touch /busy; sleep 0.5; rm /busy"}}
          - {{id: b, run: "test ! -e /busy; touch /busy; sleep 0.5; rm /busy"}}
        """
    dagu.start(source.format(limit="type: graph")).succeeded()
    ran = dagu.start(
        """
        max_active_steps: 2
        container: {image: alpine:3.20}
        steps:
          - {id: a, run: "touch /a; until [ -e /b ]; do sleep 0.05; done"}
          - {id: b, run: "touch /b; until [ -e /a ]; do sleep 0.05; done"}
        """
    ).succeeded()
    assert ran.status is Status.SUCCEEDED


def test_a_step_of_its_own_container_beside_the_shared_one(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20}
        steps:
          - {id: a, run: touch /mark}
          - {id: b, run: "ls /mark", container: {image: alpine:3.20}, continue_on: failed}
          - {id: c, run: ls /mark}
        """
    )
    assert ran.step("b").status is Status.FAILED
    assert ran.text("c") == "/mark\n"
    assert [step.attempts[0].place for step in ran.record.steps] == [
        "shared container",
        "container",
        "shared container",
    ]


def test_handlers_and_preconditions_run_in_it(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20, env: {WHERE: inside}}
        preconditions: ["test $WHERE = inside", "test -e /etc/alpine-release"]
        handler_on:
          init: {run: echo init > /init}
          exit: {run: cat /init /step}
        steps:
          - id: a
            preconditions: ["test -e /init"]
            run: echo step > /step
        """
    ).succeeded()
    assert ran.text("onExit") == "init\nstep\n"


def test_a_shared_container_that_cannot_be_had_is_no_reason_to_run_on_the_host(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        params: [{called: "-bad"}]
        container: {image: "alpine:3.20", name: "${params.called}"}
        steps: [{id: a, run: echo on the host}]
        handler_on:
          failure: {run: echo on the host}
        """
    ).failed("container.name")
    assert "on the host" not in ran.stdout + ran.stderr
    assert all(not step.attempts or step.attempts[0].place != "host" for step in ran.record.steps)


def test_handlers_get_their_containers_after_a_stop(dagu: Dagu) -> None:
    run = dagu.begin_run(
        """
        steps: [{id: a, container: {image: alpine:3.20}, run: "sleep 86400"}]
        handler_on:
          abort: {container: {image: alpine:3.20}, run: [echo one, echo two]}
          exit: {container: {image: alpine:3.20}, run: echo single}
        """
    )
    dagu.until_contained(run)
    run.process.terminate()
    ran = run.finish()
    assert ran.status is Status.ABORTED
    assert ran.text("onAbort") == "one\ntwo\n"
    assert ran.text("onExit") == "single\n"
