"""Waiting for containers to end."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

from dagu.contracts.container import ExitStatus
from dagu.errors import ContainerNotFound
from dagu_docker_runtime import inspection
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.question import Question
from dagu_docker_runtime.state import exit_status, timestamp

_KILLED = 137


class _Vanishing:
    """A container that will remove itself when it ended."""

    def __init__(self, client: Client, container: str, *, memory_limited: bool) -> None:
        self._client, self.id = client, container
        self.memory_limited = memory_limited
        self.started = False
        self._lock = threading.Lock()
        self._question: Question | None = None

    def question(self) -> Question:
        """How it will end; put once, at the first call."""
        with self._lock:
            if self._question is None:
                self._question = Question(self._client, self.id, "next-exit")
            return self._question

    def gone(self) -> None:
        """It was removed, so an answer to the question is there. Whoever still waits gets it."""
        with self._lock:
            if self._question is not None:
                self._question.told()


class Waits:
    """Who waits for which container.

    A container that the engine removes by itself may be gone before anybody asks how it ended. So the question
    is put before the start; the engine takes it at once and answers when the container ended.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._vanishing: dict[str, _Vanishing] = {}  # by id and by name

    def expect(self, container: str, name: str, *, memory_limited: bool) -> None:
        """A container was created that will remove itself."""
        known = _Vanishing(self._client, container, memory_limited=memory_limited)
        with self._lock:
            self._vanishing |= {each: known for each in (container, name) if each}

    def starting(self, container: str) -> None:
        """A start follows."""
        if known := self._known(container):
            known.question()
            known.started = True

    def not_started(self, container: str) -> None:
        """The start failed."""
        if known := self._known(container):
            known.started = False

    def removed(self, container: str) -> None:
        """The container is no more: nobody will ask anew."""
        if known := self._known(container):
            with self._lock:
                self._vanishing = {name: each for name, each in self._vanishing.items() if each is not known}
            known.gone()

    def wait(self, container: str) -> ExitStatus:
        """Block until the main process ended."""
        known = self._known(container)
        if known is None:
            return self._wait_staying(container)
        answer = known.question().answer()
        if not known.started:
            raise ContainerNotFound(f"the container {container} was removed before it ran")
        if answer.code == _KILLED and known.memory_limited:
            return replace(answer, oom_killed=self._saw_oom(known.id))
        return answer

    def _wait_staying(self, container: str) -> ExitStatus:
        question, since_created = Question(self._client, container, "not-running"), False
        while True:
            answer = question.answer()
            state = inspection.state(self._client, container)
            if state is None and since_created:
                raise ContainerNotFound(f"the container {container} was removed while it was waited for")
            if state is None or state["Running"]:  # removed, or restarted, since it ended
                return answer
            if not _never_started(state):
                return exit_status(state)
            # Not started yet also counts as not running. A start and an end between two questions would go
            # unseen, so its state is looked at once more after the next question is put.
            question, since_created = Question(self._client, container, "next-exit"), True
            state = inspection.state(self._client, container)
            if state is not None and not _never_started(state):
                question.close()
                question, since_created = Question(self._client, container, "not-running"), False

    def _known(self, container: str) -> _Vanishing | None:
        with self._lock:
            return self._vanishing.get(container)

    def _saw_oom(self, container: str) -> bool:
        """Whether the engine reported it, for a container that can't be inspected any more."""
        doing = f"read the events of the container {container}"
        with self._client.call(doing) as api:
            # The engine's clock, which may differ from ours. It replays what it remembers, and stops there.
            now = f"{timestamp(api.info()['SystemTime']):.9f}"
        wanted = json.dumps({"container": [container], "event": ["oom"]})
        query = {"since": "0", "until": now, "filters": wanted}
        events = self._client.open_stream(doing, "GET", "/events", query)
        try:
            with self._client.call(doing):
                return bool(events.read(1))
        finally:
            events.close()


def _never_started(state: dict[str, Any]) -> bool:
    # A failed start leaves "created" too, with the exit status of the failure.
    return state["Status"] == "created" and not state["ExitCode"]
