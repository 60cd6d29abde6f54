"""The service: its socket, its end, its encryption."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from web_fakes import FakeContext

from dagu.contracts.specs import CommandSpec, ServiceSpec
from dagu.errors import DaguError, UsageError
from dagu_web_server import plugin
from dagu_web_server.command import app
from dagu_web_server.credentials import PasswordHash, hash_token
from dagu_web_server.service import WebService

Serving = Callable[[FakeContext], WebService]


def test_it_serves_where_the_settings_say(context: FakeContext, serving: Serving) -> None:
    service = serving(context)
    assert service.url.startswith("http://127.0.0.1:")
    assert httpx.get(f"{service.url}healthz").text == "ok\n"


def test_an_address_that_is_taken(context: FakeContext, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(DaguError, match=f"can't listen on 127.0.0.1:{port}") as caught:
            WebService(FakeContext(tmp_path, DAGU_PORT=port))
        assert "choose another DAGU_PORT" in caught.value.hint


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="other machines"):
        WebService(FakeContext(tmp_path, DAGU_HOST="0.0.0.0"))


def test_one_that_was_stopped_before_it_began_returns_at_once(context: FakeContext) -> None:
    service = WebService(context)
    service.stop(1)
    thread = threading.Thread(target=service.run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            key,
            "-out",
            cert,
            *name,
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_tls(tmp_path: Path, serving: Serving, pair: tuple[str, str]) -> None:
    cert, key = pair
    service = serving(FakeContext(tmp_path, DAGU_TLS_CERT=cert, DAGU_TLS_KEY=key))
    assert service.url.startswith("https://")
    answer = httpx.get(service.url, verify=ssl.create_default_context(cafile=cert))
    assert answer.status_code == 200
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    with pytest.raises(httpx.HTTPError):
        httpx.get(service.url.replace("https", "http"))


def test_a_key_of_another_certificate(tmp_path: Path, pair: tuple[str, str]) -> None:
    cert, _ = pair
    with pytest.raises(DaguError, match="can't be used"):
        WebService(FakeContext(tmp_path, DAGU_TLS_CERT=cert, DAGU_TLS_KEY=cert))


def test_a_proxy_is_believed_only_if_it_is_trusted(tmp_path: Path, serving: Serving) -> None:
    auth = {"DAGU_AUTH_TOKENS": f"ci:{hash_token('t')}"}
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    for settings, name in (({}, "dagu-"), ({"DAGU_TRUSTED_PROXIES": "127.0.0.1"}, "__Host-dagu-")):
        service = serving(FakeContext(tmp_path, **auth, **settings))
        answer = httpx.post(f"{service.url}login", data={"token": "t"}, headers=forwarded)
        assert answer.headers["Set-Cookie"].startswith(name)


def test_names_that_leave_the_api_by_their_path(context: FakeContext, serving: Serving) -> None:
    """As they come over the wire; a client would tidy them."""
    service = serving(context)
    for path in (
        "/api/v1/workflows/../../../etc/passwd",
        "/edit/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/runs/..%2f..%2fx/agent",
    ):
        with socket.create_connection(("127.0.0.1", service.config.port), timeout=20) as wire:
            wire.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        assert answer.split()[1] == b"404"
        assert b"root:" not in answer


# What the plugin offers


def test_the_entry_point_offers_a_service_and_a_command() -> None:
    (found,) = [each for each in entry_points(group="dagu") if each.name == "web-server"]
    assert found.load() is plugin
    (service,) = plugin.dagu_register_services()
    (command,) = plugin.dagu_register_commands()
    assert isinstance(service, ServiceSpec)
    assert isinstance(command, CommandSpec)
    assert (service.name, command.name) == ("web", "server")


def test_the_entry_point_imports_no_web_framework() -> None:
    lines = (
        "import json, sys",
        "import dagu_web_server.plugin as plugin",
        "list(plugin.dagu_register_services())",
        "plugin.make_command()",
        "print(json.dumps(sorted(sys.modules)))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True
    )
    assert {"fastapi", "starlette", "uvicorn", "jinja2", "pydantic"}.isdisjoint(json.loads(done.stdout))


class Host:
    """Notes what it is to serve."""

    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self.asked: list[object] = []

    def serve(self, service: str, flags: dict[str, str]) -> int:
        self.asked.append((service, flags))
        return 7


def test_the_command_serves_alone() -> None:
    host = Host()
    done = CliRunner().invoke(app, ["--port", "9000"], obj=host)
    assert done.exit_code == 7
    assert host.asked == [("web", {"DAGU_HOST": "", "DAGU_PORT": "9000", "DAGU_DAGS_DIR": ""})]


def test_hashing_a_password() -> None:
    done = CliRunner().invoke(app, ["hash-password"], input="pass word\n", obj=Host())
    assert done.exit_code == 0
    assert PasswordHash(done.output.strip()).matches("pass word")
    assert CliRunner().invoke(app, ["hash-password"], input="", obj=Host()).exit_code == 2


def test_a_new_token() -> None:
    done = CliRunner().invoke(app, ["new-token", "ci"], obj=Host())
    token, entry = (line.partition(": ")[2] for line in done.output.splitlines())
    assert entry == f"ci:{hash_token(token)}"
    assert CliRunner().invoke(app, ["new-token", "a:b"], obj=Host()).exit_code == 2
