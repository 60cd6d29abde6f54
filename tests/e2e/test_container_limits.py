"""Limits, privileges and devices: given as asked, or refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest

from dagu.contracts.capability import Capability
from dagu.history.records import Status

SYS_TIME = 1 << 25  # CAP_SYS_TIME, capabilities(7)
CGROUP = "cat /sys/fs/cgroup/{new} 2>/dev/null || cat /sys/fs/cgroup/{old}"
CPU = CGROUP.format(new="cpu.max", old="cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us")
MEMORY = CGROUP.format(new="memory.max", old="memory/memory.limit_in_bytes")
PIDS = CGROUP.format(new="pids.max", old="pids/pids.max")


def needs(dagu: Dagu, *capabilities: Capability) -> bool:
    """Whether the engine can; where it can't, that it refuses is the test."""
    return set(capabilities) <= dagu.runtime.check().capabilities


@pytest.mark.parametrize("place", ["root", "own", "several"])
def test_limits(place: str, dagu: Dagu) -> None:
    container = "container: {image: alpine:3.20, cpus: 0.5, memory: 64m, pids_limit: 50, shm_size: 8m}"
    look = f'["{CPU}", "{MEMORY}", "{PIDS}", "grep /dev/shm /proc/mounts"]'
    if place == "own":
        look = f'"{CPU}; {MEMORY}; {PIDS}; grep /dev/shm /proc/mounts"'
    step = f"- {{id: a, run: {look}}}"
    source = f"{container}\nsteps:\n  {step}\n"
    if place != "root":
        source = f"steps:\n  - id: a\n    run: {look}\n    {container}\n"
    ran = dagu.start(source)
    if not needs(dagu, Capability.CPU_LIMIT, Capability.MEMORY_LIMIT, Capability.PIDS_LIMIT):
        ran.failed("container.cpus (cpu-limit)", "container.memory (memory-limit)", "container.pids_limit")
        assert ran.step("a").status is Status.NOT_STARTED
        return
    ran.succeeded()
    *cpu, memory, pids, shm = ran.text("a").splitlines()
    quota, period = " ".join(cpu).split()
    assert int(quota) / int(period) == pytest.approx(0.5)
    assert memory == str(64 * 1024**2)
    assert pids == "50"
    assert "size=8192k" in shm


@pytest.mark.parametrize("place", ["root", "own"])
def test_too_much_memory_is_reported_as_such(place: str, dagu: Dagu) -> None:
    if not needs(dagu, Capability.MEMORY_LIMIT):
        pytest.skip("this engine refuses memory limits, which test_limits shows")
    container = "container: {image: alpine:3.20, memory: 64m}"
    run = "run: dd if=/dev/zero of=/dev/null bs=256M count=1"
    if place == "own":
        run = "run: exec dd if=/dev/zero of=/dev/null bs=256M count=1"
    source = f"{container}\nsteps:\n  - id: a\n    {run}\n"
    if place == "own":
        source = f"steps:\n  - id: a\n    {run}\n    {container}\n"
    ran = dagu.start(source).failed("memory limit")
    (attempt,) = ran.step("a").attempts
    assert attempt.exit_code == 137
    assert "killed for the container's memory limit" in attempt.reason


def test_the_limits_of_the_workflow_apply_to_every_container(dagu: Dagu) -> None:
    name = dagu.name()
    dagu.container(name=name)
    ran = dagu.start(
        f"""
        resources: {{limits: {{cpu: 500m, memory: 96Mi}}}}
        steps:
          - id: own
            container: {{image: alpine:3.20}}
            run: {CPU}; {MEMORY}
          - id: stated
            container: {{image: alpine:3.20, memory: 48m}}
            run: {CPU}; {MEMORY}
          - id: docker_run
            action: docker.run
            with: {{image: alpine:3.20, auto_remove: true, command: [sh, -c, "{CPU}; {MEMORY}"]}}
          - id: existing
            container: {name}
            run: echo in it
        """
    )
    if not needs(dagu, Capability.CPU_LIMIT, Capability.MEMORY_LIMIT):
        ran.failed("container.cpus", "container.memory")
        return
    ran.succeeded()
    for step, memory in (("own", 96), ("stated", 48), ("docker_run", 96)):
        *cpu, limit = ran.text(step).split()
        assert int(cpu[0]) / int(cpu[1]) == pytest.approx(0.5), step
        assert limit == str(memory * 1024**2), step
    assert ran.text("existing") == "in it\n"
    assert f"resources.limits are ignored for container {name}" in ran.stderr


