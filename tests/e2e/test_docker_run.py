"""``action: docker.run`` and ``container.run``: every key of ``with``, and the engines' raw objects."""

from __future__ import annotations

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest
from e2e_images import Images

from dagu.contracts.container import ContainerStatus
from dagu.history.records import Status


@pytest.mark.parametrize("action", ["docker.run", "container.run"])
def test_a_command_in_a_new_container(action: str, dagu: Dagu) -> None:
    (dagu.directory / "data").mkdir()
    (dagu.directory / "data" / "in").write_text("in\n")
    ran = dagu.start(
        f"""
        params: [dir=/srv, image=alpine]
        env: [ROOT: root]
        steps:
          - id: text
            action: {action}
            env: [STEP: "step's"]
            with:
              image: ${{params.image}}:3.20
              auto_remove: true
              pull: missing
              platform: linux/amd64
              working_dir: ${{params.dir}}
              volumes: [./data:/data:ro, {{type: tmpfs, target: /memory}}]
              command: sh -c 'pwd; cat /data/in; echo "$ROOT,$STEP"; grep -c " /memory tmpfs " /proc/mounts'
          - id: list
            action: {action}
            with: {{image: alpine:3.20, auto_remove: true, command: [echo, "two  words", "$ROOT", 3]}}
          - id: shell
            action: {action}
            with:
              image: alpine:3.20
              auto_remove: true
              shell: [/bin/sh, -e]
              command: echo one && echo "two  words" | tr w W
          - id: shelled_list
            action: {action}
            with: {{image: alpine:3.20, auto_remove: true, shell: /bin/sh, command: [echo, one, "&&", echo, two]}}
        """
    ).succeeded()
    assert ran.text("text") == "/srv\nin\nroot,step's\n1\n"
    assert ran.text("list") == "two  words root 3\n"
    assert ran.text("shell") == "one\ntWo  Words\n"
    assert ran.text("shelled_list") == "one\ntwo\n"
    assert {step.attempts[0].place for step in ran.record.steps} == {"container"}


