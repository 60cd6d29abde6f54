"""A real PostgreSQL of the tests' own: Debian's package, a cluster in a temporary directory."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

CREATE_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def programs() -> Path:
    """Where initdb and pg_ctl are; Debian's package is installed if it is missing."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        _install()
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent


def _install() -> None:
    # No cluster of the system's own is wanted.
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    install = ["apt-get", "install", "-y", "--no-install-recommends"]
    subprocess.run([*install, "postgresql-common"], check=True, capture_output=True)
    CREATE_CLUSTER.write_text("create_main_cluster = false\n")
    subprocess.run([*install, "postgresql"], check=True, capture_output=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A server that can be killed and started again."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._bin = programs()
        self.directory = Path(tempfile.mkdtemp(prefix="dagu-postgres-"))
        self.port = free_port()
        self._host = host
        user = pwd.getpwnam("postgres")
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        self._as_postgres("initdb", "-D", self.data, "-A", "trust", "-U", "dagu", "-E", "UTF8", "--no-sync")
        if host != "127.0.0.1":
            with (self.data / "pg_hba.conf").open("a") as file:
                file.write("host all all 0.0.0.0/0 trust\n")
        self.start()

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def url(self, database: str = "postgres", *, host: str = "", port: int = 0) -> str:
        return f"postgresql://dagu@{host or '127.0.0.1'}:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """The URL of a new, empty database."""
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def sql(self, statement: str, database: str = "postgres") -> str:
        return self._execute(statement, self.url(database))

    def _execute(self, statement: str, url: str) -> str:
        done = subprocess.run(
            [self._bin / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url, "-c", statement],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def start(self) -> None:
        options = f"-p {self.port} -h {self._host} -k {self.directory} -c fsync=off -c max_connections=200"
        log = self.directory / "log"
        self._as_postgres("pg_ctl", "-D", self.data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """As if the machine lost power."""
        self._as_postgres("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def close(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _as_postgres(self, program: str, *arguments: object) -> None:
        subprocess.run(
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", self._bin / program]
            + [str(argument) for argument in arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
