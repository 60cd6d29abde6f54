"""A network of its own for a worker, that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess


class Net:
    """A network of its own for a worker, that can be cut."""

    def __init__(self, number: int) -> None:
        if shutil.which("ip") is None:
            subprocess.run(["apt-get", "install", "-y", "iproute2"], check=True, capture_output=True)
        self.name = f"dagu-workers-{os.getpid()}-{number}"
        self._outside, self._inside = (
            f"dw{os.getpid() % 100000}o{number}",
            f"dw{os.getpid() % 100000}i{number}",
        )
        self.host, self.guest = f"10.213.{number}.1", f"10.213.{number}.2"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outside, "type", "veth", "peer", "name", self._inside, "netns", self.name)
        _ip("addr", "add", f"{self.host}/24", "dev", self._outside)
        _ip("link", "set", self._outside, "up")
        _ip("-n", self.name, "addr", "add", f"{self.guest}/24", "dev", self._inside)
        _ip("-n", self.name, "link", "set", self._inside, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        _ip("link", "set", self._outside, "down")

    def mend(self) -> None:
        _ip("link", "set", self._outside, "up")

    def close(self) -> None:
        _ip("netns", "del", self.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
