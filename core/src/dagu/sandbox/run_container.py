"""The shared container that a run, or a step with several commands, makes for itself."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, ExecRequest, ExitStatus, ImageInfo
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution
from dagu.contracts.streams import Sink, Streams
from dagu.contracts.streams import discard as nowhere
from dagu.errors import CommandNotFound, ContainerNotFound, RuntimeFailure
from dagu.frozen import dataclass
from dagu.sandbox.command import Command
from dagu.sandbox.files import with_files
from dagu.sandbox.init_words import InitWords
from dagu.sandbox.outfit import Outfit, Outfitted
from dagu.sandbox.own import Discard
from dagu.sandbox.programs import missing, no_keepalive
from dagu.sandbox.readiness import LogWatch, Readiness
from dagu.sandbox.shared import SharedContainer

# The main process lives as long as somebody holds its standard input. When the runner dies, however it dies, the
# engine closes that, the container ends and removes itself: nothing is left for a reaper.
_LIFELINE = ("/bin/sh", "-c", "exec cat >/dev/null")
_FAILED = ExitStatus(code=1)
_FOREVER = ("/bin/sh", "-c", "while :; do sleep 3600; done")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How a shared container is started and waited for.

    Attributes:
        startup: ``keepalive``, ``entrypoint`` or ``command``.
        command: With ``startup: command``, argv for the image's entry point.
        keep: It stays afterwards.
        init: An init process: True, False, or None for one where there can be.
        wait_for: ``running`` or ``healthy``.
        log_pattern: What its log has to show, for messages.
        log_found: Whether a line of the log shows it; None waits for nothing.
        entry: Its command goes to the image's entry point, as in a container of its own.
        no_shell: What to do about an image without a shell; empty is the usual.
    """

    startup: str = "keepalive"
    command: tuple[str, ...] = ()
    keep: bool = False
    init: bool | None = None
    wait_for: str = "running"
    log_pattern: str = ""
    log_found: Callable[[str], bool] | None = None
    entry: bool = False
    no_shell: str = ""


