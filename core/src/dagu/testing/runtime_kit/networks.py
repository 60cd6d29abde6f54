"""Networks: none, the bridge, the host's, another container's, named ones, and published ports."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import Port
from dagu.errors import NameTaken, RequestRefused
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import eventually

ROUTES = ("cat", "/proc/net/route")
NAMESPACE = ("readlink", "/proc/self/ns/net")


def _default_route(routes: bytes) -> bool:
    return any(line.split()[1] == b"00000000" for line in routes.splitlines()[1:])


class Networks(Kit):
    @needs(Capability.NETWORK_NONE)
    def test_no_network(self, lab: Lab) -> None:
        assert lab.run(*ROUTES, network="none").stdout.splitlines()[1:] == []

    @needs(Capability.NETWORK_BRIDGE)
    def test_the_bridge_gives_a_route_and_a_network_of_its_own(self, lab: Lab) -> None:
        assert _default_route(lab.run(*ROUTES, network="bridge").stdout)
        seen = lab.run(*NAMESPACE, network="bridge").stdout.decode().strip()
        assert seen.startswith("net:[")
        assert seen != os.readlink("/proc/self/ns/net")

    @needs(Capability.NETWORK_HOST)
    def test_the_hosts_network(self, lab: Lab) -> None:
        assert lab.info.shares_filesystem, "the case can compare only on the engine's machine"
        seen = lab.run(*NAMESPACE, network="host").stdout.decode().strip()
        assert seen == os.readlink("/proc/self/ns/net")

    @needs(Capability.NETWORK_CONTAINER, Capability.SHARED_CONTAINER)
    def test_another_containers_network(self, lab: Lab) -> None:
        name = lab.name()
        other = lab.up(name=name)
        assert lab.run(*NAMESPACE, network=f"container:{name}").stdout == lab.exec(other, *NAMESPACE).stdout

    @needs(Capability.NETWORKS)
    def test_containers_of_a_named_network_reach_each_other_by_name(self, lab: Lab) -> None:
        network, server = _make_network(lab), lab.name()
        lab.up("nc", "-l", "-p", "8080", "-e", "cat", name=server, network=network)
        script = f"until echo ping | nc -w 60 {server} 8080; do sleep 1; done"
        assert lab.shell(script, network=network).stdout == b"ping\n"

    @needs(Capability.NETWORKS)
    def test_inspect_tells_the_gateway_of_a_network(self, lab: Lab) -> None:
        network = _make_network(lab)
        gateways = lab.state(lab.up(network=network)).gateways
        assert list(gateways) == [network]
        assert socket.inet_aton(gateways[network])

    @needs(Capability.NETWORKS)
    def test_an_internal_network_has_no_way_out(self, lab: Lab) -> None:
        network = _make_network(lab, internal=True)
        routes = lab.run(*ROUTES, network=network).stdout
        assert len(routes.splitlines()) > 1, "it has a network"
        assert not _default_route(routes)

    @needs(Capability.NETWORKS)
    def test_a_missing_network_is_refused(self, lab: Lab) -> None:
        with pytest.raises(RequestRefused) as raised:
            lab.run("true", network="dagu-kit-no-such-network")
        assert "dagu-kit-no-such-network" in str(raised.value)

    @needs(Capability.NETWORKS)
    def test_a_taken_network_name_is_refused(self, lab: Lab) -> None:
        network = _make_network(lab)
        with pytest.raises(NameTaken):
            lab.runtime.create_network(network)

    @needs(Capability.NETWORKS)
    def test_removing_a_network_is_idempotent(self, lab: Lab) -> None:
        network = _make_network(lab)
        for _ in range(3):
            lab.runtime.remove_network(network)

    @needs(Capability.NETWORKS)
    def test_networks_are_found_by_labels(self, lab: Lab) -> None:
        network = _make_network(lab)
        assert [found.name for found in lab.runtime.find_networks(lab.labels)] == [network]
        assert not lab.runtime.find_networks(lab.labels | {"dagu.kit.other": "x"})

    @needs(Capability.PORTS)
    def test_a_published_port_is_reached(self, lab: Lab) -> None:
        assert lab.info.shares_filesystem, "the case can connect only on the engine's machine"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        published = (Port(container_port=8080, host_ip="127.0.0.1", host_port=port),)
        # One connection each: not every BusyBox has the option for more.
        lab.up("sh", "-c", "while :; do nc -l -p 8080 -e cat; done", ports=published)

        def answers() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                    connection.sendall(b"ping")
                    connection.shutdown(socket.SHUT_WR)
                    return connection.recv(4) == b"ping"
            except OSError:  # refused, reset, or not connected any more
                return False

        eventually(answers, "the published port answers")

    @needs(Capability.PORTS)
    def test_a_taken_port_is_refused(self, lab: Lab) -> None:
        assert lab.info.shares_filesystem, "the case can take a port only on the engine's machine"
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            published = (Port(container_port=8080, host_ip="127.0.0.1", host_port=port),)
            container = lab.create("true", ports=published)
            with pytest.raises(RequestRefused) as raised:
                lab.runtime.start(container)
            assert str(port) in str(raised.value)

    @needs(Capability.DNS)
    def test_extra_hosts(self, lab: Lab) -> None:
        hosts = lab.run("cat", "/etc/hosts", extra_hosts={"kit.example": "10.9.8.7"}).stdout
        assert [b"10.9.8.7", b"kit.example"] in [line.split() for line in hosts.splitlines()]

    @needs(Capability.DNS)
    def test_name_servers(self, lab: Lab) -> None:
        resolver = lab.run("cat", "/etc/resolv.conf", dns=("10.9.8.7",)).stdout
        assert [b"nameserver", b"10.9.8.7"] in [line.split() for line in resolver.splitlines()]


def _make_network(lab: Lab, *, internal: bool = False) -> str:
    name = lab.name("n")
    lab.runtime.create_network(name, internal=internal, labels=lab.labels)
    lab.when_done(lab.runtime.remove_network, name)
    return name
