"""Runs that another machine takes up when their worker is lost: their containers end with the run's process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from e2e_dagu import Dagu, Ran, Running
from e2e_images import Images

from dagu.sandbox import labels

SCRIPT = 'echo "entered with $*"; cat; echo number=42 >> "${DAGU_OUTPUT_FILE:-/dev/null}"; exit ${CODE:-0}'


def begin(dagu: Dagu, source: str | Path) -> Running:
    """Start a run as a worker does that may lose it to another one."""
    path = source if isinstance(source, Path) else dagu.write(source)
    run_id = f"e2e-{os.urandom(6).hex()}"
    env = {"DAGU_LIFELINE": "containers"}
    return Running(
        dagu, run_id, dagu.begin("start", "--run-id", run_id, str(path), env=env, stdin=subprocess.PIPE)
    )


def start(dagu: Dagu, source: str) -> Ran:
    running = begin(dagu, source)
    code = running.process.wait(240)
    assert running.process.stdout
    assert running.process.stderr
    out, errors = running.process.stdout.read(), running.process.stderr.read()
    return dagu.ran(running.run_id, subprocess.CompletedProcess((), code, out, errors))


def test_a_command_is_as_in_a_container_of_its_own(dagu: Dagu, images: Images) -> None:
    image = images.make(
        "entry",
        entrypoint=["/bin/sh", "-c", SCRIPT, "entry"],
        cmd=["the image's"],
        changes=["WORKDIR /root", "ENV CODE=0"],
    )
    ran = start(
        dagu,
        f"""
        steps:
          - id: words
            action: exec
            with: {{command: these, args: [words, "and more"]}}
            container: {{image: "{image}", env: [CODE: "0"], user: "1000"}}
            outputs: [{{name: number}}]
          - id: nothing
            container: {{image: "{image}"}}
          - id: script
            container: {{image: alpine:3.20, working_dir: /usr}}
            run: |
              pwd
              id -u
          - id: failing
            container: {{image: alpine:3.20}}
            run: exit 7
            continue_on: failed
          - id: raw
            action: docker.run
            with: {{image: alpine:3.20, auto_remove: true, command: "echo raw"}}
        """,
    )
    assert ran.run is not None, ran.stderr
    assert ran.text("words") == "entered with these words and more\n", ran.stderr
    assert ran.step("words").outputs["outputs"] == {"number": "42"}
    assert ran.text("nothing") == "entered with the image's\n"
    assert ran.text("script") == "/usr\n0\n"
    assert ran.step("failing").exit_code == 7
    assert ran.text("raw") == "raw\n"


@pytest.mark.parametrize("root", [False, True], ids=["of a step", "of the run"])
def test_containers_end_with_a_runner_that_is_killed(root: bool, dagu: Dagu) -> None:
    container = "container: {image: alpine:3.20}"
    running = begin(
        dagu,
        dagu.write(
            f"{container if root else ''}\nsteps: [{{id: a, run: sleep 3600, {'' if root else container}}}]"
        ),
    )
    dagu.until_contained(running)
    running.process.kill()
    running.process.wait()
    dagu.until(lambda: not dagu.runtime.find({labels.RUN: running.run_id}))


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("keep_container: true", "container.keep_container"),
        ("restart_policy: always", "container.restart_policy"),
        ("startup: entrypoint", "container.startup"),
    ],
)
def test_what_would_outlive_its_worker_is_refused(field: str, named: str, dagu: Dagu) -> None:
    ran = start(
        dagu,
        f"""
        container: {{image: alpine:3.20, {field}}}
        steps: [{{id: a, run: echo}}]
        """,
    ).failed(named, "could outlive its worker", "on_worker_lost: interrupt")
    assert not ran.record.steps[0].attempts


def test_commands_in_a_container_of_another_are_refused(dagu: Dagu) -> None:
    there = dagu.container(name=dagu.name())
    ran = start(dagu, f"container: {there}\nsteps: [{{id: a, run: echo}}]")
    ran.failed("container.exec", "could outlive their worker")
    start(dagu, "steps: [{id: a, action: docker.run, with: {image: alpine:3.20, command: echo}}]").failed(
        "container.keep_container"
    )


def test_an_image_without_a_shell_is_named(dagu: Dagu, images: Images) -> None:
    image = images.of_files("bare", {"/echo": images.busybox()})
    start(
        dagu,
        f"""
        steps:
          - id: a
            action: exec
            with: {{command: /echo, args: [bare]}}
            container: {{image: "{image}"}}
        """,
    ).failed(image, "has no shell", "on_worker_lost: interrupt")
