"""The runner inside a container, with the engine's socket mounted: its steps become sibling containers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import e2e_engines
import e2e_runner_image
import pytest
from e2e_dagu import Dagu, Ran
from e2e_engines import EngineUnderTest
from e2e_images import Images

from dagu.contracts.container import ContainerRequest, Mount, MountType
from dagu.contracts.streams import Streams

SOCKET = "/run/engine.sock"


def bind(source: Path | str, target: str, *, read_only: bool = False) -> Mount:
    return Mount(type=MountType.BIND, source=str(source), target=target, read_only=read_only)


@dataclass
class Contained:
    """Runs ``dagu`` in a container. ``/work`` in there is ``project`` here, and the home lies beside it."""

    dagu: Dagu
    image: str
    runtime: str
    endpoint: str

    @property
    def project(self) -> Path:
        return self.dagu.directory / "project"

    def request(self, run_id: str, *mounts: Mount, arguments: tuple[str, ...] = ()) -> ContainerRequest:
        socket = self.endpoint.removeprefix("unix://")
        variable = "DOCKER_HOST" if self.runtime == "docker" else "DAGU_PODMAN_HOST"
        return ContainerRequest(
            image=self.image,
            entrypoint=(),
            command=(*e2e_runner_image.START, "start", "--run-id", run_id, *arguments, "flow.yaml"),
            env={
                "DAGU_CONTAINER_RUNTIME": self.runtime,
                variable: f"unix://{SOCKET}",
                "DAGU_HOME": "/dagu-home",
                "HOME": "/root",
            },
            working_dir="/work",
            mounts=(
                bind(socket, SOCKET),
                bind(self.project, "/work"),
                bind(self.dagu.home, "/dagu-home"),
                *mounts,
            ),
        )

    def start(self, source: str, *mounts: Mount) -> Ran:
        """Run a workflow there."""
        self.dagu.write(source, "project/flow")
        run_id = f"e2e-{os.urandom(6).hex()}"
        runtime = self.dagu.runtime
        container = runtime.create(self.request(run_id, *mounts))
        self.dagu.remove_later(container)
        streams: tuple[list[bytes], list[bytes]] = ([], [])
        attachment = runtime.attach(container, Streams(streams[0].append, streams[1].append))
        runtime.start(container)
        code = runtime.wait(container).code
        attachment.join()
        stdout, stderr = (b"".join(blocks).decode() for blocks in streams)
        assert not runtime.find({"dev.dagu.run": run_id})
        return self.dagu.ran(run_id, subprocess.CompletedProcess((), code, stdout, stderr))


class RunnerImages:
    """The runner's image on each engine, made once."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Images, str]] = {}

    def on(self, engine: EngineUnderTest) -> str:
        if engine.name not in self._made:
            images = Images(engine)
            self._made[engine.name] = images, e2e_runner_image.make(images)
        return self._made[engine.name][1]

    def close(self) -> None:
        for images, _ in self._made.values():
            images.close()


@pytest.fixture(scope="session")
def runner_images() -> Iterator[RunnerImages]:
    """Removes the images at the end."""
    found = RunnerImages()
    yield found
    found.close()


@pytest.fixture
def contained(dagu: Dagu, engine: EngineUnderTest, images: Images, runner_images: RunnerImages) -> Contained:
    """The runner's container on the engine under test."""
    for folder in (dagu.directory / "project", dagu.home):
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
    if engine.rootless:
        # The rootless engine is another user, to whom pytest's own directories are closed.
        dagu.home.rmdir()
        dagu.home = dagu.directory / "home"
        dagu.home.mkdir()
        dagu.home.chmod(0o777)
    return Contained(dagu, runner_images.on(engine), engine.runtime, images.endpoint)


def test_what_a_mount_covers_is_translated(contained: Contained) -> None:
    (contained.project / "in").write_text("from the host\n")
    (contained.project / "below").mkdir()
    (contained.project / "below").chmod(0o777)
    ran = contained.start(
        """
        container: {image: alpine:3.20, volumes: [".:/shared", "./below:/deep"]}
        steps:
          - id: root
            run: cat /shared/in; echo out > /deep/out
          - id: own
            container: {image: alpine:3.20, volumes: ["/work/below:/x:ro", "./in:/file:ro"]}
            run: cat /x/out /file
          - id: docker_run
            action: docker.run
            with:
              image: alpine:3.20
              auto_remove: true
              host: {Binds: ["/work/below:/raw:ro"]}
              command: cat /raw/out
        """
    ).succeeded()
    assert ran.text("root") == "from the host\n"
    assert ran.text("own") == "out\nfrom the host\n"
    assert ran.text("docker_run") == "out\n"
    assert (contained.project / "below" / "out").read_text() == "out\n"


