"""What a case of the kit works with: containers that are made, run and taken away again."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, ContainerState, ExecRequest, ExitStatus
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution
from dagu.contracts.streams import Sink, Source, Streams, discard
from dagu.errors import ContainerNotFound
from dagu.testing.runtime_kit.probes import Gate, Output

OWNER_LABEL = "dagu.kit"
SESSION = os.urandom(6).hex()


@dataclass(frozen=True)
class Result:
    """How a command ended, with all of its output."""

    code: int
    stdout: bytes
    stderr: bytes
    oom_killed: bool


class Lab:
    """Makes containers of the runtime under test, labelled, and removes them at the end of the case."""

    def __init__(self, runtime: ContainerRuntime, *, image: str, pull_image: str, shared_root: str) -> None:
        self.runtime = runtime
        self.image = image
        self.pull_image = pull_image
        self.info = runtime.check()
        self.capabilities = self.info.capabilities
        self._shared_root = shared_root
        self._key = os.urandom(6).hex()
        self._made: list[str] = []
        self._undo = ExitStack()

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that this case makes."""
        return {OWNER_LABEL: SESSION, "dagu.kit.case": self._key}

    def name(self, kind: str = "c") -> str:
        """A name that nothing else has."""
        return f"dagu-kit-{kind}-{os.urandom(6).hex()}"

    def when_done(self, action: Callable[..., object], *args: object) -> None:
        """Do something at the end of the case, before the containers are gone from memory."""
        self._undo.callback(action, *args)

    def request(self, *command: str, **fields: Any) -> ContainerRequest:
        """A request that runs the command with the entry point cleared, at ``/``."""
        labels = dict(fields.pop("labels", {}))
        if Capability.LABELS in self.capabilities:
            labels |= self.labels
        fields = {"image": self.image, "entrypoint": (), "working_dir": "/"} | fields
        return ContainerRequest(command=command, labels=labels, **fields)

    def create(self, *command: str, **fields: Any) -> str:
        """Make a container that the end of the case removes."""
        return self.make(self.request(*command, **fields))

    def make(self, request: ContainerRequest) -> str:
        """The same, of a whole request."""
        container = self.runtime.create(request)
        self._made.append(container)
        self.when_done(self.runtime.remove, container)
        return container

    def up(self, *command: str, **fields: Any) -> str:
        """A container that stays up; without a command it sleeps, for execs."""
        container = self.create(*(command or ("sleep", "86400")), **fields)
        self.runtime.start(container)
        return container

    def finish(self, container: str, *, stdout: Sink = discard, stderr: Sink = discard) -> ExitStatus:
        """Attach, start and wait for the end."""
        attachment = self.runtime.attach(container, Streams(stdout, stderr))
        self.when_done(attachment.close)
        self.runtime.start(container)
        status = self.runtime.wait(container)
        attachment.join()
        return status

    def launch(
        self,
        *command: str,
        stdin: bytes | Source | None = None,
        stdout: Sink = discard,
        stderr: Sink = discard,
        **fields: Any,
    ) -> tuple[str, Attachment]:
        """Create, attach and start."""
        source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        container = self.create(*command, stdin=source is not None, **fields)
        attachment = self.runtime.attach(container, Streams(stdout, stderr, source))
        self.when_done(attachment.close)
        self.runtime.start(container)
        return container, attachment

    def run(self, *command: str, stdin: bytes | Source | None = None, **fields: Any) -> Result:
        """Run a container to its end."""
        stdout, stderr = Output(), Output()
        container, attachment = self.launch(*command, stdin=stdin, stdout=stdout, stderr=stderr, **fields)
        status = self.runtime.wait(container)
        attachment.join()
        return Result(status.code, stdout.data, stderr.data, status.oom_killed)

    def shell(self, script: str, **fields: Any) -> Result:
        """Run a script of the image's shell to its end."""
        return self.run("sh", "-c", script, **fields)

    def begin(
        self,
        container: str,
        *argv: str,
        stdin: bytes | Source | None = None,
        stdout: Sink = discard,
        stderr: Sink = discard,
        **fields: Any,
    ) -> Execution:
        """Start a command in a running container."""
        source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        request = ExecRequest(argv=argv, **({"working_dir": "/"} | fields))
        return self.runtime.exec(container, request, Streams(stdout, stderr, source))

    def exec(self, container: str, *argv: str, stdin: bytes | Source | None = None, **fields: Any) -> Result:
        """Run a command in a running container to its end."""
        stdout, stderr = Output(), Output()
        status = self.begin(container, *argv, stdin=stdin, stdout=stdout, stderr=stderr, **fields).wait()
        return Result(status.code, stdout.data, stderr.data, status.oom_killed)

    def shared_directory(self) -> Path:
        """A new directory of this machine that a container of any user may read and write."""
        # Not pytest's tmp_path: that is closed to other users, and a rootless engine is another user.
        path = Path(tempfile.mkdtemp(prefix="dagu-kit-", dir=self._shared_root or None))
        path.chmod(0o777)
        self.when_done(shutil.rmtree, path)
        return path

    def pipe(self) -> Gate:
        """A source of standard input to be fed piece by piece."""
        gate = Gate()
        self.when_done(gate.end)
        return gate

    def state(self, container: str) -> ContainerState:
        return self.runtime.inspect(container)

    def close(self) -> None:
        """Remove what the case made, and check that it is gone."""
        self._undo.close()
        for container in self._made:
            try:
                left = self.runtime.inspect(container)
            except ContainerNotFound:
                continue
            raise AssertionError(f"remove left the container there: {left}")
        if Capability.LABELS in self.capabilities:
            found = self.runtime.find({"dagu.kit.case": self._key})
            assert not found, f"the case left containers behind: {found}"
