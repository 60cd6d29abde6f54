"""Each symptom of a broken set-up, provoked: the run and the doctor name the cause and the remedy."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import e2e_engines
import pytest
from e2e_dagu import PROGRAM, Dagu

BIN = Path(PROGRAM)


def rows(dagu: Dagu, *arguments: str, env: dict[str, str] | None = None, status: int) -> list[dict[str, Any]]:
    done = dagu.command("doctor", "--json", *arguments, env=env)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def problem(found: list[dict[str, Any]], check: str) -> dict[str, Any]:
    (row,) = [row for row in found if row["check"] == check and row["state"] != "ok"]
    return row


def test_all_is_well(dagu: Dagu) -> None:
    path = dagu.write(
        """
        container:
          image: alpine:3.20
          volumes: [".:/work"]
        steps:
          - action: harness.run
            with: {provider: shell, prompt: "true"}
        """
    )
    found = rows(dagu, str(path), status=0)
    assert {row["check"] for row in found} >= {
        "runtime",
        "engine",
        "capabilities",
        "image",
        "agent",
        "workspace",
    }
    assert [row for row in found if row["state"] == "problem"] == []
    assert dagu.containers() == []


@pytest.mark.docker
def test_which_runtime_and_why(dagu_docker: Dagu) -> None:
    found = rows(dagu_docker, status=0)
    assert "DAGU_CONTAINER_RUNTIME=docker" in next(
        row["detail"] for row in found if row["check"] == "runtime"
    )
    assert "DOCKER_HOST" in next(row["detail"] for row in found if row["check"] == "engine")


def test_cannot_connect(dagu: Dagu) -> None:
    nowhere = {"DOCKER_HOST": "unix:///no/such.sock", "DAGU_PODMAN_HOST": "unix:///no/such.sock"}
    row = problem(rows(dagu, env=nowhere, status=1), "engine")
    assert "/no/such.sock" in row["detail"]
    assert row["remedy"]
    ran = dagu.start("container: {image: 'alpine:3.20'}\nsteps: [{run: 'true'}]\n", env=nowhere)
    ran.failed("/no/such.sock", row["remedy"])


@pytest.mark.docker
def test_permission_denied_on_the_socket(dagu_docker: Dagu, directory: Path) -> None:
    socket = dagu_docker.environ["DOCKER_HOST"].removeprefix("unix://")
    home = directory / "other-home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)

    def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
        # The interpreter of the environment may lie below a directory that only root can enter.
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(BIN), *arguments],
            env={**dagu_docker.environ, "DAGU_HOME": str(home), "HOME": str(home)},
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    if as_nobody("version").returncode != 0:
        # Then ask as root whose power over files is taken away, which the kernel treats alike.
        os.chmod(socket, 0o600)

        def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
            drop = "--bounding-set=-dac_override,-dac_read_search"
            return subprocess.run(
                ["setpriv", drop, "--inh-caps=-all", str(BIN), *arguments],
                env={**dagu_docker.environ, "DAGU_HOME": str(home), "HOME": str(home)},
                cwd=directory,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        os.chown(socket, 65534, 65534)
    try:
        done = as_nobody("doctor", "--json")
        assert done.returncode == 1, done.stderr
        row = problem(json.loads(done.stdout), "engine")
        assert "ermission" in row["detail"]
        assert "group" in row["remedy"] or "permission" in row["remedy"].lower()
        path = dagu_docker.write("container: {image: 'alpine:3.20'}\nsteps: [{run: 'true'}]\n")
        ran = as_nobody("start", str(path))
        assert ran.returncode == 1
        assert "ermission" in ran.stderr
        assert row["remedy"] in ran.stderr
        assert "Traceback" not in ran.stderr
    finally:
        os.chown(socket, 0, docker_group())
        os.chmod(socket, 0o660)


def docker_group() -> int:
    import grp

    try:
        return grp.getgrnam("docker").gr_gid
    except KeyError:
        return 0


@pytest.mark.docker
def test_the_engine_of_another_runtime_is_named(dagu_docker: Dagu) -> None:
    path = dagu_docker.write("container: {image: 'alpine:3.20'}\nsteps: [{run: 'true'}]\n")
    meant = {"DAGU_CONTAINER_RUNTIME": "", "DAGU_PODMAN_HOST": "unix:///meant.sock"}
    row = problem(rows(dagu_docker, env=meant, status=0), "runtime")
    assert "docker is in use" in row["detail"]
    assert "DAGU_PODMAN_HOST is read by podman only" in row["detail"]
    ran = dagu_docker.start(path, env={**meant, "DOCKER_HOST": "unix:///no/such.sock"})
    ran.failed("/no/such.sock", "docker was chosen by the default", "DAGU_CONTAINER_RUNTIME=podman selects")


@pytest.mark.docker
@pytest.mark.podman
def test_the_socket_of_the_other_engine(dagu_docker: Dagu) -> None:
    docker = dagu_docker.environ["DOCKER_HOST"]
    podman = e2e_engines.engine("podman").environ["DAGU_PODMAN_HOST"]
    path = dagu_docker.write("container: {image: 'alpine:3.20'}\nsteps: [{run: 'true'}]\n")
    wrong = {"DAGU_CONTAINER_RUNTIME": "podman", "DAGU_PODMAN_HOST": docker}
    row = problem(rows(dagu_docker, env=wrong, status=1), "engine")
    assert "is not Podman" in row["detail"]
    assert "DAGU_CONTAINER_RUNTIME=docker" in row["remedy"]
    dagu_docker.start(path, env=wrong).failed("is not Podman", "DAGU_CONTAINER_RUNTIME=docker")
    ran = dagu_docker.start(path, env={"DOCKER_HOST": podman}).succeeded()
    assert "The engine is Podman; DAGU_CONTAINER_RUNTIME=podman uses it in full" in ran.stderr


@pytest.mark.docker
def test_another_engine_than_expected(dagu_docker: Dagu) -> None:
    found = rows(dagu_docker, env={"DAGU_CONTAINER_RUNTIME": "nosuch"}, status=1)
    row = problem(found, "engine")
    assert "nosuch" in row["detail"]
    assert "docker, podman" in row["detail"]


def test_image_not_there(dagu: Dagu) -> None:
    never = dagu.write(
        """
        steps:
          - container: {image: "nosuch:1", pull_policy: never}
            run: "true"
        """
    )
    row = problem(rows(dagu, str(never), status=1), "image")
    assert "nosuch:1" in row["detail"]
    assert "pull_policy: missing" in row["remedy"]
    dagu.start(never).failed("nosuch:1", "pull_policy is never")


def test_image_that_no_registry_gives(dagu: Dagu) -> None:
    missing = dagu.write(
        """
        steps:
          - container: {image: "127.0.0.1:9/nosuch:1"}
            run: "true"
        """
    )
    row = problem(rows(dagu, str(missing), status=1), "image")
    assert "127.0.0.1:9" in row["detail"]
    dagu.start(missing).failed("127.0.0.1:9/nosuch:1")


def test_agent_not_in_the_image(dagu: Dagu) -> None:
    path = dagu.write(
        """
        steps:
          - container: {image: "alpine:3.20"}
            action: harness.run
            with: {provider: claude, prompt: hello}
        """
    )
    row = problem(rows(dagu, str(path), status=1), "agent")
    assert "claude" in row["detail"]
    assert "alpine:3.20" in row["detail"]
    assert "install" in row["remedy"]
    dagu.start(path).failed("claude", "alpine:3.20")


def test_agent_that_nothing_brings(dagu: Dagu) -> None:
    path = dagu.write(
        """
        harnesses: {mine: {binary: sh, prefix_args: [-c]}}
        harness: {provider: "${env.AGENT}"}
        steps:
          - {action: harness.run, with: {prompt: x}}
          - {action: harness.run, with: {prompt: x, provider: mine, fallback: [{provider: nobodys}]}}
        """
    )
    found = problem(rows(dagu, str(path), status=1), "agent")
    assert "no harness provider 'nobodys'" in found["detail"]
    assert found["remedy"]


def test_workspace_that_may_not_be_written(dagu: Dagu, directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o755)
    path = dagu.write(
        """
        container:
          image: alpine:3.20
          user: "4321:4321"
          volumes: ["./closed:/work"]
        steps:
          - run: touch /work/file
        """
    )
    row = problem(rows(dagu, str(path), status=1), "workspace")
    assert "4321:4321" in row["detail"]
    assert "permission denied" in row["detail"]
    assert "container.user" in row["remedy"]
    dagu.start(path).failed("Permission denied", "user 4321:4321", "0:0 with mode 755", "container.user")


@pytest.mark.parametrize("place", ["root", "own"])
def test_a_workspace_that_may_not_be_written_where_the_command_works(place: str, dagu: Dagu) -> None:
    closed = dagu.directory / "closed"
    closed.mkdir(mode=0o755)
    container = (
        "container: {image: alpine:3.20, user: '4321', working_dir: /work, volumes: ['./closed:/work']}"
    )
    source = f"{container}\nsteps: [{{id: a, run: echo x > file}}]"
    if place == "own":
        source = f"steps:\n  - id: a\n    run: echo x > file\n    {container}\n"
    ran = dagu.start(source).failed("ermission denied", "user 4321", str(closed), "container.user")
    assert "hint" in ran.step("a").error


def test_what_is_read_only_is_told(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: volume
            container: {image: alpine:3.20, volumes: [".:/work:ro"]}
            run: touch /work/x
          - id: root
            container: {image: alpine:3.20, read_only: true}
            run: touch /etc/x
          - id: nothing_to_do_with_it
            container: {image: alpine:3.20, volumes: [".:/work"]}
            run: echo "/etc/shadow Permission denied" >&2; exit 1
        """
    ).failed()
    assert "leave out its `ro`" in ran.step("volume").error
    assert "`tmpfs`" in ran.step("root").error
    assert "hint" not in ran.step("nothing_to_do_with_it").error


def test_no_network(dagu: Dagu) -> None:
    path = dagu.write(
        "container: {image: 'alpine:3.20', network: none}\nsteps: [{run: 'nc -w 5 192.0.2.1 80'}]\n"
    )
    dagu.start(path).failed("container.network is none", "bridge")
    row = problem(rows(dagu, str(path), status=0), "network")
    assert "no network access" in row["detail"]
    assert "bridge" in row["remedy"]


def test_a_file_with_mistakes(dagu: Dagu) -> None:
    row = problem(rows(dagu, str(dagu.write("steps: [{runn: x}]\n")), status=1), "workflow")
    assert "runn" in row["detail"]
