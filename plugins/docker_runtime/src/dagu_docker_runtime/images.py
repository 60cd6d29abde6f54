"""Images: what is there, and fetching what is not."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from docker.auth import load_config, resolve_repository_name
from docker.errors import DockerException
from docker.utils import parse_repository_tag

from dagu.contracts.container import ImageInfo
from dagu.contracts.runtime import PullProgress, RegistryAuth
from dagu.errors import EngineLost, ImageNotFound, PullFailed, RuntimeFailure
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused
from dagu_docker_runtime.state import image_info, same_platform

_MISSING = re.compile(
    r"manifest unknown|not found|no such image|repository does not exist|no matching manifest|"
    r"name unknown|does not match the specified platform",
    re.IGNORECASE,
)
_DENIED = re.compile(r"unauthorized|no basic auth credentials|denied|authentication required", re.IGNORECASE)


# The SDK warns on standard error of what it then raises.
warnings.filterwarnings("ignore", message="docker-credential-.* not installed or not available in PATH")


class Images:
    """Images of one engine."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, reference: str, platform: str) -> ImageInfo | None:
        try:
            with self._client.call(f"inspect the image {reference}") as api:
                found = image_info(api.inspect_image(reference))  # type: ignore[no-untyped-call]
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return found if not platform or same_platform(platform, found.platform) else None

    def pull(
        self,
        reference: str,
        platform: str,
        auth: RegistryAuth | None,
        on_progress: Callable[[PullProgress], object] | None,
    ) -> None:
        doing = f"pull {reference}"
        progress = Progress(reference)
        credentials = self._credentials(reference, auth)
        secrets = [
            str(value) for key, value in credentials.items() if key.lower() in ("password", "identitytoken")
        ]
        repository, tag = parse_repository_tag(reference)
        try:
            with self._client.call(doing) as api:
                events = api.pull(
                    repository,
                    tag or "latest",
                    stream=True,
                    decode=True,
                    auth_config=credentials,
                    platform=platform or None,
                )
        except Refused as error:
            raise _failure(reference, error.said, secrets) from error
        for event in self._client.each(doing, events):
            if event.get("error"):
                raise _failure(reference, str(event["error"]), secrets)
            progress.take(event)
            if on_progress is not None:
                on_progress(progress.report())
        self._expect(reference, platform)

    def _expect(self, reference: str, platform: str) -> None:
        """The stream of a killed engine ends as a finished one does, and a single image has but one platform."""
        found = self.find(reference, "")
        if found is None:
            raise EngineLost(
                f"the pull of {reference} ended without an image",
                hint="see whether Docker was stopped or crashed, and pull again",
            )
        if platform and not same_platform(platform, found.platform):
            raise ImageNotFound(
                f"the registry has {reference} for {found.platform}, not for {platform}",
                hint="ask for a platform that it has",
            )

    def _credentials(self, reference: str, auth: RegistryAuth | None) -> dict[str, Any]:
        if auth is not None:
            if auth.identity_token:
                return {"identitytoken": auth.identity_token, "serveraddress": auth.registry}
            return {"username": auth.username, "password": auth.password, "serveraddress": auth.registry}
        # The SDK would look in this process' home; the runtime was made for an environment of its own.
        path = self._client.endpoint.config_file
        if not path.is_file():
            return {}
        try:
            registry, _ = resolve_repository_name(parse_repository_tag(reference)[0])
            return load_config(os.fspath(path)).resolve_authconfig(registry) or {}
        except DockerException as error:
            raise PullFailed(
                f"cannot pull {reference}: the credentials of its registry, from {path}, can't be had: {error}",
                hint="log in again with `docker login`, or install the credential helper that the file names",
            ) from error


class Progress:
    """Adds up what the engine reports layer by layer."""

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._status = ""
        self._layers: dict[str, bool] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Count one report of the engine."""
        status, layer = str(event.get("status") or ""), str(event.get("id") or "")
        self._status = status or self._status
        if not layer or status.startswith("Pulling from"):
            return
        self._layers[layer] = self._layers.get(layer, False) or status in ("Pull complete", "Already exists")
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._sizes[layer] = int(detail.get("current") or 0), int(detail["total"])
        elif layer in self._sizes and status != "Downloading":
            total = self._sizes[layer][1]
            self._sizes[layer] = total, total

    def report(self) -> PullProgress:
        """The sums so far."""
        return PullProgress(
            image=self._reference,
            status=self._status,
            layers_done=sum(self._layers.values()),
            layers_total=len(self._layers),
            bytes_done=sum(done for done, _ in self._sizes.values()),
            bytes_total=sum(total for _, total in self._sizes.values()),
        )


def _failure(reference: str, said: str, secrets: list[str]) -> RuntimeFailure:
    for secret in filter(None, secrets):
        said = said.replace(secret, "***")
    if _DENIED.search(said) and not re.search("repository does not exist", said, re.IGNORECASE):
        return PullFailed(
            f"the registry refused to give {reference}: {said}",
            hint="check the credentials for its host: registry_auths in the workflow, or `docker login`",
        )
    if "invalid reference format" in said:
        return PullFailed(f"cannot pull {reference}: {said}", hint="correct the image's name")
    if _MISSING.search(said):
        return ImageNotFound(
            f"the registry has no {reference}: {said}",
            hint="check the name, the tag and the platform; a private image needs credentials",
        )
    return PullFailed(
        f"cannot pull {reference}: {said}",
        hint="check that the engine's machine reaches the registry, or use pull_policy: never with a local image",
    )
