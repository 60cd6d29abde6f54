"""Standard input of a container's process: every byte, as it comes, and then the end of file."""

from __future__ import annotations

import hashlib
import os

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import Digest, Output
from dagu.testing.runtime_kit.streams import ALL_BYTES


class StandardInput(Kit):
    def test_none_is_empty(self, lab: Lab) -> None:
        result = lab.run("cat")
        assert (result.code, result.stdout) == (0, b"")

    @needs(Capability.STDIN)
    def test_text_then_end_of_file(self, lab: Lab) -> None:
        assert lab.run("cat", stdin=b"hello\nworld").stdout == b"hello\nworld"

    @needs(Capability.STDIN)
    def test_empty_source_is_end_of_file(self, lab: Lab) -> None:
        result = lab.run("cat", stdin=b"")
        assert (result.code, result.stdout) == (0, b"")

    @needs(Capability.STDIN)
    def test_every_byte_value_goes_in(self, lab: Lab) -> None:
        data = ALL_BYTES * 3 + b"\x04\x03\x1a\r\n"
        assert lab.run("cat", stdin=data).stdout == data

    @needs(Capability.STDIN)
    def test_10_megabytes_go_in_and_come_out(self, lab: Lab) -> None:
        data = os.urandom(10_000_000)
        stdout = Digest()
        container, attachment = lab.launch("cat", stdin=data, stdout=stdout)
        assert lab.runtime.wait(container).code == 0
        attachment.join()
        assert stdout.size == len(data)
        assert stdout.hex == hashlib.sha256(data).hexdigest()

    @needs(Capability.STDIN)
    def test_output_goes_on_after_the_end_of_input(self, lab: Lab) -> None:
        result = lab.shell("cat >/dev/null; head -c 1000000 /dev/zero; echo err >&2", stdin=b"x" * 100_000)
        assert len(result.stdout) == 1_000_000
        assert result.stderr == b"err\n"
        assert result.code == 0

    @needs(Capability.STDIN)
    def test_input_goes_in_as_it_comes(self, lab: Lab) -> None:
        stdout = Output()
        gate = lab.pipe()
        container, attachment = lab.launch("cat", stdin=gate.source, stdout=stdout)
        for word in (b"one\n", b"two\n", b"three\n"):
            gate.feed(word)
            stdout.wait_for(word)
        assert lab.state(container).running
        gate.end()
        assert lab.runtime.wait(container).code == 0
        attachment.join()
        assert stdout.data == b"one\ntwo\nthree\n"

    @needs(Capability.STDIN)
    def test_input_that_nobody_reads(self, lab: Lab) -> None:
        result = lab.shell("echo done; exit 3", stdin=bytes(10_000_000))
        assert (result.code, result.stdout) == (3, b"done\n")

    @needs(Capability.STDIN)
    def test_a_source_that_never_ends_holds_nothing_up(self, lab: Lab) -> None:
        gate = lab.pipe()
        result = lab.shell("echo done; exit 4", stdin=gate.source)
        assert (result.code, result.stdout) == (4, b"done\n")
