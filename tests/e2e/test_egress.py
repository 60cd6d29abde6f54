"""``network: {allow: …}``: what is listed is reached through the proxy, and nothing else in any way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def servers() -> Iterator[tuple[int, int]]:
    """Ports of two HTTP servers on loopback, where no container reaches them by itself."""
    both = [ThreadingHTTPServer(("127.0.0.1", 0), _Hello) for _ in range(2)]
    for server in both:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield both[0].server_port, both[1].server_port
    for server in both:
        server.shutdown()
        server.server_close()


# BusyBox' wget knows no exceptions from a proxy, and speaks to https hosts by itself; CONNECT is said by hand.
LOOK = """
wget -q -O- http://localhost:{allowed}/ && echo allowed
wget -q -T 20 -O- http://localhost:{refused}/ || echo refused by name
wget -q -T 20 -O- http://127.0.0.1:{refused}/ || echo refused by address
wget -q -T 20 -O- http://10.255.255.1/ || echo refused elsewhere
proxy=${{http_proxy#http://}}
printf 'CONNECT localhost:{refused} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' | nc -w 20 ${{proxy%:*}} ${{proxy#*:}} \
  | grep -q '^HTTP/1.1 403' && echo tunnel refused
unset http_proxy
wget -q -T 5 -O- http://10.255.255.1/ || echo no way around
nslookup -timeout=1 -retry=1 localhost.example || echo no names
"""
SEEN = [
    "hello",
    "allowed",
    "refused by name",
    "refused by address",
    "refused elsewhere",
    "tunnel refused",
    "no way around",
    "no names",
]


def script(servers: tuple[int, int]) -> str:
    return LOOK.format(allowed=servers[0], refused=servers[1])


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line in SEEN]


@pytest.mark.parametrize("of_the_step", [True, False], ids=["step", "root"])
def test_only_what_is_listed_is_reached(
    dagu: Dagu, engine: EngineUnderTest, servers: tuple[int, int], of_the_step: bool
) -> None:
    container = f'{{image: "alpine:3.20", network: {{allow: ["localhost:{servers[0]}"]}}}}'
    source = "" if of_the_step else f"container: {container}\n"
    source += "env:\n  - http_proxy: http://elsewhere.example:1\nsteps:\n"
    source += f"  - id: look\n    run: {script(servers)!r}\n"
    source += f"    container: {container}\n" if of_the_step else ""
    ran = dagu.start(source)
    if engine.rootless:
        ran.failed("container.network.allow can't be kept", "rootless")
        return
    assert lines(ran.succeeded().text("look")) == SEEN


@pytest.mark.docker
def test_two_lists_are_two_ways_out(dagu_docker: Dagu, servers: tuple[int, int]) -> None:
    ran = dagu_docker.start(
        f"""
        steps:
          - id: first
            run: wget -q -O- http://localhost:{servers[0]}/ && ! wget -q -O- http://localhost:{servers[1]}/
            container: {{image: "alpine:3.20", network: {{allow: ["localhost:{servers[0]}"]}}}}
          - id: second
            run:
              - wget -q -O- http://localhost:{servers[1]}/
              - "! wget -q -O- http://localhost:{servers[0]}/"
            container: {{image: "alpine:3.20", network: {{allow: ["localhost:{servers[1]}"]}}}}
          - id: none
            run: "! wget -q -O- http://localhost:{servers[1]}/"
            container: {{image: "alpine:3.20", network: {{allow: []}}}}
        """
    )
    assert (ran.succeeded().text("first"), ran.text("second")) == ("hello\n", "hello\n")


@pytest.mark.docker
def test_the_hosts_of_a_provider(dagu_docker: Dagu, tmp_path: Path) -> None:
    agent = dagu_docker.directory / "claude"
    agent.write_text(
        "#!/bin/sh\n"
        "proxy=${http_proxy#http://}\n"
        "for host in api.anthropic.com:443 api.openai.com:443; do\n"
        "  printf 'CONNECT %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' $host | nc -w 20 ${proxy%:*} ${proxy#*:} | head -1\n"
        "done\n"
    )
    agent.chmod(0o755)
    container = (
        '{image: "alpine:3.20", network: {allow: provider}, volumes: ["./claude:/usr/local/bin/claude:ro"]}'
    )
    for source in (
        "steps:\n  - id: ask\n    action: harness.run\n"
        "    with: {provider: claude, prompt: hi, output_format: text}\n"
        f"    container: {container}\n",
        f"container: {container}\nharness: {{provider: claude}}\n"
        "steps:\n  - id: ask\n    action: harness.run\n    with: {prompt: hi, output_format: text}\n",
    ):
        ran = dagu_docker.start(source)
        said = ran.succeeded().text("ask").splitlines()
        # The first is let through, whether or not this machine has a way to it.
        assert "403" not in said[0], said
        assert said[1].startswith("HTTP/1.1 403"), said


@pytest.mark.docker
@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        (
            "steps:\n  - run: 'true'\n    container: {image: 'alpine:3.20', network: {allow: provider}}\n",
            ["no harness.run step runs in this container"],
        ),
        (
            "container: {image: 'alpine:3.20', network: {allow: [provider]}}\n"
            "harnesses: {mine: {binary: mine}}\n"
            "steps:\n  - action: harness.run\n    with: {provider: mine, prompt: hi}\n",
            ["provider mine tells no hosts", "list them instead"],
        ),
        (
            "steps:\n  - run: 'true'\n    container: {image: 'alpine:3.20', network: {allow: [a.example]},\n"
            "      env: {HTTPS_PROXY: x}, dns: [10.0.0.1], ports: ['80'], keep_container: true}\n",
            [
                "HTTPS_PROXY can't be set beside network.allow",
                "container.dns",
                "container.ports",
                "container.keep_container",
            ],
        ),
    ],
    ids=["no provider", "no hosts", "contradictions"],
)
def test_what_can_not_be_kept_is_refused(dagu_docker: Dagu, source: str, fragments: list[str]) -> None:
    ran = dagu_docker.start(source).failed(*fragments)
    assert all(not step.attempts for step in ran.record.steps)


@pytest.mark.docker
def test_an_operator_says_which_hosts(dagu_docker: Dagu, servers: tuple[int, int], tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"egress: ['localhost:{servers[0]}', '*.allowed.example']\n")
    env = {"DAGU_CONTAINER_POLICY": str(policy)}

    def step(network: str) -> str:
        return f"steps:\n  - run: 'true'\n    container: {{image: 'alpine:3.20', network: {network}}}\n"

    dagu_docker.start(step(f"{{allow: ['localhost:{servers[0]}', a.allowed.example]}}"), env=env).succeeded()
    dagu_docker.start(step("none"), env=env).succeeded()
    for network in (f"{{allow: ['localhost:{servers[1]}']}}", "bridge"):
        dagu_docker.start(step(network), env=env).failed("rule egress of policy")
