"""Having an image before a container of it is made, by one of four pull policies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from dagu.contracts.container import ImageInfo
from dagu.contracts.runtime import ContainerRuntime, PullProgress, RegistryAuth
from dagu.errors import DaguError, ImageNotFound, RuntimeFailure

POLICIES = ("missing", "always", "never", "fallback")
AuthFor = Callable[[str], RegistryAuth | None]
OnPull = Callable[[PullProgress, bool, str], None]
"""Told the progress of a pull, whether that was the last report, and the error if it failed."""


class Images:
    """The images of one run. Each is made ready once, however many steps wait for it.

    Args:
        auth_for: Credentials for an image reference, None for the engine's own.
        on_pull: Told how pulls go.
        notice: Told what a user should know.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        *,
        auth_for: AuthFor,
        on_pull: OnPull,
        notice: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._runtime = runtime
        self._auth_for = auth_for
        self._on_pull = on_pull
        self._notice = notice
        self._lock = threading.Lock()
        self._ready: dict[tuple[str, str, str], Future[ImageInfo]] = {}

    def ensure(
        self,
        reference: str,
        *,
        policy: str = "missing",
        platform: str = "",
        stopped: threading.Event | None = None,
    ) -> ImageInfo:
        """The image, pulled if the policy wants it.

        Args:
            stopped: Set when it is no longer wanted; the pull then ends at its next report.

        Raises:
            ImageNotFound: It is not there, and by the policy or the registry's answer will not be.
            PullFailed: The registry refused or was not reached.
        """
        key = (reference, policy, platform)
        with self._lock:
            future = self._ready.get(key)
            mine = future is None
            if future is None:
                future = self._ready[key] = Future()
        if mine:
            try:
                future.set_result(self._have(reference, policy, platform, stopped))
            except BaseException as error:  # noqa: BLE001 (it reaches every waiting step)
                with self._lock:  # a retry tries again
                    del self._ready[key]
                future.set_exception(error)
        return future.result()

    def _have(self, reference: str, policy: str, platform: str, stopped: threading.Event | None) -> ImageInfo:
        find = self._runtime.find_image
        if policy in {"missing", "never"} and (found := find(reference, platform=platform)):
            return found
        if policy == "never":
            raise ImageNotFound(
                f"image {_named(reference, platform)} is not on the engine, and pull_policy is never",
                hint=f"pull it beforehand, or set pull_policy: missing (image {reference})",
            )
        try:
            self._pull(reference, platform, stopped)
        except _Unwanted:
            raise
        except RuntimeFailure:
            found = find(reference, platform=platform) if policy == "fallback" else None
            if found is None:
                raise
            self._notice(
                f"image {_named(reference, platform)} could not be pulled, so the local image is used"
            )
            return found
        found = find(reference, platform=platform)
        if found is None:
            raise ImageNotFound(f"image {_named(reference, platform)} was pulled, but the engine has none")
        return found

    def _pull(self, reference: str, platform: str, stopped: threading.Event | None) -> None:
        latest = PullProgress(image=reference, status="pulling")

        def report(progress: PullProgress) -> None:
            nonlocal latest
            latest = progress
            if stopped is not None and stopped.is_set():
                raise _Unwanted(f"the pull of {reference} was stopped with the run")
            self._on_pull(progress, False, "")

        report(latest)
        try:
            self._runtime.pull(
                reference, platform=platform, auth=self._auth_for(reference), on_progress=report
            )
        except DaguError as error:
            self._on_pull(latest, True, error.message)
            raise
        self._on_pull(latest, True, "")


def _named(reference: str, platform: str) -> str:
    return f"{reference} ({platform})" if platform else reference


class _Unwanted(RuntimeFailure):
    """Nobody waits for the image any more."""
