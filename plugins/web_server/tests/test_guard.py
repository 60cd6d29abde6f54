"""What may not come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_fakes import FakeContext

from dagu_web_server.credentials import hash_password, hash_token
from dagu_web_server.middleware import BODY_LIMIT, HEADERS

PASSWORD, TOKEN = "pass word", "dagu_token"
AUTH = {
    "DAGU_AUTH_USERNAME": "ann",
    "DAGU_AUTH_PASSWORD_HASH": hash_password(PASSWORD),
    "DAGU_AUTH_TOKENS": f"ci:{hash_token(TOKEN)}",
}
Clients = Callable[..., TestClient]
START = {"workflow": "hello"}


@pytest.fixture
def locked(tmp_path: Path, client_of: Clients) -> TestClient:
    return client_of(FakeContext(tmp_path, **AUTH))


def log_in(client: TestClient, **fields: str) -> int:
    sent = {"username": "ann", "password": PASSWORD, **fields}
    return client.post("/login", data=sent).status_code


# Which host is meant


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "127.9.9.9"]
)
def test_names_of_this_machine_are_served(client: TestClient, host: str) -> None:
    assert client.get("/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.0.2.1", ""]
)
def test_other_names_are_refused_on_loopback(client: TestClient, host: str) -> None:
    for path in ("/", "/api/v1/runs", "/metrics", "/login"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert "DAGU_ALLOWED_HOSTS" in answer.json()["hint"]
    assert client.get("/healthz", headers={"Host": host}).status_code == 200  # probes ask by address


def test_allowed_names(tmp_path: Path, client_of: Clients) -> None:
    client = client_of(FakeContext(tmp_path, DAGU_ALLOWED_HOSTS="dagu.example", **AUTH))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/runs", headers={"Host": "dagu.example", **bearer}).status_code == 200
    assert client.get("/runs", headers={"Host": "dagu.example.evil", **bearer}).status_code == 421


# Where a request comes from


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "http://127.0.0.1"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_other_sites_can_change_nothing(
    client: TestClient, context: FakeContext, headers: dict[str, str], status: int
) -> None:
    assert client.post("/api/v1/runs", json=START, headers=headers).status_code == status
    assert bool(context.asked) == (status == 202)
    assert client.get("/runs", headers=headers).status_code == 200


def test_other_sites_are_told_nothing(client: TestClient) -> None:
    answer = client.options(
        "/api/v1/runs", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_form_of_another_kind_is_no_json(client: TestClient, context: FakeContext) -> None:
    answer = client.post(
        "/api/v1/runs", content='{"workflow": "hello"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 422
    assert not context.asked


# Who is asking


def test_strangers_see_nothing(locked: TestClient) -> None:
    for path in ("/api/v1/runs", "/api/v1/openapi.json", "/metrics", "/api/v1/nothing"):
        answer = locked.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for path in ("/", "/runs", "/nothing", "/workflows/hello"):
        answer = locked.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/login?next={path.replace('/', '%2F')}"
    assert locked.post("/api/v1/runs", json=START).status_code == 401
    assert locked.post("/logout").status_code == 401
    for path in ("/healthz", "/readyz", "/login"):
        assert locked.get(path).status_code == 200


def test_a_token_opens_the_api_and_is_exempt_from_the_check_of_origin(locked: TestClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Sec-Fetch-Site": "cross-site"}
    assert locked.post("/api/v1/runs", json=START, headers=headers).status_code == 202
    assert locked.get("/metrics", headers=headers).status_code == 200
    for wrong in ("Bearer x", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {hash_token(TOKEN)}"):
        assert locked.get("/api/v1/runs", headers={"Authorization": wrong}).status_code == 401


def test_a_password_begins_a_session(locked: TestClient) -> None:
    answer = locked.post("/login", data={"username": "ann", "password": PASSWORD, "next": "/runs?last=24h"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/runs?last=24h"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = locked.get("/runs")
    assert page.status_code == 200
    assert "ann" in page.text
    assert locked.post("/api/v1/runs", json=START).status_code == 202
    assert (
        locked.post("/api/v1/runs", json=START, headers={"Origin": "http://evil.example"}).status_code == 403
    )
    assert locked.post("/logout").status_code == 303
    assert locked.get("/runs").status_code == 303


def test_over_tls_the_cookie_is_bound_to_it(tmp_path: Path, client_of: Clients) -> None:
    client = client_of(FakeContext(tmp_path, **AUTH), base_url="https://127.0.0.1")
    assert log_in(client) == 303
    assert client.cookies.get("__Host-dagu-0")
    assert client.get("/runs").status_code == 200


@pytest.mark.parametrize(
    "there",
    ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\r\nX: y", "javascript:x"],
)
def test_logging_in_leads_nowhere_else(locked: TestClient, there: str) -> None:
    answer = locked.post("/login", data={"username": "ann", "password": PASSWORD, "next": there})
    assert answer.headers["Location"] == "/"


def test_wrong_passwords_are_slowed_down(locked: TestClient) -> None:
    assert log_in(locked, username="bob") == 401
    assert log_in(locked, password="") == 401
    for _ in range(3):
        assert log_in(locked, password="wrong") == 401
    assert log_in(locked) == 429


def test_a_token_can_log_in_where_there_is_no_password(tmp_path: Path, client_of: Clients) -> None:
    client = client_of(FakeContext(tmp_path, DAGU_AUTH_TOKENS=AUTH["DAGU_AUTH_TOKENS"]))
    assert 'name="token"' in client.get("/login").text
    assert log_in(client) == 401
    assert client.post("/login", data={"token": TOKEN}).status_code == 303
    assert client.get("/runs").status_code == 200


def test_another_site_can_not_log_somebody_in(locked: TestClient) -> None:
    answer = locked.post(
        "/login", data={"username": "ann", "password": PASSWORD}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403


# Every answer


def test_headers_are_on_every_answer(client: TestClient, context: FakeContext) -> None:
    context.add_run()
    answers = [client.get(path) for path in ("/", "/nothing", "/api/v1/runs", "/api/v1/nothing", "/healthz")]
    answers.append(client.get("/", headers={"Host": "evil.example"}))
    context.failure = BROKEN
    answers.append(client.get("/runs"))
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "server" not in answer.headers
    assert "'unsafe" not in HEADERS["Content-Security-Policy"]


class Broken(Exception):
    """No error of dagu: a bug."""


BROKEN: Broken = Broken("with a secret")


def test_a_bug_tells_nothing(client: TestClient, context: FakeContext) -> None:
    context.failure = BROKEN  # type: ignore[assignment]
    for path in ("/runs", "/api/v1/runs"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


def test_scripts_are_kept_for_good_and_nothing_else_is(client: TestClient) -> None:
    page = client.get("/").text
    script = page.partition('src="')[2].partition('"')[0]
    answer = client.get(script)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/static/older/main.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/{version}/../../../etc/passwd",
        "/static/{version}/%2e%2e/config.py",
        "/static/{version}/..%2fconfig.py",
        "/static/{version}//etc/passwd",
    ],
)
def test_assets_do_not_leave_their_folder(client: TestClient, path: str) -> None:
    version = client.get("/").text.partition("/static/")[2].partition("/")[0]
    answer = client.get(path.format(version=version))
    assert answer.status_code in (404, 405)


# Bodies


def test_large_bodies_are_refused(client: TestClient) -> None:
    text = "#" * BODY_LIMIT
    assert client.post("/api/v1/validate", json={"text": text}).status_code == 413
    assert client.post("/login", content=text + "#").status_code == 413
    assert client.post("/api/v1/validate", json={"text": text[:-100]}).status_code == 200


def test_large_bodies_are_refused_that_do_not_say_so(client: TestClient) -> None:
    def pieces() -> object:
        yield b'{"text": "'
        for _ in range(BODY_LIMIT // 1000 + 1):
            yield b"#" * 1000

    answer = client.post("/api/v1/validate", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_length_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.post("/login", content=b"x", headers={"Content-Length": "-5"})
    assert answer.status_code == 413
