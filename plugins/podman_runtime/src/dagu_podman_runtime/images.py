"""Images: what is there, and fetching what is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagu.contracts.container import ImageInfo
from dagu.contracts.runtime import PullProgress, RegistryAuth
from dagu.errors import ImageNotFound, PullFailed, RuntimeFailure
from dagu_podman_runtime import credentials, references
from dagu_podman_runtime.connection import PATIENT, Connection, path_name
from dagu_podman_runtime.errors import brief

_MISSING = (
    "manifest unknown",
    "name unknown",
    "not found",
    "no image found in",
    "does not exist",
    "repository name",
)
_REFUSED = ("unauthorized", "authentication required", "denied", "forbidden", "invalid username/password")
Progress = Callable[[PullProgress], object]


class Images:
    """The images of one service.

    Args:
        environ: Where credential files are looked for.
    """

    def __init__(self, connection: Connection, environ: Mapping[str, str]) -> None:
        self._connection = connection
        self._environ = environ

    def lookup(self, reference: str) -> Mapping[str, Any] | None:
        """Podman's description of the local image, with the name it was found by as ``FoundName``."""
        for name in references.local_names(reference):
            try:
                answer = self._connection.call("GET", f"/images/{path_name(name)}/json", subject=reference)
            except ImageNotFound:
                continue
            return {**answer.json(), "FoundName": name}
        return None

    def find(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        """The local image, or None."""
        found = self.lookup(reference)
        if found is None:
            return None
        info = image_info(found)
        return info if not platform or references.platform_matches(info.platform, platform) else None

    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Fetch an image.

        Raises:
            ImageNotFound: The registry has none, or none for the platform.
            PullFailed: The registry refused, or was not reached.
        """
        name = references.full(reference)
        host = references.registry(reference)
        if auth is None:
            auth = credentials.find(self._environ, name)
        params: dict[str, Any] = {"reference": name, "policy": "always"}
        if references.is_loopback(host):
            params["tlsVerify"] = False
        if platform:
            system, architecture, variant = references.platform_parts(platform)
            params |= {"OS": system, "Arch": architecture}
            if variant:
                params["Variant"] = variant
        headers = {"X-Registry-Auth": _header(auth, host)} if auth else {}
        answer = self._connection.call(
            "POST",
            "/images/pull",
            subject=reference,
            params=params,
            headers=headers,
            timeout=PATIENT,
            stream=True,
        )
        try:
            failure = _follow(lambda: self._connection.read(answer), reference, on_progress)
        finally:
            answer.close()
        if failure is not None:
            raise _pull_failure(reference, failure, auth)
        if self.find(reference, platform=platform) is None:
            what = f"{reference} for {platform}" if platform else reference
            raise ImageNotFound(f"the registry {host} gave no image {what}")


def image_info(found: Mapping[str, Any]) -> ImageInfo:
    """The contract's view of an inspected image."""
    config = found.get("Config") or {}
    platform = "/".join(
        part for part in (found.get("Os"), found.get("Architecture"), found.get("Variant")) if part
    )
    return ImageInfo(
        id=str(found["Id"]),
        digests=tuple(found.get("RepoDigests") or ()),
        platform=platform,
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        user=str(config.get("User") or found.get("User") or ""),
        working_dir=str(config.get("WorkingDir") or ""),
        env=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
        has_healthcheck=bool((found.get("Healthcheck") or {}).get("Test")),
        size=int(found.get("Size") or 0),
    )


def _lines(read: Callable[[], bytes]) -> Iterator[bytes]:
    rest = b""
    while block := read():
        *lines, rest = (rest + block).split(b"\n")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest


def _follow(read: Callable[[], bytes], reference: str, on_progress: Progress | None) -> str | None:
    """Read the report of a pull to its end; gives what failed."""
    failure: str | None = None
    done = False
    layers: set[str] = set()
    for line in _lines(read):
        report = json.loads(line)
        if report.get("error"):
            failure = str(report["error"])
        done = done or bool(report.get("id"))
        for text in str(report.get("stream", "")).splitlines():
            words = text.split()
            if words[:2] == ["Copying", "blob"] and len(words) > 2:
                layers.add(words[2])
            if on_progress is not None and words:
                on_progress(PullProgress(image=reference, status=text.strip(), layers_total=len(layers)))
    if failure is None and not done:
        failure = "Podman's report of the pull ended early"
    if failure is None and on_progress is not None:
        total = len(layers)
        on_progress(PullProgress(image=reference, status="done", layers_done=total, layers_total=total))
    return failure


def _header(auth: RegistryAuth, host: str) -> str:
    if auth.identity_token:
        entry = {"username": auth.username or "<token>", "identitytoken": auth.identity_token}
    else:
        entry = {"username": auth.username, "password": auth.password}
    return base64.urlsafe_b64encode(json.dumps({**entry, "serveraddress": host}).encode()).decode()


def _pull_failure(reference: str, text: str, auth: RegistryAuth | None) -> RuntimeFailure:
    said = " ".join(text.split())
    for secret in (auth.password, auth.identity_token) if auth else ():
        if secret:
            said = said.replace(secret, "***")
    lowered = said.lower()
    registry = references.registry(reference)
    if any(word in lowered for word in _REFUSED):
        hint = "check the credentials for this registry" if auth else "give credentials for this registry"
        return PullFailed(f"the registry {registry} refused to give {reference}: {brief(said)}", hint=hint)
    if any(word in lowered for word in _MISSING) and "no such host" not in lowered:
        return ImageNotFound(
            f"the registry {registry} has no image {reference}: {brief(said)}", hint="check its name and tag"
        )
    return PullFailed(
        f"pulling {reference} failed: {brief(said)}",
        hint=f"check that the engine's machine reaches {registry}",
    )
