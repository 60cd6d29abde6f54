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


class _Made:
    """A container that this runtime created.

    Args:
        vanishing: It will remove itself when it ended.
        restarted: The engine may start it again when it ended.
    """

    def __init__(
        self, client: Client, container: str, *, vanishing: bool, restarted: bool, memory_limited: bool
    ) -> None:
        self._client, self.id = client, container
        self.vanishing, self.restarted, self.memory_limited = vanishing, restarted, memory_limited
        self.started = False
        self._lock = threading.Lock()
        self._question: Question | None = None

    def question(self, *, anew: bool = False) -> Question:
        """How it will end; put at the first call, and ``anew`` for each start."""
        with self._lock:
            if self._question is None or anew:
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
    is put before the start; the engine takes it at once and answers when the container ended. Then it is also
    sure which start the answer is about, and no look at the container is needed to find out.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}  # by id and by name

    def expect(
        self, container: str, name: str, *, vanishing: bool, restarted: bool, memory_limited: bool
    ) -> None:
        """A container was created."""
        made = _Made(
            self._client,
            container,
            vanishing=vanishing,
            restarted=restarted,
            memory_limited=memory_limited,
        )
        with self._lock:
            self._made |= {each: made for each in (container, name) if each}

    def starting(self, container: str) -> None:
        """A start follows."""
        made = self._known(container)
        if made is None or (made.restarted and not made.vanishing):
            return
        made.question(anew=not made.vanishing)
        made.started = True

    def not_started(self, container: str) -> None:
        """The start failed."""
        if made := self._known(container):
            made.started = False

    def removed(self, container: str) -> None:
        """The container is no more: nobody will ask anew."""
        if made := self._known(container):
            with self._lock:
                self._made = {name: each for name, each in self._made.items() if each is not made}
            made.gone()

    def wait(self, container: str) -> ExitStatus:
        """Block until the main process ended."""
        made = self._known(container)
        if made is None or (not made.vanishing and not made.started):
            return self._wait_staying(container)
        if not made.vanishing:
            return self._wait_started(made)
        answer = made.question().answer()
        if not made.started:
            raise ContainerNotFound(f"the container {container} was removed before it ran")
        if answer.code == _KILLED and made.memory_limited:
            return replace(answer, oom_killed=self._saw_oom(made.id))
        return answer

    def _wait_started(self, made: _Made) -> ExitStatus:
        answer = made.question().answer()
        if answer.code == 0 and not made.memory_limited:
            return answer
        # Why it failed, and whether a child was killed for its memory, is no part of the answer.
        state = inspection.state(self._client, made.id)
        return answer if state is None or state["Running"] else exit_status(state)

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

    def _known(self, container: str) -> _Made | None:
        with self._lock:
            return self._made.get(container)

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