def test_the_deepest_mount_and_a_volume(contained: Contained) -> None:
    deep = contained.dagu.directory / "elsewhere"
    deep.mkdir()
    (deep / "mark").write_text("elsewhere\n")
    (contained.project / "deep").mkdir()
    volume = contained.dagu.volume()
    ran = contained.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, volumes: ["./deep:/x", "/stored:/y"]}
            run: cat /x/mark; echo stored > /y/mark
        """,
        bind(deep, "/work/deep"),
        Mount(type=MountType.VOLUME, source=volume, target="/stored"),
    ).succeeded()
    assert ran.text("a") == "elsewhere\n"
    there = contained.dagu.container(mounts=(Mount(type=MountType.VOLUME, source=volume, target="/v"),))
    assert contained.dagu.execute(there, "cat", "/v/mark") == b"stored\n"


@pytest.mark.parametrize("source", ["/opt", "/tmp/x", "../outside"])
def test_what_no_mount_covers_is_an_error(source: str, contained: Contained) -> None:
    contained.start(
        f"""
        steps:
          - id: a
            container: {{image: alpine:3.20, volumes: ["{source}:/x"]}}
            run: echo never
        """
    ).failed("dagu runs in a container", "none of its mounts covers", "mount it into dagu's container")


def test_a_raw_bind_that_no_mount_covers_is_an_error(contained: Contained) -> None:
    contained.start(
        """
        steps:
          - id: a
            action: docker.run
            with: {image: alpine:3.20, command: echo never, host: {Binds: ["/opt:/x"]}}
        """
    ).failed("none of its mounts covers")


def test_a_tmpfs_of_the_runner_is_an_error(contained: Contained) -> None:
    contained.start(
        """
        container: {image: alpine:3.20, volumes: ["/memory:/x"]}
        steps: [{id: a, run: echo never}]
        """,
        Mount(type=MountType.TMPFS, target="/memory"),
    ).failed("/memory can't be mounted", "only dagu's own container has")


def test_a_workspace_is_carried_from_where_no_mount_is(contained: Contained) -> None:
    ran = contained.start(
        """
        steps:
          - id: make
            run: mkdir -p /only-here && echo inside > /only-here/file
          - id: a
            depends: make
            container: {image: alpine:3.20, workspace: copy, volumes: ["/only-here:/x"]}
            run: cat /x/file; echo more >> /x/file
          - id: look
            depends: a
            run: cat /only-here/file
        """
    ).succeeded()
    assert ran.text("a") == "inside\n"
    assert ran.text("look") == "inside\nmore\n"


def test_scripts_outputs_and_secrets_need_no_shared_path(contained: Contained) -> None:
    ran = contained.start(
        """
        env: [HIDDEN: hidden-value]
        secrets: [{name: TOKEN, provider: env, key: HIDDEN}]
        container: {image: alpine:3.20, secrets: [TOKEN]}
        steps:
          - id: a
            outputs: [{name: x}]
            run: |
              #!/bin/sh
              echo "x=$(wc -c < /run/secrets/TOKEN)" > "$DAGU_OUTPUT_FILE"
          - {id: b, depends: a, run: "echo ${steps.a.outputs.x}"}
        """
    ).succeeded()
    assert ran.text("b") == "12\n"


def test_a_killed_runner_takes_its_container_with_it(contained: Contained) -> None:
    contained.dagu.write(
        """
        container: {image: alpine:3.20}
        steps: [{id: a, run: sleep 86400}]
        """,
        "project/flow",
    )
    run_id = f"e2e-{os.urandom(6).hex()}"
    runtime = contained.dagu.runtime
    runner = runtime.create(contained.request(run_id))
    contained.dagu.remove_later(runner)
    runtime.start(runner)
    contained.dagu.until(lambda: any(state.running for state in runtime.find({"dev.dagu.run": run_id})))
    runtime.kill(runner)
    contained.dagu.until(lambda: not runtime.find({"dev.dagu.run": run_id}))


@pytest.mark.podman
@pytest.mark.docker
def test_an_engine_that_does_not_know_the_runners_container(
    directory: Path, tmp_path: Path, docker: EngineUnderTest, runner_images: RunnerImages
) -> None:
    podman = e2e_engines.engine("podman")
    dagu = Dagu(tmp_path / "home", directory, podman)
    dagu.home.mkdir()
    (directory / "project").mkdir()
    try:
        contained = Contained(dagu, runner_images.on(podman), "docker", docker.environ["DOCKER_HOST"])
        contained.start(
            """
            container: {image: alpine:3.20, volumes: [".:/x"]}
            steps: [{id: a, run: echo never}]
            """
        ).failed("docker engine", "does not know that container", "workspace: copy")
    finally:
        dagu.close()
