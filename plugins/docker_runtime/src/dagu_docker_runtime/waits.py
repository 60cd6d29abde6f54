"""Waiting for containers, and ending them."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, replace
from typing import Any

from dagu.contracts.container import ExitStatus
from dagu.errors import ContainerNotFound
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure
from dagu_docker_runtime.question import Question
from dagu_docker_runtime.state import exit_status, timestamp

_KILLED = 137


@dataclass
class _Vanishing:
    """A container that will remove itself when it ended."""

    memory_limited: bool
    question: Question | None = None
    started: bool = False


class Waits:
    """Who waits for which container.

    A container that the engine removes by itself may be gone before anybody asks how it ended. So the question
    is put before the start; the engine takes it at once and answers when the container ended.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._vanishing: dict[str, _Vanishing] = {}
        self._ids: dict[str, str] = {}

    def expect(self, container: str, name: str, *, memory_limited: bool) -> None:
        """A container was created that will remove itself."""
        with self._lock:
            self._vanishing[container] = _Vanishing(memory_limited)
            if name:
                self._ids[name] = container

    def starting(self, container: str) -> None:
        """A start follows."""
        with self._lock:
            known = self._known(container)
            if known is not None:
                self._put(known, container)
                known.started = True

    def not_started(self, container: str) -> None:
        """The start failed."""
        with self._lock:
            known = self._known(container)
            if known is not None:
                known.started = False

    def wait(self, container: str) -> ExitStatus:
        """Block until the main process ended."""
        with self._lock:
            known = self._known(container)
            question = self._put(known, container) if known is not None else None
        if known is None or question is None:
            return self._wait_staying(container)
        answer = question.answer()
        if not known.started:
            raise ContainerNotFound(f"the container {container} was removed before it ran")
        if answer.code == _KILLED and known.memory_limited:
            return replace(answer, oom_killed=self._saw_oom(container))
        return answer

    def _wait_staying(self, container: str) -> ExitStatus:
        question, since_created = Question(self._client, container, "not-running"), False
        while True:
            answer = question.answer()
            state = self.state(container)
            if state is None and since_created:
                raise ContainerNotFound(f"the container {container} was removed while it was waited for")
            if state is None or state["Running"]:  # removed, or restarted, since it ended
                return answer
            if not _never_started(state):
                return exit_status(state)
            # Not started yet also counts as not running. A start and an end between two questions would go
            # unseen, so its state is looked at once more after the next question is put.
            question, since_created = Question(self._client, container, "next-exit"), True
            state = self.state(container)
            if state is not None and not _never_started(state):
                question.close()
                question, since_created = Question(self._client, container, "not-running"), False

    def stop(self, container: str, signal: str, grace: float) -> None:
        """Send a signal, wait, kill. Gone is success."""
        with contextlib.suppress(ContainerNotFound):
            told = inspect(self._client, container)
            if told["State"]["Running"]:
                self._end(container, signal or told["Config"].get("StopSignal") or "TERM", grace)
            if told["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"):
                self._end_restarts(container)

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
            question.answer()
        finally:
            question.close()

    def _end_restarts(self, container: str) -> None:
        """The engine may be about to start it again, which only its own stop ends."""
        try:
            with self._client.call(f"stop the container {container}") as api:
                api.stop(container, timeout=0)
        except Refused as error:
            raise container_failure(error, container) from error

    def kill(self, container: str, signal: str) -> None:
        """Send a signal. Gone or ended is success."""
        try:
            with self._client.call(f"send {signal} to the container {container}") as api:
                api.kill(container, signal)
        except Refused as error:
            gone = error.status == 404 and "no such container" in error.said.lower()
            if not gone and "is not running" not in error.said:
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

    def forget(self, container: str) -> None:
        """The container was removed: nobody will ask anew, and whoever still waits gets the answer."""
        with self._lock:
            container = self._ids.get(container, container)
            known = self._vanishing.pop(container, None)
            self._ids = {name: other for name, other in self._ids.items() if other != container}
        if known is not None and known.question is not None:
            known.question.told()

    def state(self, container: str) -> dict[str, Any] | None:
        """The engine's ``State`` of a container; None if it is gone."""
        try:
            state: dict[str, Any] = inspect(self._client, container)["State"]
        except ContainerNotFound:
            return None
        return state

    def _known(self, container: str) -> _Vanishing | None:
        return self._vanishing.get(self._ids.get(container, container))

    def _put(self, known: _Vanishing, container: str) -> Question:
        if known.question is None:
            known.question = Question(self._client, container, "next-exit")
        return known.question

    def _saw_oom(self, container: str) -> bool:
        """Whether the engine reported it, for a container that can't be inspected any more."""
        with self._lock:
            container = self._ids.get(container, container)
        doing = f"read the events of the container {container}"
        with self._client.call(doing) as api:
            # The engine's clock, which may differ from ours. It replays what it remembers, and stops there.
            now = f"{timestamp(api.info()['SystemTime']):.9f}"
        wanted = json.dumps({"container": [container], "event": ["oom"]})
        events = self._client.open_stream(
            doing, "GET", "/events", {"since": "0", "until": now, "filters": wanted}
        )
        try:
            return bool(events.read(1))
        finally:
            events.close()


def inspect(client: Client, container: str) -> dict[str, Any]:
    """The engine's own JSON about a container.

    Raises:
        ContainerNotFound: It is not there.
    """
    try:
        with client.call(f"inspect the container {container}") as api:
            told: dict[str, Any] = api.inspect_container(container)
            return told
    except Refused as error:
        raise container_failure(error, container) from error


def _never_started(state: dict[str, Any]) -> bool:
    # A failed start leaves "created" too, with the exit status of the failure.
    return state["Status"] == "created" and not state["ExitCode"]
