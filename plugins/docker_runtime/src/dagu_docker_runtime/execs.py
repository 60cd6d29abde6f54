"""Commands in running containers."""

from __future__ import annotations

from dagu.contracts import process_tree
from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.streams import Sink, Streams
from dagu_docker_runtime import raw_options
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, command_failure, exec_failure
from dagu_docker_runtime.exec_tree import ExecTree
from dagu_docker_runtime.execution import DockerExecution
from dagu_docker_runtime.request import join_env


class Execs:
    """Execs of one engine."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(self, container: str, request: ExecRequest, streams: Streams) -> DockerExecution:
        with self._client.call("execute a command") as api:
            fields = raw_options.exec_fields(request.raw, api.api_version)
        marker = process_tree.new_marker()
        user = request.user or str(fields.get("User") or "")
        tree = ExecTree(self._client, container, marker, user, run=self.run)
        env = {**request.env, process_tree.MARKER: marker}
        terminal = bool(fields.get("Tty"))
        exec_id = self._create(
            container,
            request.argv,
            env=join_env(fields.get("Env"), env),
            user=user,
            working_dir=request.working_dir or str(fields.get("WorkingDir") or ""),
            stdin=streams.stdin is not None,
            terminal=terminal,
            privileged=bool(fields.get("Privileged")),
        )
        execution = DockerExecution(self._client, container, exec_id, streams, tree)
        _start(execution, container, terminal=terminal)
        return execution

    def run(
        self, container: str, argv: tuple[str, ...], user: str, privileged: bool, stdout: Sink
    ) -> ExitStatus:
        """Run a command of our own to its end.

        Raises:
            ContainerNotFound: The container does not run.
            CommandNotFound: The program is not in it.
        """
        tree = ExecTree(self._client, container, "", user, run=self.run)
        exec_id = self._create(container, argv, user=user, privileged=privileged)
        execution = DockerExecution(self._client, container, exec_id, Streams(stdout=stdout), tree)
        _start(execution, container, terminal=False)
        return execution.wait()

    def _create(
        self,
        container: str,
        argv: tuple[str, ...],
        *,
        env: list[str] | None = None,
        user: str = "",
        working_dir: str = "",
        stdin: bool = False,
        terminal: bool = False,
        privileged: bool = False,
    ) -> str:
        try:
            with self._client.call(f"execute a command in the container {container}") as api:
                made = api.exec_create(
                    container,
                    list(argv),
                    stdin=stdin,
                    tty=terminal,
                    privileged=privileged,
                    user=user,
                    environment=env,
                    workdir=working_dir or None,
                )
        except Refused as error:
            raise exec_failure(error, container) from error
        return str(made["Id"])


def _start(execution: DockerExecution, container: str, *, terminal: bool) -> None:
    try:
        execution.start(terminal=terminal)
    except Refused as error:
        failure = command_failure(error.said, f"the container {container[:12]}")
        raise failure or exec_failure(error, container) from error
