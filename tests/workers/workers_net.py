"""A network of its own for a worker, that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess


class Net:
    """Two ends of a cable, one of them in a network namespace."""

    def __init__(self) -> None:
        if shutil.which("ip") is None:
            subprocess.run(["apt-get", "install", "-y", "iproute2"], check=True, capture_output=True)
        number = os.getpid()  # several processes may have one
        self.name = f"dagu-workers-{number}"
        self._outside, inside = f"dw{number}o", f"dw{number}i"
        subnet = f"10.{200 + number // 256 % 50}.{number % 256}"
        self.host, guest = f"{subnet}.1", f"{subnet}.2"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        _ip("addr", "add", f"{self.host}/24", "dev", self._outside)
        _ip("link", "set", self._outside, "up")
        _ip("-n", self.name, "addr", "add", f"{guest}/24", "dev", inside)
        _ip("-n", self.name, "link", "set", inside, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What comes before a command line that is to run there."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Let nothing through."""
        _ip("link", "set", self._outside, "down")

    def mend(self) -> None:
        """Let everything through again."""
        _ip("link", "set", self._outside, "up")

    def close(self) -> None:
        """Take it away."""
        _ip("link", "del", self._outside)  # with the namespace it would go some time later
        _ip("netns", "del", self.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
