"""Which engine: the choice that the Docker client's environment, config file and contexts make. No socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dagu.errors import EngineUnreachable

ENVIRONMENT = (
    "DOCKER_HOST",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
)
DEFAULT_HOST = "unix:///var/run/docker.sock"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """What TLS is made with. An empty ``ca`` means the system's authorities; no ``cert``, no client certificate.

    Attributes:
        verify: The engine has to prove who it is.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where an engine is and why there.

    Attributes:
        scheme: ``unix``, ``tcp`` or ``ssh``.
        address: Path of the socket, or host name.
        path: Prefix of every request's path, for an engine behind a proxy.
        source: What chose it, for messages.
        api_version: The pinned API version, empty to negotiate.
        config_file: The Docker client's config file, there or not.
    """

    scheme: str
    address: str
    port: int = 0
    user: str = ""
    path: str = ""
    tls: TlsFiles | None = None
    source: str = "the default"
    api_version: str = ""
    config_file: Path

    @property
    def url(self) -> str:
        """The endpoint as a user writes it, without a password."""
        if self.scheme == "unix":
            return f"unix://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{host}{port}{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether the connection ends on this machine, as far as its address tells."""
        return self.scheme == "unix" or self.address in LOOPBACK


def choose(environ: Mapping[str, str]) -> Endpoint:
    """Choose as the Docker client does: ``DOCKER_HOST``, ``DOCKER_CONTEXT``, the current context, the default.

    Raises:
        EngineUnreachable: The choice names no endpoint, or a context that does not exist.
    """
    folder = _config_folder(environ)
    config_file = folder / "config.json"
    version = environ.get("DOCKER_API_VERSION", "").strip().removeprefix("v")
    host = environ.get("DOCKER_HOST", "").strip()
    if not host:
        name, source = environ.get("DOCKER_CONTEXT", "").strip(), "DOCKER_CONTEXT"
        if not name:
            name, source = _current_context(config_file), f"the current context of {config_file}"
        if name and name != "default":
            return _from_context(folder, name, source, version, config_file)
        return _parse(DEFAULT_HOST, None, "the default", version, config_file)
    return _parse(host, _environment_tls(environ, folder), "DOCKER_HOST", version, config_file)


def _config_folder(environ: Mapping[str, str]) -> Path:
    configured = environ.get("DOCKER_CONFIG", "").strip()
    return Path(configured) if configured else Path(environ.get("HOME") or "/") / ".docker"


def _current_context(config_file: Path) -> str:
    try:
        config = json.loads(config_file.read_text())
        name = config.get("currentContext", "") if isinstance(config, dict) else ""
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise EngineUnreachable(
            f"cannot read the Docker client's config file {config_file}: {error}",
            hint="repair it, or name the engine with DOCKER_HOST",
        ) from error
    return str(name)


def _from_context(folder: Path, name: str, source: str, version: str, config_file: Path) -> Endpoint:
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest / "meta.json"
    try:
        entry: Any = json.loads(meta.read_text())["Endpoints"]["docker"]
        host, skip = str(entry["Host"]), bool(entry.get("SkipTLSVerify", False))
    except FileNotFoundError as error:
        raise EngineUnreachable(
            f"the Docker context {name!r}, chosen by {source}, does not exist below {folder}",
            hint="list the contexts with `docker context ls`, or name the engine with DOCKER_HOST",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnreachable(
            f"the Docker context {name!r}, chosen by {source}, cannot be read from {meta}: {error!r}",
            hint=f"look at it with `docker context inspect {name}`, or name the engine with DOCKER_HOST",
        ) from error
    certificates = folder / "contexts" / "tls" / digest / "docker"
    tls = _tls_files(certificates, verify=not skip) if certificates.is_dir() else None
    if tls is None and skip:
        tls = TlsFiles(verify=False)
    return _parse(host, tls, f"{source} ({name})", version, config_file)


def _environment_tls(environ: Mapping[str, str], folder: Path) -> TlsFiles | None:
    verify = bool(environ.get("DOCKER_TLS_VERIFY", "").strip())
    configured = environ.get("DOCKER_CERT_PATH", "").strip()
    if not configured and not verify:
        return None
    if not configured:
        return _tls_files(folder, verify=verify)
    tls = _tls_files(Path(configured), verify=verify)
    missing = [name for name in ("ca.pem", "cert.pem", "key.pem") if not (Path(configured) / name).exists()]
    if missing:
        raise EngineUnreachable(
            f"DOCKER_CERT_PATH={configured} lacks {', '.join(missing)}",
            hint="point it at the folder with the client's certificate, or unset it for an engine without TLS",
        )
    return tls


def _tls_files(folder: Path, *, verify: bool) -> TlsFiles:
    def present(name: str) -> str:
        return str(folder / name) if (folder / name).exists() else ""

    return TlsFiles(ca=present("ca.pem"), cert=present("cert.pem"), key=present("key.pem"), verify=verify)


def _parse(host: str, tls: TlsFiles | None, source: str, version: str, config_file: Path) -> Endpoint:
    text = host if "://" in host else f"tcp://{host}"
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError as error:
        raise _bad_host(source, f"cannot be read ({error})") from error
    common: dict[str, Any] = {"source": source, "api_version": version, "config_file": config_file}
    match parts.scheme:
        case "unix":
            path = text.removeprefix("unix://")
            return Endpoint(scheme="unix", address=path if path.startswith("/") else f"/{path}", **common)
        case "ssh" if parts.hostname:
            return Endpoint(
                scheme="ssh", address=parts.hostname, port=port, user=parts.username or "", path="", **common
            )
        case "tcp" | "http" | "https" if parts.hostname:
            return _tcp(parts, port, tls, common)
    raise _bad_host(source, f"has the scheme {parts.scheme!r} or lacks a host name")


def _tcp(parts: SplitResult, port: int, tls: TlsFiles | None, common: Mapping[str, Any]) -> Endpoint:
    if parts.scheme == "https" and tls is None:
        tls = TlsFiles()
    if parts.scheme == "http":
        tls = None
    return Endpoint(
        scheme="tcp",
        address=parts.hostname or "",
        port=port or (2376 if tls else 2375),
        path=parts.path.rstrip("/"),
        tls=tls,
        **common,
    )


def _bad_host(source: str, why: str) -> EngineUnreachable:
    # The value itself is not repeated: it may hold a password.
    return EngineUnreachable(
        f"the Docker endpoint given by {source} {why}",
        hint="write unix:///path/to/docker.sock, tcp://host:port or ssh://user@host",
    )
