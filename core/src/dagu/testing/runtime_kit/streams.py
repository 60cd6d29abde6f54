"""Standard output and standard error: byte for byte, apart, in order, to the last byte."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.streams import Streams
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import Digest, Output

ALL_BYTES = bytes(range(256))
PRINT_ALL_BYTES = "printf '" + "".join(f"\\{byte:03o}" for byte in range(256)) + "'"
LINES = 20_000


class SinkFailure(Exception):
    """What a sink of a case raises."""


class OutputStreams(Kit):
    def test_stdout_and_stderr_come_apart(self, lab: Lab) -> None:
        result = lab.shell("echo out; echo err >&2; echo more; echo worse >&2")
        assert result.stdout == b"out\nmore\n"
        assert result.stderr == b"err\nworse\n"

    def test_only_stderr(self, lab: Lab) -> None:
        result = lab.shell("echo err >&2")
        assert (result.stdout, result.stderr) == (b"", b"err\n")

    def test_no_output(self, lab: Lab) -> None:
        result = lab.run("true")
        assert (result.stdout, result.stderr) == (b"", b"")

    def test_each_stream_keeps_its_order(self, lab: Lab) -> None:
        result = lab.shell(f"i=0; while [ $i -lt {LINES} ]; do echo o$i; echo e$i >&2; i=$((i+1)); done")
        assert result.stdout == b"".join(b"o%d\n" % i for i in range(LINES))
        assert result.stderr == b"".join(b"e%d\n" % i for i in range(LINES))

    def test_every_byte_value(self, lab: Lab) -> None:
        result = lab.shell(f"{PRINT_ALL_BYTES}; {PRINT_ALL_BYTES} >&2")
        assert result.stdout == ALL_BYTES
        assert result.stderr == ALL_BYTES

    def test_what_is_not_utf_8(self, lab: Lab) -> None:
        result = lab.shell(r"printf '\377\376caf\351\300\257\n'")
        assert result.stdout == b"\xff\xfecaf\xe9\xc0\xaf\n"

    def test_carriage_returns_and_escapes_stay(self, lab: Lab) -> None:
        result = lab.shell(r"printf 'a\r\nb\r\033[1mc\n\n'")
        assert result.stdout == b"a\r\nb\r\x1b[1mc\n\n"

    def test_no_trailing_newline(self, lab: Lab) -> None:
        result = lab.shell("printf out; printf err >&2")
        assert (result.stdout, result.stderr) == (b"out", b"err")

    def test_one_long_line(self, lab: Lab) -> None:
        result = lab.shell("head -c 3000000 /dev/zero")
        assert result.stdout == bytes(3_000_000)

    def test_the_last_bytes_before_a_failing_exit(self, lab: Lab) -> None:
        for _ in range(5):
            result = lab.shell("head -c 100000 /dev/zero; printf last; printf words >&2; exit 1")
            assert result.stdout[-4:] == b"last"
            assert len(result.stdout) == 100_004
            assert result.stderr == b"words"
            assert result.code == 1

    def test_100_megabytes(self, lab: Lab) -> None:
        stdout, stderr = Digest(), Output()
        script = "head -c 104857600 /dev/urandom >kit-data; sha256sum <kit-data >&2; cat kit-data"
        container, attachment = lab.launch("sh", "-c", script, stdout=stdout, stderr=stderr)
        assert lab.runtime.wait(container).code == 0
        attachment.join()
        assert stdout.size == 104_857_600
        assert stdout.hex == stderr.data.split()[0].decode()

    def test_both_streams_at_once(self, lab: Lab) -> None:
        stdout, stderr = Digest(), Digest()
        script = "head -c 20000000 /dev/zero & head -c 10000000 /dev/zero >&2; wait"
        container, attachment = lab.launch("sh", "-c", script, stdout=stdout, stderr=stderr)
        assert lab.runtime.wait(container).code == 0
        attachment.join()
        assert (stdout.size, stderr.size) == (20_000_000, 10_000_000)

    def test_output_arrives_while_the_container_runs(self, lab: Lab) -> None:
        stdout, stderr = Output(), Output()
        script = "printf early; printf first >&2; sleep 86400"
        container, attachment = lab.launch("sh", "-c", script, stdout=stdout, stderr=stderr)
        stdout.wait_for(b"early")
        stderr.wait_for(b"first")
        assert lab.state(container).running
        lab.runtime.kill(container)
        attachment.join()

    def test_a_failing_sink_is_told_by_join(self, lab: Lab) -> None:
        def sink(_block: bytes) -> None:
            raise SinkFailure

        container, attachment = lab.launch("sh", "-c", "echo a; echo b >&2", stdout=sink)
        lab.runtime.wait(container)
        with pytest.raises(SinkFailure):
            attachment.join()

    def test_closing_lets_go_of_a_running_container(self, lab: Lab) -> None:
        container, attachment = lab.launch("sleep", "86400")
        attachment.close()
        attachment.join()
        attachment.close()
        assert lab.state(container).running

    @needs(Capability.STDIN)
    def test_attaching_late_begins_with_what_comes_from_now(self, lab: Lab) -> None:
        early, late = Output(), Output()
        gate = lab.pipe()
        container, first = lab.launch(
            "sh", "-c", "echo early; read line; echo late", stdin=gate.source, stdout=early
        )
        early.wait_for(b"early")
        second = lab.runtime.attach(container, Streams(stdout=late))
        gate.feed(b"go\n")
        lab.runtime.wait(container)
        first.join()
        second.join()
        assert early.data == b"early\nlate\n"
        assert late.data == b"late\n"

    @needs(Capability.LOGS)
    def test_logs_replay_both_streams_from_the_first_byte(self, lab: Lab) -> None:
        container = lab.create("sh", "-c", f"echo out; {PRINT_ALL_BYTES}; echo err >&2")
        lab.runtime.start(container)
        lab.runtime.wait(container)
        for follow in (False, True, False):
            stdout, stderr = Output(), Output()
            lab.runtime.logs(container, stdout=stdout, stderr=stderr, follow=follow)
            assert stdout.data == b"out\n" + ALL_BYTES
            assert stderr.data == b"err\n"

    @needs(Capability.LOGS)
    def test_following_logs_go_on_to_the_end(self, lab: Lab) -> None:
        stdout = Output()
        script = f"i=0; while [ $i -lt {LINES} ]; do echo $i; i=$((i+1)); done"
        container = lab.create("sh", "-c", script)
        lab.runtime.start(container)
        lab.runtime.logs(container, stdout=stdout, stderr=Output(), follow=True)
        assert stdout.data == b"".join(b"%d\n" % i for i in range(LINES))
