"""Commands in a running container."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagu.contracts.capability import Capability
from dagu.errors import CommandForbidden, CommandNotFound, ContainerNotFound, RequestRefused, RuntimeFailure
from dagu.testing.runtime_kit.archives import tar_of
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import HANG_GUARD, Digest, Output
from dagu.testing.runtime_kit.streams import ALL_BYTES, LINES, PRINT_ALL_BYTES


class Execs(Kit):
    @needs(Capability.SHARED_CONTAINER)
    def test_an_execs_streams_come_apart(self, lab: Lab) -> None:
        script = f"echo out; {PRINT_ALL_BYTES}; printf err >&2; {PRINT_ALL_BYTES} >&2"
        result = lab.exec(lab.up(), "sh", "-c", script)
        assert result.stdout == b"out\n" + ALL_BYTES
        assert result.stderr == b"err" + ALL_BYTES

    @needs(Capability.SHARED_CONTAINER)
    def test_an_execs_streams_keep_their_order(self, lab: Lab) -> None:
        script = f"i=0; while [ $i -lt {LINES} ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
        result = lab.exec(lab.up(), "sh", "-c", script)
        assert result.stdout == b"".join(b"o%d\n" % i for i in range(LINES))
        assert result.stderr == b"".join(b"e%d\n" % i for i in range(LINES))

    @needs(Capability.SHARED_CONTAINER)
    @pytest.mark.parametrize("code", [0, 1, 3, 125, 126, 127, 137, 255])
    def test_exit_code_of_an_exec(self, lab: Lab, code: int) -> None:
        assert lab.exec(lab.up(), "sh", "-c", f"exit {code}").code == code

    @needs(Capability.SHARED_CONTAINER)
    @pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("TERM", 143)])
    def test_an_exec_that_a_signal_ended(self, lab: Lab, signal: str, code: int) -> None:
        assert lab.exec(lab.up(), "sh", "-c", f"kill -{signal} $$").code == code

    @needs(Capability.SHARED_CONTAINER)
    def test_the_last_bytes_of_an_exec(self, lab: Lab) -> None:
        container = lab.up()
        for _ in range(5):
            script = "head -c 100000 /dev/zero; printf last; printf words >&2; exit 1"
            result = lab.exec(container, "sh", "-c", script)
            assert (result.code, len(result.stdout)) == (1, 100_004)
            assert (result.stdout[-4:], result.stderr) == (b"last", b"words")

    @needs(Capability.SHARED_CONTAINER)
    def test_20_megabytes_out_of_an_exec(self, lab: Lab) -> None:
        stdout, stderr = Digest(), Output()
        script = "head -c 20000000 /dev/urandom >kit-data; sha256sum <kit-data >&2; cat kit-data"
        assert lab.begin(lab.up(), "sh", "-c", script, stdout=stdout, stderr=stderr).wait().code == 0
        assert stdout.size == 20_000_000
        assert stdout.hex == stderr.data.split()[0].decode()

    @needs(Capability.SHARED_CONTAINER)
    def test_an_execs_output_arrives_while_it_runs(self, lab: Lab) -> None:
        stdout = Output()
        container = lab.up()
        execution = lab.begin(container, "sh", "-c", "echo early; sleep 86400", stdout=stdout)
        stdout.wait_for(b"early")
        lab.runtime.kill(container)
        _ended_somehow(execution.wait)

    @needs(Capability.SHARED_CONTAINER)
    def test_an_exec_without_input_has_an_empty_one(self, lab: Lab) -> None:
        result = lab.exec(lab.up(), "cat")
        assert (result.code, result.stdout) == (0, b"")

    @needs(Capability.SHARED_CONTAINER, Capability.STDIN)
    def test_input_of_an_exec(self, lab: Lab) -> None:
        container = lab.up()
        assert lab.exec(container, "cat", stdin=ALL_BYTES * 3).stdout == ALL_BYTES * 3
        assert lab.exec(container, "cat", stdin=b"").stdout == b""
        after = lab.exec(container, "sh", "-c", "cat >/dev/null; echo after", stdin=b"x" * 100_000)
        assert after.stdout == b"after\n"

    @needs(Capability.SHARED_CONTAINER, Capability.STDIN)
    def test_10_megabytes_go_into_an_exec_and_come_out(self, lab: Lab) -> None:
        data = os.urandom(10_000_000)
        stdout = Digest()
        assert lab.begin(lab.up(), "cat", stdin=data, stdout=stdout).wait().code == 0
        assert (stdout.size, stdout.hex) == (len(data), hashlib.sha256(data).hexdigest())

    @needs(Capability.SHARED_CONTAINER, Capability.STDIN)
    def test_input_of_an_exec_that_nobody_reads(self, lab: Lab) -> None:
        result = lab.exec(lab.up(), "sh", "-c", "echo done; exit 3", stdin=bytes(10_000_000))
        assert (result.code, result.stdout) == (3, b"done\n")

    @needs(Capability.SHARED_CONTAINER)
    def test_an_exec_of_a_missing_program_is_command_not_found(self, lab: Lab) -> None:
        container = lab.up()
        with pytest.raises(CommandNotFound) as raised:
            lab.exec(container, "dagu-kit-no-such-program", "argument")
        assert "dagu-kit-no-such-program" in str(raised.value)
        with pytest.raises(CommandNotFound):
            lab.exec(container, "/dagu/kit/no-such-program")
        assert lab.exec(container, "true").code == 0

    @needs(Capability.SHARED_CONTAINER)
    def test_an_exec_without_permission_is_command_forbidden(self, lab: Lab) -> None:
        container = lab.up()
        assert lab.exec(container, "sh", "-c", "echo x >kit-plain; chmod 644 kit-plain").code == 0
        with pytest.raises(CommandForbidden):
            lab.exec(container, "./kit-plain")

    @needs(Capability.SHARED_CONTAINER, Capability.ARCHIVES)
    def test_a_script_whose_interpreter_is_missing_is_told(self, lab: Lab) -> None:
        container = lab.up()
        script = tar_of("kit-script", b"#!/dagu/kit/no-such-interpreter\n", mode=0o755)
        lab.runtime.put_archive(container, "/", io.BytesIO(script))
        with pytest.raises((CommandNotFound, CommandForbidden)):
            lab.exec(container, "./kit-script")

    @needs(Capability.SHARED_CONTAINER)
    def test_an_exec_in_a_container_that_does_not_run(self, lab: Lab) -> None:
        container = lab.create("true")
        with pytest.raises((ContainerNotFound, RequestRefused)):
            lab.exec(container, "true")
        lab.finish(container)
        with pytest.raises((ContainerNotFound, RequestRefused)):
            lab.exec(container, "true")
        lab.runtime.remove(container)
        with pytest.raises(ContainerNotFound):
            lab.exec(container, "true")

    @needs(Capability.SHARED_CONTAINER)
    def test_killing_the_container_ends_its_execs(self, lab: Lab) -> None:
        stdout = Output()
        container = lab.up()
        execution = lab.begin(container, "sh", "-c", "echo ready; sleep 86400", stdout=stdout)
        stdout.wait_for(b"ready")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(execution.wait)
            lab.runtime.kill(container)
            _ended_somehow(lambda: waiting.result(HANG_GUARD))

    @needs(Capability.SHARED_CONTAINER)
    def test_a_child_that_goes_on_writing_holds_nothing_up(self, lab: Lab) -> None:
        execution = lab.begin(lab.up(), "sh", "-c", "yes & exit 4")
        assert execution.wait().code == 4

    @needs(Capability.SHARED_CONTAINER)
    def test_waiting_for_an_exec_again_gives_the_same(self, lab: Lab) -> None:
        execution = lab.begin(lab.up(), "sh", "-c", "exit 6")
        assert [execution.wait().code for _ in range(3)] == [6, 6, 6]


def _ended_somehow(wait: object) -> None:
    """An exec whose container was killed failed, or its engine says that it is gone."""
    assert callable(wait)
    try:
        assert wait().code != 0
    except RuntimeFailure:
        return
