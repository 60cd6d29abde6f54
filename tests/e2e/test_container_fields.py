"""The fields of ``container:``, each seen from inside, alike on every engine."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest

from dagu.contracts.container import ContainerStatus
from dagu.history.records import Status


def test_a_step_sees_its_environment_and_nothing_of_the_host(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        params:
          - name: colour
            default: blue
        env:
          - ROOT: root
          - TAKEN: from the workflow
        container:
          image: alpine:3.20
          env:
            - FIRST: one
            - SECOND: ${FIRST}-two
            - TAKEN: from the container
        steps:
          - id: make
            run: echo made
            output: MADE
          - id: look
            depends: make
            env:
              - STEP: step
              - TAKEN: from the step
            run: env
        """,
        env={"DAGU_SEEN": "never", "PATH_OF_HOST": "never"},
    ).succeeded()
    seen = dict(line.partition("=")[::2] for line in ran.text("look").splitlines())
    wanted = {
        "ROOT": "root",
        "colour": "blue",
        "STEP": "step",
        "FIRST": "one",
        "SECOND": "one-two",
        "TAKEN": "from the container",
        "MADE": "made",
        "DAG_RUN_ID": ran.record.run_id,
        "DAG_RUN_STEP_NAME": "look",
    }
    assert {name: seen.get(name) for name in wanted} == wanted
    hidden = ("DAGU_", "DAG_RUN_WORK_DIR", "DAG_RUN_LOG_FILE", "DAG_RUN_STEP_STD", "DOCKER_", "PATH_OF_HOST")
    told = [name for name in seen if name.startswith(hidden)]
    assert sorted(told) == ["DAGU_EXEC_ID", "DAGU_OUTPUT_FILE", "DAGU_RUN_OWNER"]
    assert str(dagu.home) not in ran.text("look")


def test_env_as_a_map_and_as_text(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: map
            container: {image: alpine:3.20, env: {A: 1, B: "${A}2", EMPTY: ""}}
            run: echo "$A,$B,[$EMPTY]"
          - id: text
            container: {image: alpine:3.20, env: ["A=x=y", "B=$A!"]}
            run: echo "$A,$B"
        """
    ).succeeded()
    assert ran.text("map") == "1,12,[]\n"
    assert ran.text("text") == "x=y,x=y!\n"


def test_volumes(dagu: Dagu) -> None:
    data = dagu.directory / "data"
    data.mkdir()
    data.chmod(0o777)
    (data / "in").write_text("in\n")
    (dagu.directory / "one file").write_text("one\n")
    volume = dagu.volume()
    ran = dagu.start(
        f"""
        params: [where=/long]
        container:
          image: alpine:3.20
          volumes:
            - ./data:/data
            - ./data/:/read:ro
            - $PLACE/data:/variable
            - ${{PLACE}}/data:/braces:ro
            - "./one file:/one:ro"
            - {volume}:/volume
            - {{type: bind, source: ./data, target: "${{params.where}}", read_only: true}}
            - {{type: volume, source: {volume}, target: /again, read_only: true}}
            - {{type: tmpfs, target: /memory, size: 1m, mode: 1770}}
          tmpfs: ["/second:size=2m"]
        steps:
          - id: look
            run: |
              set -e
              cat /data/in /variable/in /braces/in /long/in /one
              echo out > /data/out
              echo kept > /volume/kept; cat /again/kept
              ls -ld /memory | cut -c1-10
              for d in /read /braces /long /again; do ! touch $d/x 2>/dev/null || echo "$d can be written"; done
              grep -E ' /(memory|second) ' /proc/mounts | cut -d' ' -f2,3
        """,
        env={"PLACE": str(dagu.directory)},
    ).succeeded()
    assert ran.text("look").splitlines()[:7] == ["in"] * 4 + ["one", "kept", "drwxrwx--T"]
    assert sorted(ran.text("look").splitlines()[7:]) == ["/memory tmpfs", "/second tmpfs"]
    assert (data / "out").read_text() == "out\n"


def test_a_named_volume_outlives_the_run(dagu: Dagu) -> None:
    volume = dagu.volume()
    source = f"""
        steps:
          - id: a
            container: {{image: alpine:3.20, volumes: ["{volume}:/v"]}}
            run: cat /v/x 2>/dev/null; echo run >> /v/x
        """
    assert dagu.start(source).succeeded().text("a") == ""
    assert dagu.start(source).succeeded().text("a") == "run\n"


def test_a_missing_variable_in_a_volume_fails_before_the_engine_is_called(dagu: Dagu) -> None:
    unreachable = {"DOCKER_HOST": "unix:///nowhere.sock", "DAGU_PODMAN_HOST": "unix:///nowhere.sock"}
    ran = dagu.start(
        """
        container: {image: alpine:3.20, volumes: ["$NOT_SET_ANYWHERE/x:/x", "${ALSO_NOT}:/y"]}
        steps: [{run: "true"}]
        """,
        env=unreachable,
    ).failed("NOT_SET_ANYWHERE", "ALSO_NOT", "container.volumes[0]", "container.volumes[1]")
    assert "nowhere" not in ran.stderr


@pytest.mark.parametrize("place", ["root", "step"])
def test_a_missing_bind_source_is_an_error_that_names_it(place: str, dagu: Dagu) -> None:
    container = "container: {image: alpine:3.20, volumes: ['./not-there:/x']}"
    source = f"{container}\nsteps: [{{run: 'true'}}]"
    if place == "step":
        source = f"steps:\n  - id: a\n    run: 'true'\n    {container}"
    dagu.start(source).failed(str(dagu.directory / "not-there"))
    assert not (dagu.directory / "not-there").exists()


def test_user_and_working_dir(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20, user: "405:100", working_dir: /var/tmp}
        steps:
          - id: shared
            run: [pwd, "id -u -n; id -g"]
          - id: below
            working_dir: ../log
            run: pwd
          - id: absolute
            working_dir: /opt
            run: pwd
          - id: own
            container: {image: alpine:3.20, user: guest, working_dir: /srv}
            run: pwd; id -u
          - id: several
            container: {image: alpine:3.20, user: guest, working_dir: /srv}
            run: [pwd, id -u]
        """
    ).succeeded()
    assert ran.text("shared") == "/var/tmp\nguest\n100\n"
    assert ran.text("below") == "/var/log\n"
    assert ran.text("absolute") == "/opt\n"
    assert ran.text("own") == ran.text("several") == "/srv\n405\n"


