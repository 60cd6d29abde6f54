"""Runtimes with one mistake each, of the kinds that real ones make, and the case that finds it."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from dagu.contracts.capability import Capability
from dagu.contracts.container import EMPTY, ContainerRequest, ContainerState, ExecRequest, ExitStatus
from dagu.contracts.runtime import Attachment, Execution
from dagu.contracts.streams import Sink, Streams, discard
from dagu.errors import CommandNotFound, ContainerNotFound, ImageNotFound, NameTaken, PullFailed
from dagu.testing import FakeRuntime
from dagu.testing.fake_runtime import DECLARED

IMAGE = "alpine:3.20"

Finding = tuple[str, type[FakeRuntime]]
BROKEN: list[Finding] = []


def found_by(*cases: str) -> Callable[[type[FakeRuntime]], type[FakeRuntime]]:
    """Say which cases must fail for this runtime."""

    def note(broken: type[FakeRuntime]) -> type[FakeRuntime]:
        BROKEN.extend((case, broken) for case in cases)
        return broken

    return note


class Attaching(FakeRuntime):
    """Does something to the streams of a container."""

    def change(self, streams: Streams) -> Streams:
        return streams

    def attach(self, container: str, streams: Streams) -> Attachment:
        return super().attach(container, self.change(streams))


@found_by("test_only_stderr", "test_stdout_and_stderr_come_apart", "test_both_streams_at_once")
class DropsStderr(Attaching):
    def change(self, streams: Streams) -> Streams:
        return dataclasses.replace(streams, stderr=discard)


@found_by("test_only_stderr", "test_each_stream_keeps_its_order")
class SwapsStreams(Attaching):
    def change(self, streams: Streams) -> Streams:
        return dataclasses.replace(streams, stdout=streams.stderr, stderr=streams.stdout)


@found_by("test_stdout_and_stderr_come_apart")
class MergesStreams(Attaching):
    def change(self, streams: Streams) -> Streams:
        return dataclasses.replace(streams, stderr=streams.stdout)


@found_by("test_no_trailing_newline", "test_the_last_bytes_before_a_failing_exit", "test_100_megabytes")
class LosesTheLastByte(Attaching):
    def change(self, streams: Streams) -> Streams:
        return Streams(_without_last_byte(streams.stdout), _without_last_byte(streams.stderr), streams.stdin)


@found_by("test_every_byte_value", "test_what_is_not_utf_8", "test_every_byte_value_goes_in")
class DecodesOutput(Attaching):
    def change(self, streams: Streams) -> Streams:
        def decoded(block: bytes) -> None:
            streams.stdout(block.decode(errors="replace").encode())

        return dataclasses.replace(streams, stdout=decoded)


@found_by("test_carriage_returns_and_escapes_stay")
class ChangesLineEnds(Attaching):
    def change(self, streams: Streams) -> Streams:
        return dataclasses.replace(
            streams, stdout=lambda block: streams.stdout(block.replace(b"\r\n", b"\n"))
        )


@found_by("test_a_failing_sink_is_told_by_join")
class SwallowsSinkFailures(Attaching):
    def change(self, streams: Streams) -> Streams:
        def safe(block: bytes) -> None:
            try:
                streams.stdout(block)
            except Exception:  # noqa: BLE001 (the mistake)
                return

        return dataclasses.replace(streams, stdout=safe)


@found_by("test_text_then_end_of_file", "test_10_megabytes_go_in_and_come_out")
class ForgetsStdin(Attaching):
    def change(self, streams: Streams) -> Streams:
        return dataclasses.replace(streams, stdin=None)


@found_by("test_exit_code[3]", "test_stop_sends_term_and_lets_it_end")
class WrongExitCode(FakeRuntime):
    def wait(self, container: str) -> ExitStatus:
        status = super().wait(container)
        return dataclasses.replace(status, code=int(status.code != 0))


@found_by("test_a_killed_container_has_137", "test_wait_before_the_end")
class SignalAsNegativeCode(FakeRuntime):
    def wait(self, container: str) -> ExitStatus:
        status = super().wait(container)
        return dataclasses.replace(status, code=128 - status.code if status.code > 128 else status.code)


@found_by("test_auto_remove_gives_the_true_status")
class ForgetsStatusOfTheRemoved(FakeRuntime):
    def wait(self, container: str) -> ExitStatus:
        status = super().wait(container)
        if any(call.arguments[0].auto_remove for call in self.called("create")):
            raise ContainerNotFound("asked too late: it has removed itself")
        return status


@found_by("test_remove_is_idempotent")
class RemovesOnce(FakeRuntime):
    def remove(self, container: str) -> None:
        self.inspect(container)
        super().remove(container)


@found_by("test_stop_is_idempotent")
class StopsOnce(FakeRuntime):
    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        if not self.inspect(container).running:
            raise ContainerNotFound("it does not run")
        super().stop(container, signal=signal, grace=grace)


@found_by("test_stop_sends_the_signal_it_is_told")
class StopsWithKill(FakeRuntime):
    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        super().stop(container, signal="KILL", grace=grace)


@found_by("test_remove_kills_what_runs")
class LeavesContainers(FakeRuntime):
    def remove(self, container: str) -> None:
        self.kill(container)


@found_by("test_a_taken_name_is_refused")
class SharesNames(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        try:
            return super().create(request)
        except NameTaken:
            return super().create(dataclasses.replace(request, name=""))


@found_by("test_create_of_an_absent_image_raises_image_not_found")
class InventsImages(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        try:
            return super().create(request)
        except ImageNotFound:
            return super().create(dataclasses.replace(request, image=IMAGE))


@found_by("test_a_missing_program_is_command_not_found")
class HidesMissingPrograms(FakeRuntime):
    def start(self, container: str) -> None:
        try:
            super().start(container)
        except CommandNotFound:
            return


@found_by("test_arguments_arrive_untouched")
class JoinsArguments(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        line = " ".join(request.command or ())
        return super().create(dataclasses.replace(request, command=("sh", "-c", line)))


@found_by("test_arguments_of_an_exec_arrive_untouched")
class JoinsArgumentsOfExecs(FakeRuntime):
    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        joined = tuple(shlex.split(" ".join(request.argv).replace("'", "").replace('"', "")))
        return super().exec(container, dataclasses.replace(request, argv=joined), streams)


@found_by("test_nothing_of_the_runner_leaks")
class LeaksEnvironment(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        return super().create(dataclasses.replace(request, env={**os.environ, **request.env}))


@found_by("test_values_arrive_untouched")
class SplitsEnvironmentLines(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        env = {name: value.partition("\n")[0] for name, value in request.env.items()}
        return super().create(dataclasses.replace(request, env=env))


@found_by("test_an_exec_has_the_containers_environment_and_its_own")
class ExecWithoutEnvironment(FakeRuntime):
    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        return super().exec(container, dataclasses.replace(request, env={}), streams)


class _EndsOnlyTheCommand(Execution):
    def __init__(self, execution: Any) -> None:
        self._execution = execution

    def wait(self) -> ExitStatus:
        status: ExitStatus = self._execution.wait()
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._execution._process.signal("KILL")


@found_by(
    "test_ending_an_exec_ends_what_it_started[daemon]",
    "test_ending_an_exec_ends_what_it_started[own-session]",
    "test_ending_an_exec_ends_what_it_started[ignores-term]",
    "test_the_exec_gets_the_signal_first",
)
class EndsOnlyTheCommand(FakeRuntime):
    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        return _EndsOnlyTheCommand(super().exec(container, request, streams))


@found_by("test_every_label_must_match")
class FindsByAnyLabel(FakeRuntime):
    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        return [
            state
            for state in super().find()
            if any(state.labels.get(name) == value for name, value in labels.items())
        ]


@found_by("test_containers_are_found_in_any_state")
class FindsOnlyTheRunning(FakeRuntime):
    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        return [state for state in super().find(labels) if state.running]


@found_by("test_a_missing_path_is_file_not_found")
class GivesNothingForMissingFiles(FakeRuntime):
    def get_archive(self, container: str, path: str, sink: Sink) -> None:
        try:
            super().get_archive(container, path, sink)
        except FileNotFoundError:
            sink(bytes(10240))


@found_by("test_50_megabytes_stream_in_and_out")
class ReadsArchivesOnce(FakeRuntime):
    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        archive.seek(0)
        super().put_archive(container, path, archive)


@found_by("test_a_failed_pull_tells_no_credential")
class TellsThePassword(FakeRuntime):
    def pull(self, reference: str, **options: Any) -> None:
        raise PullFailed(f"the registry refused {options.get('auth') and options['auth'].password}")


class Claims(FakeRuntime):
    """Declares what it can't do."""

    claimed: Capability

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, capabilities=DECLARED | {self.claimed})


