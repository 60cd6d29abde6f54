"""Ending containers."""

from __future__ import annotations

import contextlib

from dagu.errors import ContainerNotFound
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure, is_gone
from dagu_docker_runtime.inspection import inspect
from dagu_docker_runtime.question import Question


class Stops:
    """Ends containers of one engine. Gone is success, whoever did it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def stop(self, container: str, signal: str, grace: float) -> None:
        """Send a signal, wait, kill.

        The engine's own stop knows only the container's signal before API 1.42, and whole seconds.
        """
        with contextlib.suppress(ContainerNotFound):
            told = inspect(self._client, container)
            if told["State"]["Running"]:
                self._end(container, signal or told["Config"].get("StopSignal") or "TERM", grace)
            if told["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"):
                self._end_restarts(container)

    def kill(self, container: str, signal: str) -> None:
        """Send a signal."""
        try:
            with self._client.call(f"send {signal} to the container {container}") as api:
                api.kill(container, signal)
        except Refused as error:
            if not is_gone(error, container) and "is not running" not in error.said:
                raise

    def until_removed(self, container: str) -> None:
        """Block until a removal that is under way is done.

        Raises:
            Refused: The removal failed.
        """
        with contextlib.suppress(ContainerNotFound):
            told = Question(self._client, container, "removed").told()
            if told.get("Error"):
                raise Refused(409, str(told["Error"].get("Message")), f"remove the container {container}")

    def _end(self, container: str, signal: str, grace: float) -> None:
        question = Question(self._client, container, "not-running")
        try:
            self.kill(container, signal)
            if question.answered_within(grace):
                return
        finally:
            question.close()
        question = Question(self._client, container, "not-running")
        try:
            self.kill(container, "KILL")
            question.told()
        finally:
            question.close()

    def _end_restarts(self, container: str) -> None:
        """The engine may be about to start it again, which only its own stop ends."""
        try:
            with self._client.call(f"stop the container {container}") as api:
                api.stop(container, timeout=0)
        except Refused as error:
            raise container_failure(error, container) from error