def test_an_unknown_user_is_told(dagu: Dagu) -> None:
    dagu.start(
        """
        steps: [{id: a, container: {image: alpine:3.20, user: nobody-knows}, run: id}]
        """
    ).failed("nobody-knows")


def test_a_published_port_is_reached(dagu: Dagu) -> None:
    port, other = free_port(), free_port()
    run = dagu.begin_run(
        f"""
        steps:
          - id: serve
            container:
              image: alpine:3.20
              ports: ["127.0.0.1:{port}:8080", "{other}:8081/tcp", "8082"]
            run: (echo first | nc -l -p 8080) & (echo second | nc -l -p 8081) & wait
        """
    )
    assert [receive(port), receive(other)] == [b"first\n", b"second\n"]
    run.finish().succeeded()


def test_a_taken_port_is_told(dagu: Dagu) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        dagu.start(
            f"""
            steps:
              - id: a
                container: {{image: alpine:3.20, ports: ["127.0.0.1:{port}:80"]}}
                run: "true"
            """
        ).failed(str(port), "in use")


def test_networks(dagu: Dagu, engine: EngineUnderTest) -> None:
    network = dagu.network()
    other = dagu.container(network="bridge")
    ran = dagu.start(
        f"""
        steps:
          - id: none
            container: {{image: alpine:3.20, network: none}}
            run: ls /sys/class/net
          - id: host
            container: {{image: alpine:3.20, network: host}}
            run: ls /sys/class/net
          - id: bridge
            container: {{image: alpine:3.20, network: bridge}}
            run: ls /sys/class/net
          - id: named
            container: {{image: alpine:3.20, network: {network}}}
            run: ls /sys/class/net
          - id: of_another
            container: {{image: alpine:3.20, network: "container:{other}"}}
            run: ip -o -4 addr show eth0 | awk '{{print $4}}'
        """
    ).succeeded()
    assert lasting(ran.text("none").split()) == {"lo"}
    assert "eth0" in ran.text("bridge").split()
    assert "eth0" in ran.text("named").split()
    address = dagu.execute(other, "sh", "-c", "ip -o -4 addr show eth0 | awk '{print $4}'")
    assert ran.output("of_another") == address != b""
    if not engine.rootless:
        assert lasting(ran.text("host").split()) == lasting(
            path.name for path in Path("/sys/class/net").iterdir()
        )


def lasting(interfaces: Iterable[str]) -> set[str]:
    """Interfaces that do not come and go with other containers."""
    return {name for name in interfaces if not name.startswith(("veth", "br-", "podman", "cni"))}


def test_an_unknown_network_is_told(dagu: Dagu) -> None:
    dagu.start(
        """
        steps: [{id: a, container: {image: alpine:3.20, network: no-such-network}, run: "true"}]
        """
    ).failed("no-such-network")


def test_a_kept_container_stays_with_its_name(dagu: Dagu) -> None:
    name = dagu.name()
    ran = dagu.start(
        f"""
        container: {{image: alpine:3.20, name: {name}, keep_container: true}}
        steps: [{{id: a, run: "echo here > /left"}}]
        """
    ).succeeded()
    state = dagu.kept(ran)
    assert state.name == name
    assert state.running
    again = dagu.start(
        f"""
        container: {{image: alpine:3.20, name: {name}}}
        steps: [{{run: "true"}}]
        """
    ).failed(name, "already")
    assert again.record.status is Status.FAILED
    assert (
        dagu.start(f"container: {name}\nsteps: [{{id: a, run: cat /left}}]").succeeded().text("a") == "here\n"
    )


