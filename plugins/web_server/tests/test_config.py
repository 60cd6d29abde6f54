"""Settings, and who they let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import DaguError, UsageError
from dagu_web_server.config import read_config
from dagu_web_server.credentials import hash_password, hash_token

PASSWORD = {"DAGU_AUTH_USERNAME": "ann", "DAGU_AUTH_PASSWORD_HASH": hash_password("secret")}
TOKEN = {"DAGU_AUTH_TOKENS": f"ci:{hash_token('t')}"}


def test_loopback_needs_no_password() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", ""):
        assert not read_config({"DAGU_HOST": host}).protected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1"])
def test_any_other_address_needs_one(host: str) -> None:
    with pytest.raises(
        UsageError, match="other machines can reach, and neither a password nor a token"
    ) as caught:
        read_config({"DAGU_HOST": host})
    assert "dagu server hash-password" in caught.value.hint
    assert read_config({"DAGU_HOST": host, **PASSWORD}).protected
    assert read_config({"DAGU_HOST": host, **TOKEN}).protected


def test_a_proxy_s_name_needs_one_on_loopback_too() -> None:
    with pytest.raises(UsageError, match=r"DAGU_ALLOWED_HOSTS names dagu\.example"):
        read_config({"DAGU_ALLOWED_HOSTS": "dagu.example, localhost"})
    assert not read_config({"DAGU_ALLOWED_HOSTS": "localhost"}).protected


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(DaguError, match="does not resolve"):
        read_config({"DAGU_HOST": "nowhere.invalid"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"DAGU_PORT": "http"}, "DAGU_PORT is 'http', which is no port"),
        ({"DAGU_PORT": "65536"}, "which is no port"),
        ({"DAGU_PORT": "-1"}, "which is no port"),
        ({"DAGU_AUTH_USERNAME": "ann"}, "DAGU_AUTH_USERNAME is set without DAGU_AUTH_PASSWORD_HASH"),
        ({"DAGU_TLS_KEY": "/dev/null"}, "DAGU_TLS_KEY is set without DAGU_TLS_CERT"),
        ({"DAGU_TLS_CERT": "/no/cert", "DAGU_TLS_KEY": "/dev/null"}, "the file /no/cert can't be read"),
        ({"DAGU_AUTH_TOKENS": "just-a-token"}, "is not NAME:HASH"),
        ({"DAGU_AUTH_TOKENS": f"a:{'0' * 64},b:{'0' * 64}"}, "are the same token"),
    ],
)
def test_what_does_not_fit_is_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(settings)
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_config({"DAGU_PORT": "x", "DAGU_AUTH_USERNAME": "ann", "DAGU_AUTH_TOKENS": "t"})
    assert all(name in str(caught.value) for name in ("DAGU_PORT", "DAGU_AUTH_USERNAME", "DAGU_AUTH_TOKENS"))


def test_urls() -> None:
    assert read_config({}).url == "http://127.0.0.1:8080/"
    assert read_config({"DAGU_HOST": "::1", "DAGU_BASE_PATH": "/a/b/"}).url == "http://[::1]:8080/a/b/"


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    shown = repr(read_config({**PASSWORD, **TOKEN}))
    assert PASSWORD["DAGU_AUTH_PASSWORD_HASH"] not in shown
    assert hash_token("t") not in shown