def test_privileges(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: dropped
            container: {image: alpine:3.20, cap_drop: ALL, security_opt: no-new-privileges}
            run: grep -E 'CapEff|NoNewPrivs' /proc/self/status
          - id: added
            container: {image: alpine:3.20, cap_drop: [ALL], cap_add: [SYS_TIME]}
            run: grep CapEff /proc/self/status
          - id: unconfined
            container: {image: alpine:3.20, security_opt: ["seccomp=unconfined"]}
            run: grep Seccomp /proc/self/status
          - id: shared
            container: {image: alpine:3.20, cap_drop: ALL, security_opt: ["no-new-privileges:true"]}
            run: ["grep CapEff /proc/self/status", "grep NoNewPrivs /proc/self/status"]
        """
    ).succeeded()
    found = {
        step: dict(line.split(":\t") for line in ran.text(step).splitlines()) for step in ("dropped", "added")
    }
    assert int(found["dropped"]["CapEff"], 16) == 0
    assert found["dropped"]["NoNewPrivs"] == "1"
    assert int(found["added"]["CapEff"], 16) == SYS_TIME
    assert ran.text("unconfined").split()[:2] == ["Seccomp:", "0"]
    assert ran.text("shared").split() == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]


def test_a_device(dagu: Dagu, engine: EngineUnderTest) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, devices: ["/dev/zero:/dev/nought:r"]}
            run: head -c 3 /dev/nought | od -An -tx1
        """
    ).succeeded()
    assert ran.text("a").split() == ["00", "00", "00"]
    dagu.start(
        """
        steps: [{id: a, container: {image: alpine:3.20, devices: [/dev/no-such-device]}, run: "true"}]
        """
    ).failed("/dev/no-such-device")


def test_extra_hosts_and_name_servers(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container:
              image: alpine:3.20
              dns: [10.9.8.7, "10.9.8.6"]
              extra_hosts: {db: 10.1.2.3, cache: 10.1.2.4}
            run: cat /etc/resolv.conf /etc/hosts
          - id: list
            container: {image: alpine:3.20, extra_hosts: ["db:10.1.2.3"]}
            run: cat /etc/hosts
        """
    ).succeeded()
    servers = [line.split()[1] for line in ran.text("a").splitlines() if line.startswith("nameserver")]
    assert {"10.9.8.7", "10.9.8.6"} <= set(servers)
    hosts = [line.split()[:2] for line in ran.text("a").splitlines()]
    assert ["10.1.2.3", "db"] in hosts
    assert ["10.1.2.4", "cache"] in hosts
    assert ["10.1.2.3", "db"] in [line.split()[:2] for line in ran.text("list").splitlines()]


@pytest.mark.parametrize("place", ["root", "own"])
def test_a_read_only_root(place: str, dagu: Dagu) -> None:
    (dagu.directory / "data").mkdir()
    (dagu.directory / "data").chmod(0o777)
    container = "container: {image: alpine:3.20, read_only: true, tmpfs: [/tmp], volumes: ['./data:/data']}"
    step = """
      - id: a
        outputs: [{name: said}]
        run: |
          for place in / /etc /var/tmp /usr; do ! touch $place/x 2>/dev/null || echo "$place can be written"; done
          echo tmp > /tmp/x && cat /tmp/x; echo data > /data/x
          echo "said=words" >> "$DAGU_OUTPUT_FILE"
      - id: b
        depends: a
        run: echo "${steps.a.outputs.said}"
    """
    source = f"{container}\nsteps:{step}"
    if place == "own":
        source = f"steps:{step}".replace("        outputs", f"        {container}\n        outputs")
    ran = dagu.start(source).succeeded()
    assert ran.text("a") == "tmp\n"
    assert ran.text("b") == "words\n"
    assert sorted(path.name for path in (dagu.directory / "data").iterdir()) == ["x"]


def test_gpus_are_refused_where_there_are_none(dagu: Dagu) -> None:
    ran = dagu.start(
        """
        steps: [{id: a, container: {image: alpine:3.20, gpus: all}, run: "true"}]
        """
    ).failed("gpu")
    assert ran.output("a") == b"" if ran.step("a").attempts else True


def test_nothing_starts_where_something_is_lacking(dagu: Dagu) -> None:
    if needs(dagu, Capability.GPUS):
        pytest.skip("this engine says that it can, and finds out when the container starts")
    mark = Path(dagu.directory) / "mark"
    ran = dagu.start(
        f"""
        steps:
          - {{id: first, run: "touch {mark}"}}
          - {{id: second, container: {{image: alpine:3.20, gpus: all}}, run: "true"}}
        """
    ).failed("container.gpus")
    assert ran.step("first").status is Status.NOT_STARTED
    assert not mark.exists()
