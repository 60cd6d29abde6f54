"""Who runs what right now: a lock per run, which the kernel gives back when its owner dies."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from dagu.errors import DaguError, UsageError
from dagu.frozen import dataclass
from dagu.history.home import make_directory

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a run id looks like, whole."""


@dataclass(frozen=True)
class Owner:
    """The process that runs a run. Its pid means something only in the same boot and pid namespace."""

    pid: int
    boot_id: str
    pid_namespace: str

    @property
    def reachable(self) -> bool:
        """Whether this process can send it signals by its pid."""
        return (self.boot_id, self.pid_namespace) == (_boot_id(), _pid_namespace())


class RunLock:
    """The lock of a run that this process runs. Leaving it as a context manager releases it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back and remove its file. Releasing twice is fine."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            # While the lock is still held: afterwards the file may belong to the next owner.
            self._path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class RunLocks:
    """The locks of all runs below a home directory. They work between processes, and between threads of one."""

    def __init__(self, home: Path) -> None:
        self._directory = home / "runs"

    def path(self, run_id: str) -> Path:
        """The lock file of a run.

        Raises:
            UsageError: This is no run id.
        """
        if not RUN_ID.fullmatch(run_id):
            raise UsageError(
                f"{run_id!r} is no run id", hint="use 1 to 64 letters, digits, dashes and underscores"
            )
        return self._directory / f"{run_id}.lock"

    def acquire(self, run_id: str) -> RunLock:
        """Become the owner of a run, before its record says that it runs.

        Programs that this process starts do not inherit the lock.

        Raises:
            UsageError: Another owner runs it, or this is no run id.
            DaguError: The lock file can't be written.
        """
        path = self.path(run_id)
        make_directory(self._directory)
        try:
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    owned = _own(descriptor)
                    if owned and _still(path, descriptor):
                        os.ftruncate(descriptor, 0)
                        os.write(descriptor, json.dumps(asdict(_this_process())).encode())
                        lock, descriptor = RunLock(path, descriptor), -1
                        return lock
                finally:
                    if descriptor >= 0:
                        os.close(descriptor)
                if not owned:
                    raise UsageError(
                        f"run {run_id} is running already", hint=f"see `dagu status --run-id {run_id}`"
                    )
        except OSError as error:
            raise DaguError(f"the lock {path} can't be written: {error.strerror or error}") from error

    @contextmanager
    def kept_free(self, run_id: str) -> Iterator[bool]:
        """Keep the run from getting an owner meanwhile; False, without that, if it has one.

        A run without a home left has none and gets none. One that this user may not lock counts as owned.
        """
        if not self._directory.is_dir():
            yield True
            return
        descriptor = self._free(self.path(run_id))
        if descriptor is None:
            yield False
            return
        try:
            yield True
        finally:
            try:
                if _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) and _still(
                    self.path(run_id), descriptor
                ):
                    self.path(run_id).unlink(missing_ok=True)
            finally:
                os.close(descriptor)

    def _free(self, path: Path) -> int | None:
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError:
                return None
            free = _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if free and _still(path, descriptor):
                return descriptor
            os.close(descriptor)
            if not free:
                return None

    def is_alive(self, run_id: str) -> bool:
        """Whether a process owns the run now."""
        descriptor = self._open(run_id)
        if descriptor is None:
            return False
        try:
            return not _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)

    def wait_until_free(self, run_id: str, timeout: float | None = None) -> bool:
        """Block until nobody owns the run; False if that took longer than ``timeout`` seconds."""
        descriptor = self._open(run_id)
        if descriptor is None:
            return True
        if timeout is None:
            _wait_and_close(descriptor)
            return True
        # flock takes no timeout. The thread ends with the owner of the lock, or with this process.
        thread = threading.Thread(target=_wait_and_close, args=(descriptor,), daemon=True)
        thread.start()
        thread.join(timeout)
        return not thread.is_alive()

    def owner(self, run_id: str) -> Owner | None:
        """The process that owns the run, None if nobody does."""
        descriptor = self._open(run_id)
        if descriptor is None:
            return None
        try:
            if _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):
                return None
            return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
        except (ValueError, TypeError):
            return None  # it is about to write its name
        finally:
            os.close(descriptor)

    def owner_pid(self, run_id: str) -> int | None:
        """Process id of the owner, None if nobody owns the run or the id means nothing here."""
        owner = self.owner(run_id)
        return owner.pid if owner and owner.reachable else None

    def send_signal(self, run_id: str, number: signal.Signals) -> bool:
        """Send a signal to the owner; False if nobody owns the run.

        Raises:
            UsageError: The owner lives in another container or machine, or belongs to another user.
        """
        owner = self.owner(run_id)
        if owner is None:
            return False
        if not owner.reachable:
            raise UsageError(
                f"run {run_id} is owned by process {owner.pid} of another container or machine",
                hint="stop it there",
            )
        try:
            return self._signal(run_id, owner, number)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            raise UsageError(f"run {run_id} belongs to another user (process {owner.pid})") from error

    def _signal(self, run_id: str, owner: Owner, number: signal.Signals) -> bool:
        if not hasattr(os, "pidfd_open"):
            os.kill(owner.pid, number)
            return True
        descriptor = os.pidfd_open(owner.pid)
        try:
            # Still the owner: so the descriptor is of it, not of a later process with the same pid.
            if self.owner(run_id) != owner:
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        finally:
            os.close(descriptor)

    def _open(self, run_id: str) -> int | None:
        try:
            return os.open(self.path(run_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DaguError(
                f"the lock {self.path(run_id)} can't be read: {error.strerror or error}"
            ) from error


def _own(descriptor: int) -> bool:
    """Take the lock. Who only looks, or clears up, holds it shared for a moment: no reason to give up."""
    while not _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
        if not _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(0.005)  # to wait for the lock itself could take as long as another owner's run
    return True


def _flock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    return True


def _wait_and_close(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _still(path: Path, descriptor: int) -> bool:
    """Whether the path still names the open file, and not a later one or none."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _this_process() -> Owner:
    return Owner(os.getpid(), _boot_id(), _pid_namespace())


def _boot_id() -> str:
    with suppress(OSError):  # Linux only
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _pid_namespace() -> str:
    with suppress(OSError):  # Linux only
        return os.readlink("/proc/self/ns/pid")
    return ""
