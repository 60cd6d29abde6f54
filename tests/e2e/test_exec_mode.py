"""``container: NAME``: commands in a container that somebody else made."""

from __future__ import annotations

import threading

import pytest
from e2e_dagu import Dagu
from e2e_images import Images

from dagu.history.records import Status


def listing(dagu: Dagu, container: str) -> set[str]:
    """What is in the container's ``/tmp``."""
    return set(dagu.execute(container, "ls", "-A", "/tmp").decode().split())


def processes(dagu: Dagu, container: str) -> int:
    """How many processes sleep in it; one is its own."""
    return int(dagu.execute(container, "sh", "-c", "ps -o args | grep -c '^sleep 86400'"))


def test_a_name_as_text_and_as_a_map(dagu: Dagu) -> None:
    name = dagu.name()
    there = dagu.container(name=name, env={"OWN": "own", "TAKEN": "container's"}, working_dir="/var")
    ran = dagu.start(
        f"""
        env: [TAKEN: workflow's]
        container: {name}
        steps:
          - id: root
            run: [pwd, 'echo "$OWN,$TAKEN"', id -u]
          - id: step
            container: {name}
            run: pwd
          - id: map
            container:
              exec: {name}
              user: "405"
              working_dir: /srv
              env: {{TAKEN: "${{OWN_PARAM}}"}}
              shell: [/bin/ash, -e]
            env: [OWN_PARAM: step's]
            run: pwd; echo "$TAKEN"; id -u; false; echo never
            continue_on: failed
        """
    )
    assert ran.text("root") == "/var\nown,workflow's\n0\n"
    assert ran.text("step") == "/var\n"
    assert ran.text("map") == "/srv\nstep's\n405\n"
    assert ran.step("map").status is Status.FAILED
    assert {step.attempts[0].place for step in ran.record.steps} == {"shared container"}
    assert dagu.runtime.inspect(there).running


def test_root_exec_mode_with_user_and_directory(dagu: Dagu) -> None:
    name = dagu.name()
    dagu.container(name=name)
    ran = dagu.start(
        f"""
        params: [who=405]
        container: {{exec: {name}, user: "${{params.who}}", working_dir: /var, env: [A: 1]}}
        steps:
          - {{id: a, run: 'pwd; id -u; echo "$A"'}}
          - {{id: b, working_dir: log, run: pwd}}
        """
    ).succeeded()
    assert ran.text("a") == "/var\n405\n1\n"
    assert ran.text("b") == "/var/log\n"


def test_nothing_stays_in_it(dagu: Dagu) -> None:
    name = dagu.name()
    there = dagu.container(name=name)
    ran = dagu.start(
        f"""
        container: {name}
        steps:
          - id: a
            outputs: [{{name: x}}]
            run: |
              ls -A /tmp | sed 's/[0-9a-f]*$//' | sort
              echo "x=1" > "$DAGU_OUTPUT_FILE"
          - id: failing
            run: |
              echo "x=1" > "$DAGU_OUTPUT_FILE"
              exit 3
            continue_on: failed
          - id: late
            timeout_sec: 1
            signal_on_stop: SIGKILL
            run: |
              echo "x=1" > "$DAGU_OUTPUT_FILE"
              sleep 86400
            continue_on: failed
          - id: b
            depends: [a, late]
            run: echo ${{steps.a.outputs.x}}
        """
    )
    assert ran.text("b") == "1\n"
    assert ran.text("a").strip() == ".dagu-"
    assert ran.step("late").exit_code == 124
    assert listing(dagu, there) == set()
    assert processes(dagu, there) == 1


def test_outputs_where_tmp_is_a_tmpfs(dagu: Dagu) -> None:
    from dagu.contracts.container import Mount, MountType

    name = dagu.name()
    there = dagu.container(
        name=name, read_only=True, mounts=(Mount(type=MountType.TMPFS, target="/tmp", mode=0o1777),)
    )
    ran = dagu.start(
        f"""
        container: {name}
        steps:
          - id: a
            outputs: [{{name: x}}]
            run: echo "x=from a tmpfs" > "$DAGU_OUTPUT_FILE"
          - id: nothing
            run: "true"
          - id: b
            depends: a
            run: echo ${{steps.a.outputs.x}}
        """
    ).succeeded()
    assert ran.text("b") == "from a tmpfs\n"
    assert listing(dagu, there) == set()


@pytest.mark.parametrize("place", ["root", "step"])
def test_it_is_waited_for(place: str, dagu: Dagu) -> None:
    name = dagu.name()
    source = f"container: {name}\nsteps: [{{id: a, run: echo there}}]"
    if place == "step":
        source = f"steps: [{{id: a, container: {name}, run: echo there}}]"
    run = dagu.begin_run(source)
    seen = threading.Event()
    lines: list[str] = []

    def read() -> None:
        assert run.process.stderr is not None
        for line in run.process.stderr:
            lines.append(line)
            if "waiting for container" in line:
                seen.set()
        seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert seen.wait(60)
    assert "there is no such container" in "".join(lines)
    there = dagu.container(name=name, start=False)
    dagu.runtime.start(there)
    run.process.wait(120)
    reader.join()
    assert run.process.returncode == 0, "".join(lines)


def test_one_that_is_not_there_can_be_stopped_waiting_for(dagu: Dagu) -> None:
    run = dagu.begin_run(f"container: {dagu.name()}\nsteps: [{{id: a, run: echo there}}]")
    assert run.process.stderr is not None
    for line in run.process.stderr:
        if "waiting for container" in line:
            break
    run.process.terminate()
    assert run.finish().status is Status.ABORTED


def test_it_is_left_running_when_the_run_is_stopped(dagu: Dagu) -> None:
    name = dagu.name()
    there = dagu.container(name=name)
    run = dagu.begin_run(f"container: {name}\nsteps: [{{id: a, run: 'touch /began; sleep 86400'}}]")
    dagu.until(lambda: b"began" in dagu.execute(there, "ls", "/"))
    run.process.terminate()
    assert run.finish().status is Status.ABORTED
    assert dagu.runtime.inspect(there).running
    assert processes(dagu, there) == 1


def test_one_without_a_shell(dagu: Dagu, images: Images) -> None:
    name = dagu.name()
    image = images.of_files("bare", {"/busybox": images.busybox()})
    dagu.container("/busybox", "sleep", "86400", image=image, init=False, name=name)
    ran = dagu.start(
        f"""
        container: {name}
        steps:
          - {{id: exec, action: exec, with: {{command: /busybox, args: [echo, no shell needed]}}}}
          - {{id: run, run: echo never}}
        """
    ).failed(f"container {name} has no shell", "action: exec")
    assert ran.text("exec") == "no shell needed\n"
    assert ran.step("run").exit_code == 127


def test_fields_that_belong_to_the_existing_container_are_mistakes(dagu: Dagu) -> None:
    path = dagu.write(
        """
        container: {exec: there, image: alpine, pull_policy: always, volumes: ["a:/a"], user: x}
        steps: [{run: "true"}]
        """
    )
    assert "not both" in dagu.command("validate", str(path)).stderr
    path = dagu.write("container: {exec: there, volumes: ['ab:/a'], memory: 1g}\nsteps: [{run: 'true'}]")
    told = dagu.command("validate", str(path)).stderr
    assert "volumes, memory" in told
    assert "user, working_dir, env, shell" in told