@found_by("test_user[1234:4321]")
class ClaimsUser(Claims):
    claimed = Capability.USER


@found_by("test_more_memory_than_allowed_is_oom_killed")
class ClaimsMemoryLimit(Claims):
    claimed = Capability.MEMORY_LIMIT


@found_by("test_no_network")
class ClaimsNoNetwork(Claims):
    claimed = Capability.NETWORK_NONE


@found_by("test_a_read_only_root_refuses_writes")
class ClaimsReadOnlyRoot(Claims):
    claimed = Capability.READ_ONLY_ROOT


@found_by("test_a_capability_is_declared_or_refused[volumes]", "test_a_volume_outlives_its_container")
class ClaimsVolumes(Claims):
    claimed = Capability.VOLUMES


@found_by(
    "test_a_capability_is_declared_or_refused[tmpfs]",
    "test_a_capability_is_declared_or_refused[network-none]",
    "test_a_tmpfs_is_written",
    "test_no_network",
    "test_a_raw_option_is_never_dropped_in_silence[raw_host]",
)
class IgnoresWhatItCannotDo(FakeRuntime):
    def create(self, request: ContainerRequest) -> str:
        return super().create(dataclasses.replace(request, mounts=(), network="", raw_host={}))


@found_by("test_a_capability_is_declared_or_refused[stdin]", "test_text_then_end_of_file")
class DropsStdinWithoutSayingSo(FakeRuntime):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, capabilities=DECLARED - {Capability.STDIN})

    def create(self, request: ContainerRequest) -> str:
        return super().create(dataclasses.replace(request, stdin=False))


def _without_last_byte(sink: Sink) -> Sink:
    held = bytearray()

    def lagging(block: bytes) -> None:
        held.extend(block)
        sink(bytes(held[:-1]))
        del held[:-1]

    return lagging
