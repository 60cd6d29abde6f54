"""Having an image before a container of it is made, by one of four pull policies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext

from dagu.contracts.container import ImageInfo
from dagu.contracts.runtime import ContainerRuntime, PullProgress, RegistryAuth
from dagu.errors import DaguError, ImageNotFound, RuntimeFailure
from dagu.sandbox.stopping import Stop

POLICIES = ("missing", "always", "never", "fallback")
_Key = tuple[str, str, str]
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
        self._ready: dict[_Key, _Getting] = {}

    def ensure(
        self,
        reference: str,
        *,
        policy: str = "missing",
        platform: str = "",
        stopped: Stop | None = None,
    ) -> ImageInfo:
        """The image, pulled if the policy wants it.

        Args:
            stopped: Set when it is no longer wanted. A pull that nobody waits for is left alone, for an engine may
                say nothing for as long as it likes; it ends at its next report.

        Raises:
            ImageNotFound: It is not there, and by the policy or the registry's answer will not be.
            PullFailed: The registry refused or was not reached.
        """
        if stopped is not None and stopped.is_set():
            raise _unwanted(reference)
        key = (reference, policy, platform)
        with self._lock:
            getting = self._ready.get(key)
            mine = getting is None
            if getting is None:
                getting = self._ready[key] = _Getting(reference)
            getting.waiting += 1
        if mine:
            name = f"image {reference}"
            threading.Thread(target=self._get, args=(key, getting), name=name, daemon=True).start()
        known = threading.Event()
        getting.image.add_done_callback(lambda _: known.set())
        with stopped.calling(known.set) if stopped is not None else nullcontext():
            known.wait()
        with self._lock:
            getting.waiting -= 1
            abandoned = not getting.waiting and not getting.image.done()
            if abandoned:
                del self._ready[key]  # a retry tries again
        if abandoned and getting.pulling:
            self._on_pull(getting.latest, True, _unwanted(reference).message)
        if stopped is not None and stopped.is_set():
            raise _unwanted(reference)
        return getting.image.result()

    def _get(self, key: _Key, getting: _Getting) -> None:
        try:
            getting.image.set_result(self._have(*key, getting))
        except BaseException as error:  # noqa: BLE001 (it reaches every waiting step)
            with self._lock:  # a retry tries again
                if self._ready.get(key) is getting:
                    del self._ready[key]
            getting.image.set_exception(error)

    def _have(self, reference: str, policy: str, platform: str, getting: _Getting) -> ImageInfo:
        find = self._runtime.find_image
        if policy in {"missing", "never"} and (found := find(reference, platform=platform)):
            return found
        if policy == "never":
            raise ImageNotFound(
                f"image {_named(reference, platform)} is not on the engine, and pull_policy is never",
                hint=f"pull it beforehand, or set pull_policy: missing (image {reference})",
            )
        try:
            self._pull(reference, platform, getting)
        except _Unwanted:
            raise
        except RuntimeFailure:
            wanted = policy == "fallback" and getting.waiting
            found = find(reference, platform=platform) if wanted else None
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

    def _pull(self, reference: str, platform: str, getting: _Getting) -> None:
        def report(progress: PullProgress) -> None:
            with self._lock:
                if not getting.waiting:
                    raise _unwanted(reference)
                getting.latest, getting.pulling = progress, True
            self._on_pull(progress, False, "")

        report(getting.latest)
        try:
            self._runtime.pull(
                reference, platform=platform, auth=self._auth_for(reference), on_progress=report
            )
        except DaguError as error:
            self._told(getting, error.message)
            raise
        self._told(getting, "")

    def _told(self, getting: _Getting, error: str) -> None:
        with self._lock:
            getting.pulling = False
            wanted = getting.waiting
        if wanted:
            self._on_pull(getting.latest, True, error)


def _named(reference: str, platform: str) -> str:
    return f"{reference} ({platform})" if platform else reference


class _Getting:
    """An image that is being made ready.

    Attributes:
        image: What comes of it.
        latest: The last report of its pull.
        pulling: The engine pulls it.
        waiting: For how many.
    """

    def __init__(self, reference: str) -> None:
        self.image: Future[ImageInfo] = Future()
        self.latest = PullProgress(image=reference, status="pulling")
        self.pulling = False
        self.waiting = 0


class _Unwanted(RuntimeFailure):
    """Nobody waits for the image any more."""


def _unwanted(reference: str) -> _Unwanted:
    return _Unwanted(f"image {reference} is no longer wanted: the run was stopped, or the time is over")