def test_a_kept_container_of_a_step(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, keep_container: true}
            run: exit 3
        """
    ).failed()
    state = dagu.kept(ran)
    assert state.status is ContainerStatus.EXITED
    assert state.exit is not None
    assert state.exit.code == 3


def test_a_name_is_free_for_the_next_attempt(dagu: Dagu) -> None:
    name = dagu.name()
    ran = dagu.start(
        f"""
        steps:
          - id: a
            container: {{image: alpine:3.20, name: {name}}}
            run: exit 3
            continue_on: failed
            retry_policy: {{limit: 2, interval_sec: 0}}
          - id: b
            depends: a
            container: {{image: alpine:3.20, name: {name}}}
            run: "true"
        """
    )
    assert [attempt.exit_code for attempt in ran.step("a").attempts] == [3, 3, 3]
    assert ran.step("b").status is Status.SUCCEEDED


def test_the_platform_has_to_fit(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: fits
            container: {image: alpine:3.20, platform: linux/amd64, pull_policy: never}
            run: echo fits
          - id: other
            container: {image: alpine:3.20, platform: linux/s390x, pull_policy: never}
            run: echo other
        """
    ).failed("alpine:3.20", "linux/s390x", "never")
    assert ran.text("fits") == "fits\n"


def test_labels(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        params: [who=me]
        steps:
          - id: a
            container:
              image: alpine:3.20
              keep_container: true
              labels: {team: blue, owner: "${params.who}", dev.dagu.run: not-yours}
            run: "true"
        """
    ).succeeded()
    state = dagu.kept(ran)
    assert state.labels["team"] == "blue"
    assert state.labels["owner"] == "me"
    assert state.labels["dev.dagu.run"] == ran.record.run_id
    assert state.labels["dev.dagu.step"] == "a"
    assert state.labels["dev.dagu.attempt"] == "1"


def test_init(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: with_init
            container: {image: alpine:3.20, init: true}
            run: cat /proc/1/comm
          - id: without_init
            container: {image: alpine:3.20, init: false}
            run: [cat /proc/1/comm, "true"]
        """
    ).succeeded()
    assert ran.text("with_init").strip() not in ("sh", "cat")
    assert ran.text("without_init").strip() in ("sh", "cat")


def test_every_text_takes_references(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        params: [image=alpine, tag=3.20, dir=/srv, user=405, policy=missing, net=none]
        consts: [{shell: /bin/sh}]
        container:
          image: ${params.image}:${params.tag}
          pull_policy: ${params.policy}
          working_dir: ${params.dir}
          user: ${params.user}
          network: ${params.net}
          shell: ["${consts.shell}", "-e"]
        steps: [{id: a, run: "pwd; id -u; false; echo not reached"}]
        """
    ).failed()
    assert ran.text("a") == "/srv\n405\n"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("pull_policy: ${params.bad}", "invalid pull policy 'bad value'"),
        ("startup: ${params.bad}", "invalid startup 'bad value'"),
        ("wait_for: ${params.bad}", "invalid condition to wait for 'bad value'"),
        ("restart_policy: ${params.bad}", "invalid restart policy 'bad value'"),
        ("network: ${params.bad}", "invalid network 'bad value'"),
        ("platform: ${params.bad}", "invalid platform 'bad value'"),
        ("ports: ['${params.bad}']", "container.ports[0]"),
        ("volumes: ['${params.bad}']", "container.volumes[0]"),
        ("cap_add: ['${params.bad}']", "container.cap_add[0]"),
        ("memory: ${params.bad}", "container.memory"),
        ("cpus: ${params.bad}", "container.cpus"),
        ("log_pattern: '(${params.bad}'", "container.log_pattern"),
    ],
)
@pytest.mark.docker
def test_values_are_judged_again_once_they_are_known(field: str, message: str, dagu_docker: Dagu) -> None:
    dagu_docker.start(
        f"""
        params: [{{bad: bad value}}]
        container:
          image: alpine:3.20
          {field}
        steps: [{{run: "true"}}]
        """
    ).failed(message)


def test_history_tells_the_place_and_the_exit_code(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20}
            run: echo words >&2; exit 42
        """
    ).failed("exit code 42", "words")
    step = ran.step("a")
    assert (step.exit_code, step.attempts[0].exit_code, step.attempts[0].place) == (42, 42, "container")
    assert json.loads(dagu.command("history", "--format", "json").stdout)[0]["status"] == "failed"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def receive(port: int) -> bytes:
    """What a server that may not be up yet says."""
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as client:
            try:
                client.connect(("127.0.0.1", port))
                if data := client.recv(100):
                    return data
            except OSError:
                pass
        assert time.monotonic() < deadline, "nobody answers"
        time.sleep(0.05)
