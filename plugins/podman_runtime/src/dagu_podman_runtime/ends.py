"""How containers are stopped, killed and removed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from dagu.errors import ContainerNotFound, RequestRefused, RuntimeFailure
from dagu_podman_runtime import state
from dagu_podman_runtime.connection import PATIENT, Connection, path_name
from dagu_podman_runtime.request import signal_number
from dagu_podman_runtime.waits import Waits

_PAUSE = 0.01  # seconds between two looks at a container whose restart is under way
_RESTARTS = 60.0  # seconds to find the process of a container that ends and is started again and again
_DEFAULT_SIGNAL = "TERM"
_NO_PROCESS = "state improper"
_NOT_STOPPED = "could not be stopped"


class Ends:
    """Ends the containers of one service.

    Args:
        look: Podman's description of a container.
    """

    def __init__(
        self, connection: Connection, look: Callable[[str], Mapping[str, Any]], waits: Waits
    ) -> None:
        self._connection = connection
        self._look = look
        self._waits = waits

    def stop(self, container: str, *, signal: str, grace: float) -> None:
        """Send the signal, wait, then kill. Gone is success."""
        limit = time.monotonic() + grace + _RESTARTS
        try:
            while self._stop(self._look(container), signal, grace):
                if time.monotonic() > limit:
                    raise RuntimeFailure(
                        f"the container {container!r} ends so soon after each restart that it can't be signalled",
                        hint="remove it",
                    )
                time.sleep(_PAUSE)
        except ContainerNotFound:
            return

    def kill(self, container: str, *, signal: str) -> None:
        """Send a signal to the main process. Gone or ended is success."""
        number = signal_number(signal)
        try:
            if number == signal_number("KILL") and state.starts_again(self._look(container)):
                self.stop(container, signal="", grace=0.0)
            else:
                self._signal(container, number)
        except ContainerNotFound:
            return

    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes.

        Raises:
            ContainerNotFound: It is gone.
        """
        limit = time.monotonic() + _RESTARTS
        while not self._delete(container, last=time.monotonic() > limit):
            time.sleep(_PAUSE)

    def _delete(self, container: str, *, last: bool) -> bool:
        """One attempt; tells whether it succeeded."""
        params = {"force": True, "timeout": 0, "volumes": True, "ignore": True}
        path = f"/containers/{path_name(container)}"
        try:
            self._connection.call("DELETE", path, subject=container, params=params, timeout=PATIENT)
        except RequestRefused as error:
            # It ended by itself while Podman set out to kill it, which Podman takes for a failure to kill it.
            if last or not (_NO_PROCESS in error.message and _NOT_STOPPED in error.message):
                raise
            return False
        return True

    def _stop(self, found: Mapping[str, Any], signal: str, grace: float) -> bool:
        """One attempt; tells whether it has to be made again."""
        name, told, again = str(found["Id"]), found["State"], state.starts_again(found)
        if told.get("Paused"):
            self._post(name, "unpause")
        elif not told.get("Running"):
            # Between its end and its restart there is nothing to signal yet.
            return again and told.get("Status") == "stopped"
        if again and not signal:
            return self._stop_for_good(name, grace)
        own = (found.get("Config") or {}).get("StopSignal")
        number = signal_number(signal or str(own or _DEFAULT_SIGNAL))
        signalled = grace > 0 and self._signal(name, number)
        if signalled and self._waits.code(found, seconds=grace) is not None:
            return True
        if again:
            return self._stop_for_good(name, 0.0)
        if self._signal(name, signal_number("KILL")):
            self._waits.code(found)
        # Looked at once more: a restart may have been under way.
        return True

    def _stop_for_good(self, container: str, grace: float) -> bool:
        # After a signal alone, Podman starts a container again that it has once restarted.
        self._post(container, "stop", timeout=math.ceil(grace))
        return True

    def _signal(self, container: str, number: int) -> bool:
        """Send a signal; tells whether there was a process to take it."""
        try:
            self._post(container, "kill", signal=number)
        except RequestRefused as error:
            # "container state improper" is how Podman says that there is no process.
            if _NO_PROCESS not in error.message and self._look(container)["State"].get("Running"):
                raise
            return False
        return True

    def _post(self, container: str, verb: str, **params: object) -> None:
        path = f"/containers/{path_name(container)}/{verb}"
        self._connection.call("POST", path, subject=container, params=params, timeout=PATIENT)
