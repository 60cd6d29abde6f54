"""Registry credentials from the files of Podman's and Docker's own tools, credential helpers included.

Sources: containers-auth.json(5); the Docker CLI's ``config.json``; docker-credential-helpers' protocol.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagu.contracts.runtime import RegistryAuth
from dagu.errors import PullFailed
from dagu_podman_runtime import references

_DOCKER_HUB = "https://index.docker.io/v1/"
_HELPER_SECONDS = 60
_TOKEN = "<token>"


def find(environ: Mapping[str, str], name: str) -> RegistryAuth | None:
    """The credentials that ``podman pull`` would use, the first file that has some winning.

    Args:
        name: A full reference.

    Raises:
        PullFailed: A file can't be read, or a helper failed. No credential is in the message.
    """
    registry = references.registry(name)
    for path in files(environ):
        config = _read(path)
        if config is None:
            continue
        found = _from_config(config, registry, name, path, environ)
        if found is not None:
            return found
    return None


def files(environ: Mapping[str, str]) -> list[Path]:
    """Where credentials are kept, the first one first."""
    if explicit := environ.get("REGISTRY_AUTH_FILE", "").strip():
        return [Path(explicit)]
    found = []
    home = environ.get("HOME", "").strip()
    if runtime := environ.get("XDG_RUNTIME_DIR", "").strip():
        found.append(Path(runtime) / "containers" / "auth.json")
    if config := environ.get("XDG_CONFIG_HOME", "").strip():
        found.append(Path(config) / "containers" / "auth.json")
    elif home:
        found.append(Path(home) / ".config" / "containers" / "auth.json")
    if docker := environ.get("DOCKER_CONFIG", "").strip():
        found.append(Path(docker) / "config.json")
    elif home:
        found.append(Path(home) / ".docker" / "config.json")
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        # The parser's own message may quote the file.
        why = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise PullFailed(
            f"the credentials file {path} cannot be read: {why}", hint="repair or remove it"
        ) from None
    return found if isinstance(found, dict) else None


def _from_config(
    config: Mapping[str, Any], registry: str, name: str, path: Path, environ: Mapping[str, str]
) -> RegistryAuth | None:
    helpers = config.get("credHelpers") or {}
    helper = helpers.get(registry) or (
        helpers.get(_DOCKER_HUB) if registry == references.DEFAULT_REGISTRY else None
    )
    if helper:
        return _ask_helper(str(helper), _server(registry), registry, environ)
    entries = config.get("auths") or {}
    keys = {_plain(str(key)): value for key, value in entries.items()}
    for wanted in _scopes(registry, name):
        entry = keys.get(wanted)
        if isinstance(entry, dict) and (found := _from_entry(entry, registry, path)):
            return found
    if store := config.get("credsStore"):
        return _ask_helper(str(store), _server(registry), registry, environ)
    return None


def _scopes(registry: str, name: str) -> Iterator[str]:
    """The keys that apply to a name, the most exact first: repository, namespaces, registry."""
    path = name.partition("@")[0]
    head, _, last = path.rpartition("/")
    path = f"{head}/{last.partition(':')[0]}" if head else path
    while "/" in path:
        yield path
        path = path.rpartition("/")[0]
    yield registry
    if registry == references.DEFAULT_REGISTRY:
        yield "index.docker.io"


def _plain(key: str) -> str:
    """A key of ``auths`` without the scheme and API path that Docker writes."""
    text = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    for suffix in ("/v1", "/v2"):
        text = text.removesuffix(suffix)
    return text


def _from_entry(entry: Mapping[str, Any], registry: str, path: Path) -> RegistryAuth | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            username, _, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
        except ValueError:
            raise PullFailed(f"the entry of {registry} in {path} is damaged", hint="log in again") from None
    token = str(entry.get("identitytoken") or "")
    if not token and not (username and password):
        return None
    return RegistryAuth(
        registry=registry, username=username, password=password.rstrip("\0"), identity_token=token
    )


def _server(registry: str) -> str:
    return _DOCKER_HUB if registry == references.DEFAULT_REGISTRY else registry


def _ask_helper(helper: str, server: str, registry: str, environ: Mapping[str, str]) -> RegistryAuth | None:
    program = shutil.which(f"docker-credential-{helper}", path=environ.get("PATH"))
    if program is None:
        raise PullFailed(
            f"the credentials of {registry} are kept by docker-credential-{helper}, which is not on PATH",
            hint="install it, or give the credentials with registry_auths",
        )
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            env=dict(environ),
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise PullFailed(f"docker-credential-{helper} did not give the credentials of {registry}") from None
    if done.returncode:
        if b"credentials not found" in done.stdout + done.stderr:
            return None
        raise PullFailed(
            f"docker-credential-{helper} failed for {registry} with status {done.returncode}",
            hint=f"try `echo {server} | docker-credential-{helper} get`",
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise PullFailed(f"docker-credential-{helper} gave no credentials that can be read") from None
    if username == _TOKEN:
        return RegistryAuth(registry=registry, identity_token=secret)
    return RegistryAuth(registry=registry, username=username, password=secret)
