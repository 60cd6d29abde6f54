"""The settings of the web server, and who they let in."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from dagu.contracts.container import EMPTY
from dagu.errors import DaguError, UsageError
from dagu_web_server.credentials import PasswordHash, parse_tokens

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Config:
    """How the web server is reached.

    Attributes:
        base_path: Before every path, without a slash at its end; empty for none.
        allowed_hosts: Names under which it may be addressed beside those of this machine itself. Empty on an address
            other than loopback: any.
        tokens: Hash to name.
        trusted_proxies: Addresses whose ``X-Forwarded-*`` headers are believed; commas between.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    base_path: str = ""
    allowed_hosts: frozenset[str] = frozenset()
    username: str = ""
    password: PasswordHash | None = field(default=None, repr=False)
    tokens: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    tls_cert: str = ""
    tls_key: str = field(default="", repr=False)
    trusted_proxies: str = ""

    @property
    def protected(self) -> bool:
        """Whether callers must say who they are."""
        return self.password is not None or bool(self.tokens)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}{self.base_path}/"


def read_config(settings: Mapping[str, str]) -> Config:
    """The settings, checked.

    Raises:
        UsageError: With everything that is wrong.
    """
    problems: list[UsageError] = []
    port, password, tokens = 0, None, EMPTY
    with _collecting(problems):
        port = _port(settings.get("DAGU_PORT", "") or "8080")
    with _collecting(problems):
        if text := settings.get("DAGU_AUTH_PASSWORD_HASH", ""):
            password = PasswordHash(text)
    with _collecting(problems):
        tokens = parse_tokens(settings.get("DAGU_AUTH_TOKENS", ""))
    with _collecting(problems):
        _together(settings, "DAGU_AUTH_USERNAME", "DAGU_AUTH_PASSWORD_HASH")
    with _collecting(problems):
        _together(settings, "DAGU_TLS_CERT", "DAGU_TLS_KEY")
    for name in ("DAGU_TLS_CERT", "DAGU_TLS_KEY"):
        with _collecting(problems):
            _readable(name, settings.get(name, ""))
    base = settings.get("DAGU_BASE_PATH", "").strip("/")
    config = Config(
        host=settings.get("DAGU_HOST", "") or "127.0.0.1",
        port=port,
        base_path=f"/{base}" if base else "",
        allowed_hosts=frozenset(_names(settings.get("DAGU_ALLOWED_HOSTS", ""))),
        username=settings.get("DAGU_AUTH_USERNAME", ""),
        password=password,
        tokens=tokens,
        tls_cert=settings.get("DAGU_TLS_CERT", ""),
        tls_key=settings.get("DAGU_TLS_KEY", ""),
        trusted_proxies=settings.get("DAGU_TRUSTED_PROXIES", ""),
    )
    if not problems:
        with _collecting(problems):
            _not_exposed(config)
    if problems:
        raise problems[0] if len(problems) == 1 else UsageError("\n".join(map(str, problems)))
    return config


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address. A name is what it resolves to.

    Raises:
        DaguError: The name does not resolve.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DaguError(f"DAGU_HOST: the name {host!r} does not resolve: {error.strerror}") from error
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in found)


def _not_exposed(config: Config) -> None:
    hint = (
        "set DAGU_AUTH_USERNAME and DAGU_AUTH_PASSWORD_HASH (`dagu server hash-password` makes one),"
        " or DAGU_AUTH_TOKENS (`dagu server new-token NAME`)"
    )
    others = sorted(config.allowed_hosts - LOOPBACK_NAMES)
    if config.protected:
        return
    if not config.loopback:
        what = f"DAGU_HOST is {config.host}, which other machines can reach"
    elif others:
        what = f"DAGU_ALLOWED_HOSTS names {', '.join(others)}, so that others reach it through a proxy"
    else:
        return
    raise UsageError(f"{what}, and neither a password nor a token is set", hint=hint)


@contextmanager
def _collecting(problems: list[UsageError]) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        problems.append(error)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise UsageError(
            f"DAGU_PORT is {text!r}, which is no port", hint="0 to 65535; 0 takes any that is free"
        )
    return int(text)


def _together(settings: Mapping[str, str], one: str, other: str) -> None:
    if bool(settings.get(one, "")) != bool(settings.get(other, "")):
        given, absent = (one, other) if settings.get(one, "") else (other, one)
        raise UsageError(f"{given} is set without {absent}", hint="set both, or none")


def _readable(name: str, path: str) -> None:
    if path and not os.access(path, os.R_OK):
        raise UsageError(f"{name}: the file {path} can't be read")


def _names(text: str) -> list[str]:
    return [name.strip().lower().strip("[]") for name in text.split(",") if name.strip()]