class RunContainer(SharedContainer):
    """A container that is made with its place, and given away when the place is closed.

    Args:
        image: What the image says of itself.
        discard: Called with the container once it is no longer needed, unless it is kept.
        stopped: Set when the run is no longer wanted.

    Attributes:
        fell_back: ``wait_for: healthy`` was asked of a container without a health check.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        request: ContainerRequest,
        keeping: Keeping,
        *,
        image: ImageInfo,
        outfit: Outfit,
        discard: Discard,
        stopped: threading.Event,
    ) -> None:
        self._keeping = keeping
        self._outfit = outfit
        self._discard = discard
        self._lifeline: int | None = None
        self._attachment: Attachment | None = None
        self._words = InitWords(nowhere)
        self._image_info = image
        self.fell_back = False
        keepalive = keeping.startup == "keepalive"
        capable = runtime.check().capabilities
        # A restart policy and the lifeline contradict each other: one keeps it up, the other ends it.
        lasting = keeping.keep or request.restart_policy not in ("", "no")
        held = keepalive and not lasting and Capability.STDIN in capable
        entrypoint, command, stdin = _main_process(keeping, held, image, outfit)
        request = replace(
            request,
            entrypoint=entrypoint,
            command=command,
            init=Capability.INIT in capable if keeping.init is None else keeping.init,
            stdin=held or stdin is not None,
            # Copies are still to be brought back after its end.
            auto_remove=held and not outfit.carried,
            keep_output=keeping.keep,
        )
        self._made = Outfitted(runtime, request, outfit)
        super().__init__(runtime, self._made.id, image=request.image, temporary=outfit.temporary)
        try:
            self._begin(held, stdin, stopped)
        except BaseException as error:
            self._give_away()
            if isinstance(error, CommandNotFound):
                raise _not_started(error, keeping, image, request.image) from error
            raise

    def _begin(self, held: bool, stdin: bytes | None, stopped: threading.Event) -> None:
        watch = LogWatch(self._keeping.log_found) if self._keeping.log_found else None
        source: BinaryIO | None = None
        if held:
            reading, self._lifeline = os.pipe()
            source = os.fdopen(reading, "rb", buffering=0)
        elif stdin is not None:
            source = BytesIO(stdin)
        feed: Sink = watch.feed if watch else nowhere
        self._words = InitWords(feed)
        self._attachment = self._runtime.attach(
            self._container, Streams(stdout=feed, stderr=self._words, stdin=source)
        )
        self._runtime.start(self._container)
        ready = Readiness(self._runtime, self._container, stopped=stopped)
        try:
            ready.running()
        except RuntimeFailure:
            self._attachment.join()
            self._words.judge(_FAILED, "its program")
            raise
        self._put_secrets()
        if self._keeping.wait_for == "healthy":
            self.fell_back = not ready.healthy()
        if watch:
            ready.logged(watch, self._keeping.log_pattern)

    def start(self, command: Command, streams: Streams) -> Execution:
        if self._keeping.entry and command.keep_entrypoint:
            argv = (*self._image_info.entrypoint, *(command.argv or self._image_info.command))
            command = replace(command, argv=argv, keep_entrypoint=False)
        return super().start(command, streams)

    def _put_secrets(self) -> None:
        # Also where the main process writes them itself: steps may not come before it did.
        if not self._outfit.secrets:
            return
        ready, _ = with_files(Command(argv=("true",)), clean_up=False, more=self._outfit.files)
        errors = BytesIO()
        execution = self._runtime.exec(
            self._container,
            ExecRequest(argv=ready.placed({})),
            Streams(stdin=BytesIO(ready.stdin or b""), stderr=errors.write),
        )
        try:
            code = execution.wait().code
        except CommandNotFound as error:
            raise missing(error, ready.placed({}), self._image) from error
        if code != 0:
            said = errors.getvalue().decode(errors="replace").strip()
            raise RuntimeFailure(f"container.secrets can't be written into the container: {said}")

    def _gone(self, error: ContainerNotFound) -> RuntimeFailure:
        try:
            self.explain_end()
        except CommandNotFound as missed:
            return missed
        return super()._gone(error)

    def explain_end(self) -> None:
        # An init process that can't execute the main one makes a container that runs for a moment.
        try:
            over = not self._runtime.inspect(self._container).running
        except ContainerNotFound:
            over = True
        if over and self._attachment is not None:
            self._attachment.join()
            self._judge()

    def _judge(self) -> None:
        try:
            self._words.judge(_FAILED, "its program")
        except CommandNotFound as missed:
            raise _not_started(missed, self._keeping, self._image_info, self._image) from missed

    def close(self) -> None:
        try:
            self._made.fetch()
        finally:
            if self._keeping.keep:
                self._let_go()
            else:
                self._give_away()

    def _give_away(self) -> None:
        try:
            self._discard(self._made)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._attachment is not None:
            self._attachment.close()
            # What the container printed is nobody's; that its engine went away is told by others.
            with contextlib.suppress(RuntimeFailure):
                self._attachment.join()
            self._attachment = None


def _main_process(
    keeping: Keeping, held: bool, image: ImageInfo, outfit: Outfit
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None, bytes | None]:
    """Entry point, command, and what the main process reads at first."""
    if keeping.startup == "keepalive":
        return (), _LIFELINE if held else _FOREVER, None
    command = keeping.command or None
    if not outfit.secrets:
        return None, command, None
    argv = (*image.entrypoint, *(command or image.command))
    ready, _ = with_files(Command(argv=argv), clean_up=False, more=outfit.files)
    return (), ready.placed({}), ready.stdin


def _not_started(
    error: CommandNotFound, keeping: Keeping, image: ImageInfo, reference: str
) -> CommandNotFound:
    if error.message.startswith(reference):  # told in full already
        return error
    if keeping.startup == "keepalive":
        return no_keepalive(error, reference, keeping.no_shell)
    return missing(error, image.entrypoint or keeping.command or image.command, reference)