def test_it_is_kept_unless_told_otherwise(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps: [{id: a, action: docker.run, with: {image: alpine:3.20, command: sh -c "echo left > /x; exit 4"}}]
        """
    ).failed("exit code 4")
    assert ran.step("a").exit_code == 4
    state = dagu.kept(ran)
    assert state.status is ContainerStatus.EXITED


def test_the_image_with_its_own_entry_point_and_command(dagu: Dagu, images: Images) -> None:
    image = images.make("entry", entrypoint=["/bin/sh", "-c", 'echo "entry $*"', "x"], cmd=["of", "image"])
    ran = dagu.start(
        f"""
        steps:
          - {{id: own, action: docker.run, with: {{image: "{image}", auto_remove: true}}}}
          - {{id: given, action: docker.run, with: {{image: "{image}", auto_remove: true, command: of workflow}}}}
        """
    ).succeeded()
    assert ran.text("own") == "entry of image\n"
    assert ran.text("given") == "entry of workflow\n"


def test_an_existing_container(dagu: Dagu) -> None:
    name = dagu.name()
    dagu.container(name=name, env={"OWN": "own"})
    ran = dagu.start(
        f"""
        env: [ROOT: root]
        steps:
          - id: plain
            action: docker.run
            with:
              container_name: {name}
              command: sh -c 'pwd; id -u; echo "$OWN,$ROOT"'
          - id: options
            action: docker.run
            with:
              container_name: {name}
              working_dir: /var
              exec: {{User: "405", Env: [FROM_EXEC=yes, ROOT=lost]}}
              command: sh -c 'pwd; id -u; echo "$FROM_EXEC,$ROOT"'
          - id: spelled
            action: docker.run
            with:
              container_name: {name}
              exec: {{user: "405", working_dir: /srv}}
              command: sh -c 'pwd; id -u'
          - id: shell
            action: docker.run
            with: {{container_name: {name}, shell: sh, command: cd /var && pwd}}
        """
    ).succeeded()
    assert ran.text("plain") == "/\n0\nown,root\n"
    assert ran.text("options") == "/var\n405\nyes,root\n"
    assert ran.text("spelled") == "/srv\n405\n"
    assert ran.text("shell") == "/var\n"


def test_image_and_name(dagu: Dagu) -> None:
    name = dagu.name()
    source = f"""
        steps:
          - id: a
            action: docker.run
            with: {{image: alpine:3.20, container_name: {name}, command: sh -c "ls /mark 2>/dev/null; touch /mark"}}
        """
    first = dagu.start(source).succeeded()
    assert first.step("a").attempts[0].place == "container"
    second = dagu.start(source).succeeded()  # what the first left has ended, and is replaced
    assert second.text("a") == ""
    state = dagu.kept(second)
    assert state.name == name
    dagu.runtime.remove(state.id)
    dagu.container(name=name)
    ran = dagu.start(source.replace("ls /mark 2>/dev/null; ", "hostname; "))
    assert dagu.execute(name, "ls", "/mark") == b"/mark\n"
    assert ran.succeeded().text("a").encode() == dagu.execute(name, "hostname")


def test_a_stopped_container_of_somebody_else_is_not_replaced(dagu: Dagu) -> None:
    name = dagu.name()
    dagu.container(name=name, start=False)
    source = f"""
        steps:
          - id: a
            action: docker.run
            with: {{image: alpine:3.20, container_name: {name}, command: echo x}}
        """
    dagu.start(source).failed(name, "already")
    dagu.start(source.replace("command:", "exec: {User: root}, command:")).failed("with.exec", "does not run")


def test_raw_objects(dagu: Dagu, engine: EngineUnderTest) -> None:
    volume = dagu.volume()
    (dagu.directory / "data").mkdir()
    (dagu.directory / "data" / "in").write_text("in\n")
    ran = dagu.start(
        f"""
        steps:
          - id: a
            action: docker.run
            with:
              image: alpine:3.20
              shell: sh
              command: |-
                pwd; id -u; echo "$RAW"; cat /data/in; hostname; ls /v;
                grep -c " /memory tmpfs" /proc/mounts; grep CapEff /proc/self/status
              container:
                Env: [RAW=raw]
                WorkingDir: /srv
                User: "405"
                Hostname: named
                Labels: {{team: blue}}
              host:
                Binds: ["{dagu.directory}/data:/data:ro"]
                Mounts: [{{Type: volume, Source: {volume}, Target: /v}}, {{Type: tmpfs, Target: /memory}}]
                CapDrop: [ALL]
                AutoRemove: true
          - id: snake
            action: docker.run
            with:
              image: alpine:3.20
              auto_remove: true
              command: sh -c 'pwd; ls /sys/class/net'
              container: {{working_dir: /srv}}
              host: {{network_mode: none}}
        """
    ).succeeded()
    lines = ran.text("a").splitlines()
    assert lines[:5] == ["/srv", "405", "raw", "in", "named"]
    assert lines[-2:] == ["1", "CapEff:\t0000000000000000"]
    assert ran.text("snake").split()[:2] == ["/srv", "lo"]


def test_a_raw_network(dagu: Dagu) -> None:
    network = dagu.network()
    ran = dagu.start(
        f"""
        steps:
          - id: a
            action: docker.run
            with:
              image: alpine:3.20
              auto_remove: true
              command: cat /etc/hosts
              network: {{EndpointsConfig: {{{network}: {{Aliases: [other-name]}}}}}}
        """
    )
    if ran.code:
        ran.failed("network")
    else:
        ran.succeeded()


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("container", "{NoSuchKey: 1}", "container.NoSuchKey"),
        ("host", "{Memry: 1, NoSuchKey: 2}", "host.Memry"),
        ("host", "{Memry: 1, NoSuchKey: 2}", "host.NoSuchKey"),
        ("host", "{Mounts: [{Type: tmpfs, Target: /x, Wrong: 1}]}", "rong"),
        ("network", "{Endpoints: {}}", "network.Endpoints"),
    ],
)
def test_raw_keys_that_cannot_be_honoured_are_errors(key: str, value: str, named: str, dagu: Dagu) -> None:
    ran = dagu.start(
        f"""
        steps:
          - id: a
            action: docker.run
            with: {{image: alpine:3.20, command: echo never, {key}: {value}}}
        """
    ).failed(named)
    assert ran.step("a").status is Status.FAILED


def test_raw_keys_of_an_exec_that_cannot_be_honoured(dagu: Dagu) -> None:
    name = dagu.name()
    dagu.container(name=name)
    dagu.start(
        f"""
        steps:
          - id: a
            action: docker.run
            with: {{container_name: {name}, command: echo never, exec: {{NoSuchKey: 1}}}}
        """
    ).failed("exec.NoSuchKey")
    dagu.start(
        f"""
        steps:
          - id: a
            action: docker.run
            with: {{container_name: {name}, command: echo never, host: {{Memory: 1}}}}
        """
    ).failed("with.host", name)


def test_mistakes_are_found_at_their_line(dagu: Dagu) -> None:
    path = dagu.write(
        """
        steps:
          - {id: a, action: docker.run, with: {command: x}}
          - {id: b, action: docker.run, with: {image: alpine, exec: {User: x}}}
          - {id: c, action: docker.run, with: {image: alpine, command: "open 'quote"}}
          - {id: d, action: docker.run, with: {image: alpine, pull_policy: always}}
        """
    )
    told = dagu.command("validate", str(path)).stderr
    for fragment in ("image or container_name", "container_name", "steps[2].with.command", "'pull'"):
        assert fragment in told
    name = dagu.name()
    dagu.container(name=name)
    dagu.start(f"steps: [{{id: a, action: docker.run, with: {{container_name: {name}}}}}]").failed(
        "with.command"
    )


def test_declared_outputs(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            action: docker.run
            outputs: [{name: x}]
            with: {image: alpine:3.20, auto_remove: true, command: sh -c 'echo "x=words" > $DAGU_OUTPUT_FILE'}
          - id: memory
            action: docker.run
            with:
              image: alpine:3.20
              auto_remove: true
              volumes: [{type: tmpfs, target: /tmp}]
              command: sh -c 'echo > /tmp/x'
          - id: raw
            action: docker.run
            outputs: [{name: x}]
            with:
              image: alpine:3.20
              auto_remove: true
              host: {Tmpfs: {/tmp: ""}, ReadonlyRootfs: true}
              command: sh -c 'echo "x=raw" > $DAGU_OUTPUT_FILE'
          - id: b
            depends: [a, raw]
            run: echo ${steps.a.outputs.x} ${steps.raw.outputs.x}
        """
    ).succeeded()
    assert ran.text("b") == "words raw\n"


def test_it_is_stopped(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        max_clean_up_time_sec: 1
        steps:
          - id: a
            action: docker.run
            timeout_sec: 2
            with: {image: alpine:3.20, auto_remove: true, command: sleep 86400}
        """
    ).failed("timed out")
    assert ran.step("a").exit_code == 124
