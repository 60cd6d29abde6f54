"""``POST /containers/ID/wait``: put now, answered when the container ended."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

from dagu.contracts.container import ExitStatus
from dagu.errors import EngineLost
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure
from dagu_docker_runtime.raw_stream import RawStream


class Question:
    """How will this container end? The engine has taken the question once this object is there.

    Args:
        condition: ``not-running``, ``next-exit`` or ``removed``.

    Raises:
        ContainerNotFound: It is not there.
    """

    def __init__(self, client: Client, container: str, condition: str) -> None:
        self._client = client
        self._doing = f"wait for the container {container}"
        self._lock = threading.Lock()
        self._told: dict[str, Any] | None = None
        self._failure: EngineLost | None = None
        try:
            self._raw: RawStream = client.open_stream(
                self._doing, "POST", f"/containers/{container}/wait", {"condition": condition}
            )
        except Refused as error:
            raise container_failure(error, container) from error

    def told(self) -> dict[str, Any]:
        """Block until the engine answers, and return its JSON. Any number of threads may ask.

        Raises:
            EngineLost: The engine went away.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._told is None:
                try:
                    self._told = self._read()
                except (OSError, http.client.HTTPException) as error:
                    self._failure = self._lost(str(error))
                    raise self._failure from error
                except EngineLost as error:
                    self._failure = error
                    raise
                finally:
                    self._raw.close()
            return self._told

    def answer(self) -> ExitStatus:
        """Block until the container ended, and return how. ``oom_killed`` is not part of the answer."""
        told = self.told()
        return ExitStatus(
            code=int(told["StatusCode"]) & 0xFF, error=str((told.get("Error") or {}).get("Message") or "")
        )

    def answered_within(self, seconds: float) -> bool:
        """Whether the answer comes in time. If not, the question is closed."""
        with self._lock:
            self._raw.set_timeout(max(seconds, 0.001))
            try:
                self._told = self._read()
            except TimeoutError:
                return False
            except (OSError, http.client.HTTPException) as error:
                raise self._lost(str(error)) from error
            finally:
                self._raw.close()
        return True

    def close(self) -> None:
        """Nobody wants to know any more. A thread that waits for the answer gets an error."""
        self._raw.cut()
        with self._lock:
            self._raw.close()

    def _read(self) -> dict[str, Any]:
        text = b""
        while block := self._raw.read(4096):
            text += block
        if not text.strip():
            raise self._lost("the answer is empty")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _lost(self, why: str) -> EngineLost:
        return EngineLost(
            f"the Docker engine at {self._client.endpoint.url} went away, trying to {self._doing}: {why}",
            hint="see whether it was stopped or crashed; the container may still be running",
        )
