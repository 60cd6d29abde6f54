"""Limits and privileges: memory, processes, CPUs, devices, and what the kernel lets the process do."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

MIB = 1024**2
SYS_TIME = 1 << 25  # CAP_SYS_TIME, capabilities(7)
STATUS = ("cat", "/proc/self/status")


def _status(block: bytes) -> dict[str, str]:
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in block.decode().splitlines())
    }


class Limits(Kit):
    @needs(Capability.MEMORY_LIMIT)
    def test_more_memory_than_allowed_is_oom_killed(self, lab: Lab) -> None:
        result = lab.run("dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1", memory=64 * MIB)
        assert result.code == 137
        assert result.oom_killed

    @needs(Capability.MEMORY_LIMIT)
    def test_less_memory_than_allowed_is_fine(self, lab: Lab) -> None:
        result = lab.run("dd", "if=/dev/zero", "of=/dev/null", "bs=16M", "count=1", memory=64 * MIB)
        assert result.code == 0
        assert not result.oom_killed

    @needs(Capability.PIDS_LIMIT)
    def test_more_processes_than_allowed_fail(self, lab: Lab) -> None:
        script = "i=0; while [ $i -lt 60 ]; do sleep 600 & i=$((i+1)); done; echo all"
        assert lab.shell(script, pids_limit=1000).stdout == b"all\n"
        result = lab.shell(script, pids_limit=20)
        assert b"fork" in result.stderr

    @needs(Capability.CPU_LIMIT)
    def test_the_share_of_cpus_is_set(self, lab: Lab) -> None:
        script = (
            "cat /sys/fs/cgroup/cpu.max 2>/dev/null ||"
            " cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
        )
        quota, period = lab.shell(script, cpus=0.5).stdout.split()
        assert int(quota) / int(period) == pytest.approx(0.5)

    @needs(Capability.SHM_SIZE)
    def test_the_size_of_shared_memory(self, lab: Lab) -> None:
        mounts = lab.run("cat", "/proc/mounts", shm_size=8 * MIB).stdout.decode().splitlines()
        (options,) = (line.split()[3] for line in mounts if line.split()[1] == "/dev/shm")
        assert "size=8192k" in options.split(",")

    @needs(Capability.DEVICES)
    def test_a_device_is_there(self, lab: Lab) -> None:
        script = "test -c /dev/kit-zero && head -c 3 /dev/kit-zero"
        assert lab.shell(script, devices=("/dev/zero:/dev/kit-zero:rw",)).stdout == bytes(3)

    @needs(Capability.LINUX_CAPABILITIES)
    def test_linux_capabilities_are_dropped(self, lab: Lab) -> None:
        assert int(_status(lab.run(*STATUS, cap_drop=("ALL",)).stdout)["CapEff"], 16) == 0

    @needs(Capability.LINUX_CAPABILITIES)
    def test_a_linux_capability_is_added(self, lab: Lab) -> None:
        without = int(_status(lab.run(*STATUS).stdout)["CapEff"], 16)
        assert not without & SYS_TIME
        only = lab.run(*STATUS, cap_drop=("ALL",), cap_add=("SYS_TIME",)).stdout
        assert int(_status(only)["CapEff"], 16) == SYS_TIME

    @needs(Capability.NO_NEW_PRIVILEGES)
    def test_no_new_privileges(self, lab: Lab) -> None:
        assert _status(lab.run(*STATUS, security_opt=("no-new-privileges",)).stdout)["NoNewPrivs"] == "1"

    @needs(Capability.SECURITY_PROFILES)
    def test_seccomp_can_be_switched_off(self, lab: Lab) -> None:
        assert _status(lab.run(*STATUS, security_opt=("seccomp=unconfined",)).stdout)["Seccomp"] == "0"

    @needs(Capability.INIT)
    def test_an_init_process_is_the_first(self, lab: Lab) -> None:
        assert lab.shell("echo $$", init=True).stdout != b"1\n"
