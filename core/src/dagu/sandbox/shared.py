"""A container that several commands share, each an exec in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO

from dagu.contracts.container import EMPTY, ExecRequest, ExitStatus
from dagu.contracts.runtime import ContainerRuntime, Execution
from dagu.contracts.streams import Streams
from dagu.errors import CommandNotFound, ContainerNotFound, RuntimeFailure, Unsupported
from dagu.sandbox import scratch
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch, with_files
from dagu.sandbox.guardian import GUARDIAN
from dagu.sandbox.oom import OomKills
from dagu.sandbox.place import Place
from dagu.sandbox.programs import missing
from dagu.sandbox.readiness import describe


class SharedContainer(Place):
    """Commands as execs in one container.

    Args:
        image: What to call it in messages.
        user: Who runs commands that name nobody; empty is the container's own.
        temporary: Where its commands put temporary files.

    Attributes:
        shell: argv of the container's own shell; empty without one.
        working_dir: Where its commands start; empty is the container's own.
        env: What the container itself sets.
        hidden: Names that its commands do not get in their environment.
        explain: What a complaint of a command may mean there.
    """

    kind = "shared container"
    contained = True

    def __init__(
        self,
        runtime: ContainerRuntime,
        container: str,
        *,
        image: str,
        user: str = "",
        temporary: str = scratch.USUAL,
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._image = image
        self._user = user
        self.temporary = temporary
        self._kills = OomKills(runtime, container)
        self.shell: tuple[str, ...] = ()
        self.working_dir = ""
        self.env: Mapping[str, str] = EMPTY
        self.hidden: frozenset[str] = frozenset()
        self.explain: Callable[[str], str] = lambda _said: ""

    @property
    def container(self) -> str:
        """Id of the container."""
        return self._container

    def start(self, command: Command, streams: Streams) -> Execution:
        ready, _ = with_files(command, clean_up=True, temporary=self.temporary)
        argv = ready.placed({})
        request = ExecRequest(
            argv=argv,
            env={**ready.env, **GUARDIAN.mark()},
            working_dir=ready.working_dir,
            user=ready.user or self._user,
            raw=ready.raw_exec,
        )
        stdin = None if ready.stdin is None else BytesIO(ready.stdin)
        try:
            execution = self._runtime.exec(self._container, request, replace(streams, stdin=stdin))
        except ContainerNotFound as error:
            raise self._gone(error) from error
        return SharedExecution(execution, self, argv, self._kills)

    def _gone(self, error: ContainerNotFound) -> RuntimeFailure:
        """What became of the container, which was there before."""
        try:
            state = self._runtime.inspect(self._container)
        except ContainerNotFound:
            how = "was removed"
        else:
            how = f"ended ({describe(state.exit)})" if state.exit else f"is {state.status.value}"
        return ContainerNotFound(
            f"{self._image}: the container that the steps share {how}: {error.message}",
            hint="its main process has to keep running; see `startup` and `command`, and its limits",
        )

    def explain_end(self) -> None:
        """Tell why the container is not there any more, where that is known of it.

        Raises:
            CommandNotFound: Its main process could not be executed.
        """

    def kill(self) -> None:
        """End the container at once."""
        self._runtime.kill(self._container)

    @property
    def image(self) -> str:
        """What to call it in messages."""
        return self._image

    def read_file(self, path: str) -> bytes | None:
        return fetch(self._runtime, self._container, path)


class SharedExecution(Execution):
    """An exec whose container is killed where the exec can't be ended in any other way."""

    def __init__(
        self,
        execution: Execution,
        place: SharedContainer,
        argv: tuple[str, ...],
        kills: OomKills,
    ) -> None:
        self._execution = execution
        self._place = place
        self._argv = argv
        self._kills = kills
        self._ended = False

    def wait(self) -> ExitStatus:
        try:
            status = self._execution.wait()
        except CommandNotFound as error:
            raise missing(error, self._argv, self._place.image) from error
        if status.error and not self._ended:
            self._place.explain_end()
        return status if self._ended else self._kills.judged(status)

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._ended = True
        try:
            self._execution.end(signal=signal, grace=grace)
        except Unsupported:
            self._place.kill()
