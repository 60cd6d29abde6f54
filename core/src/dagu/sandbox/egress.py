"""A network whose only way out is a proxy that lets some host names through.

Containers on it reach the machine at the bridge's address and nothing beyond. The runner's proxy listens on that
address, in a process of its own that ends with the runner.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RuntimeFailure, Unsupported
from dagu.frozen import dataclass
from dagu.sandbox.command import unique
from dagu.sandbox.guardian import GUARDIAN

_START_LIMIT = 15.0
"""Seconds that the proxy may take to listen."""
_ALLOW = "DAGU_EGRESS_ALLOW"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_EXCEPT = ("NO_PROXY", "no_proxy")
PROXY_NAMES = frozenset((*_PROXIES, *_EXCEPT))
"""Environment names that a gate sets, and that nothing else may set then."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A way out for containers.

    Attributes:
        network: The network that a container joins.
        env: What makes programs use the proxy.
        dns: Name servers for the container: one that does not answer, for names are looked up by the proxy.
    """

    network: str
    env: Mapping[str, str]
    dns: tuple[str, ...]


@dataclass
class _Open:
    gate: Gate
    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str] = field(repr=False)


class Gates:
    """The gates of one run: one for each list of hosts.

    Args:
        labels: What the networks are marked with.
    """

    def __init__(self, runtime: ContainerRuntime, labels: Mapping[str, str]) -> None:
        self._runtime = runtime
        self._labels = labels
        self._lock = threading.Lock()
        self._names: dict[tuple[str, ...], str] = {}
        self._open: dict[tuple[str, ...], _Open] = {}

    def planned(self, hosts: Sequence[str]) -> str:
        """The name that the network of a gate will have; nothing is made yet.

        Raises:
            Unsupported: There can be no gate: the runtime has no internal networks, or this machine can't listen on
                theirs.
        """
        self._check()
        with self._lock:
            return self._name(_key(hosts))

    def gate(self, hosts: Sequence[str]) -> Gate:
        """The gate that lets exactly these hosts through.

        Raises:
            Unsupported: There can be none, see :meth:`planned`.
            RuntimeFailure: Its proxy does not start.
        """
        key = _key(hosts)
        self._check()
        with self._lock:
            if key not in self._open:
                self._open[key] = self._make(key)
            return self._open[key].gate

    def close(self) -> None:
        """End the proxies and remove the networks; their containers are gone."""
        with self._lock:
            opened, self._open = list(self._open.values()), {}
        for one in opened:
            _end(one.process)
            one.folder.cleanup()
            self._runtime.remove_network(one.gate.network)

    def _name(self, key: tuple[str, ...]) -> str:
        return self._names.setdefault(key, unique("dagu-egress-"))

    def _check(self) -> None:
        info = self._runtime.check()
        if Capability.NETWORKS not in info.capabilities:
            raise _unable(f"the {info.name} runtime has no internal networks")
        if info.rootless or not info.shares_filesystem:
            where = "keeps its networks to itself (rootless)" if info.rootless else "is on another machine"
            raise _unable(f"the {info.name} engine {where}, out of the proxy's reach")
        if importlib.util.find_spec("proxy") is None:
            raise Unsupported(
                "container.network.allow needs the package proxy.py", hint="pip install 'dagu-core[egress]'"
            )

    def _make(self, hosts: tuple[str, ...]) -> _Open:
        name = self._name(hosts)
        marks = {**self._labels, "dev.dagu.egress": name}
        self._runtime.create_network(name, internal=True, labels=marks)
        folder = tempfile.TemporaryDirectory(prefix="dagu-egress-")
        try:
            found = self._runtime.find_networks({"dev.dagu.egress": name})
            address = found[0].gateway if found else ""
            if not address:
                raise _unable(f"the {self._runtime.check().name} engine tells no address of its networks")
            process, port = _start(address, hosts, Path(folder.name))
        except BaseException:
            folder.cleanup()
            self._runtime.remove_network(name)
            raise
        url = f"http://{address}:{port}"
        env = {
            **dict.fromkeys(_PROXIES, url),
            **dict.fromkeys(_EXCEPT, "localhost,127.0.0.1,::1"),
            "NODE_USE_ENV_PROXY": "1",
        }
        return _Open(Gate(network=name, env=env, dns=(address,)), process, folder)


def _key(hosts: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(hosts)))


def _unable(why: str) -> Unsupported:
    return Unsupported(
        f"container.network.allow can't be kept: {why}",
        hint="use a rootful engine on this machine, or network: none",
    )


def _start(address: str, hosts: tuple[str, ...], folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port_file = folder / "port"
    log = folder / "log"
    argv = [
        sys.executable,
        "-m",
        "dagu.sandbox.egress_proxy",
        "--hostname",
        address,
        "--port",
        "0",
        "--port-file",
        str(port_file),
    ]
    argv += [
        "--plugins",
        "dagu.sandbox.egress_filter.AllowList",
        "--num-workers",
        "1",
        "--num-acceptors",
        "1",
    ]
    argv += ["--log-level", "WARNING", "--data-dir", str(folder / "data")]
    keep = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            env={**env, **GUARDIAN.mark(), _ALLOW: " ".join(hosts)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        port = _port(port_file)
        if port:
            return process, port
        time.sleep(0.02)
    _end(process)
    said = log.read_text(errors="replace")[-500:].strip()
    raise RuntimeFailure(f"the egress proxy did not start on {address}: {said or 'it said nothing'}")


def _port(path: Path) -> int:
    try:
        return int(path.read_text().strip() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
