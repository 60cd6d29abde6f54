"""The way to the database: over TLS, with passwords and certificates, and what is said when it is barred."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import e2e_engines
import pytest
from workers_engines import Engines
from workers_secure import PASSWORD, SecurePostgres
from workers_site import DAGU, HANG, Site

ENCODED = quote(PASSWORD, safe="")

LOOK = """
steps:
  - id: look
    run: |
      env
      tr '\\0' '\\n' < /proc/$PPID/environ
  - id: contained
    container: {image: alpine:3.20, pull_policy: never}
    run: env
"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecurePostgres]:
    found = SecurePostgres(tmp_path_factory.mktemp("tls") / "certificates")
    yield found
    found.close()


class Client:
    """Commands with nothing that opens the way but what a test gives them."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def command(self, *arguments: str, url: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "DAGU_HOME": str(self.home / "dagu")}
        return subprocess.run(
            [DAGU, *arguments],
            env={**env, "DAGU_DATABASE_URL": url, **more},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    def let_in(self, url: str, **more: str) -> None:
        migrated = self.command("db", "migrate", url=url, **more)
        assert migrated.returncode == 0, migrated.stderr
        told = self.command("db", "check", url=url, **more)
        assert (told.returncode, told.stderr) == (0, "")
        assert "encrypted: yes\n" in told.stdout
        assert "notifications: arrive\n" in told.stdout
        assert PASSWORD not in told.stdout

    def refused(self, *said: str, url: str, **more: str) -> None:
        """Each command that needs the database gives one message, and no secret, not even to who looks for a bug."""
        for arguments in (("db", "check"), ("worker", "--name", "w1"), ("scheduler",), ("history",)):
            told = self.command(*arguments, url=url, **more)
            assert told.returncode != 0, told.stdout
            lines = told.stderr.splitlines()
            assert [line[:7] for line in lines] == ["Error: ", "  hint:"], told.stderr
            for text in said:
                assert text in told.stderr, told.stderr
        debugged = self.command("db", "check", url=url, DAGU_DEBUG="1", **more)
        assert "Traceback" in debugged.stderr
        for secret in (PASSWORD, ENCODED, "battery", "another-secret"):
            assert secret not in told.stderr + debugged.stderr


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_a_password_in_the_url(client: Client, secure: SecurePostgres) -> None:
    client.let_in(secure.url("runs", password=ENCODED))


def test_a_password_in_a_file(client: Client, secure: SecurePostgres) -> None:
    file = client.home / "password"
    file.write_text(f"{PASSWORD}\n")
    client.let_in(secure.url("runs"), DAGU_DATABASE_PASSWORD_FILE=str(file))
    # As a secret's file it may be newer than what an old URL says.
    client.let_in(secure.url("runs", password="old"), DAGU_DATABASE_PASSWORD_FILE=str(file))
    file.unlink()
    client.refused("No such file", str(file), url=secure.url("runs"), DAGU_DATABASE_PASSWORD_FILE=str(file))


def test_a_password_in_pgpass(client: Client, secure: SecurePostgres) -> None:
    file = client.home / ".pgpass"
    file.touch(mode=0o600)
    file.write_text(f"localhost:{secure.port}:*:dagu:{PASSWORD}\n")
    client.let_in(secure.url("runs"))


def test_a_wrong_password(client: Client, secure: SecurePostgres) -> None:
    said = ('password authentication failed for user "dagu"', "DAGU_DATABASE_PASSWORD_FILE", ".pgpass")
    client.refused(*said, url=secure.url("runs", password="another-secret"))
    file = client.home / "password"
    file.write_text("another-secret")
    client.refused(*said, url=secure.url("runs"), DAGU_DATABASE_PASSWORD_FILE=str(file))
    client.refused("no password supplied", *said[1:], url=secure.url("runs"))


@pytest.mark.parametrize(
    "password", ["another-secret@battery", "another-secret/battery", "another-secret%battery"]
)
def test_a_password_that_tears_the_url(password: str, client: Client, secure: SecurePostgres) -> None:
    client.refused("DAGU_DATABASE_URL can't be read", "%40", url=secure.url("runs", password=password))


def test_a_server_that_is_not_the_one(client: Client, secure: SecurePostgres) -> None:
    url = secure.url("runs", password=ENCODED, sslrootcert=secure.other_authority)
    client.refused("certificate verify failed", "sslrootcert in DAGU_DATABASE_URL", url=url)
    url = secure.url("runs", password=ENCODED, host="db.internal", hostaddr="127.0.0.1")
    client.refused('does not match host name "db.internal"', "as the server's certificate does", url=url)
    url = secure.url("runs", password=ENCODED, sslrootcert=client.home / "nothing")
    client.refused("nothing", "does not exist", "sslrootcert in DAGU_DATABASE_URL", url=url)


def test_a_server_that_wants_encryption(client: Client, secure: SecurePostgres) -> None:
    client.refused("no encryption", url=secure.url("runs", password=ENCODED, sslmode="disable"))


def test_certificates_of_clients(client: Client, secure: SecurePostgres) -> None:
    def url(who: str) -> str:
        folder = secure.certificates / who
        return secure.url("certified", sslcert=folder / "cert.pem", sslkey=folder / "key.pem")

    client.let_in(url("client"))
    client.refused("unknown ca", "sslcert and sslkey in DAGU_DATABASE_URL", url=url("stranger"))
    client.refused("requires a valid client certificate", "sslcert=", url=secure.url("certified"))


def test_a_worker_keeps_the_way_to_itself(secure: SecurePostgres, tmp_path: Path) -> None:
    secure.create("site")
    engines = Engines({"docker": e2e_engines.engine("docker")})
    site = Site(secure, "site", tmp_path / "site", password=ENCODED)
    try:
        site.start_server()
        engines.worker(site, "w1", "docker")
        run_id = site.enqueue(site.workflow("look", LOOK))
        run = site.until_status(run_id, "succeeded", "failed")
        assert run["status"] == "succeeded", run
        assert run["workerId"] == "w1"
        seen = [site.dagu("logs", run_id, step, "--follow") for step in ("look", "contained")]
        assert "DAG_RUN_ID=" in seen[0]
        assert "DAG_RUN_ID=" in seen[1]
        kept = [path for path in site.directory.rglob("*") if path.is_file()]
        for text in (*seen, *(path.read_text(errors="replace") for path in kept)):
            for secret in ("DAGU_DATABASE", "sslmode", str(secure.port), PASSWORD, ENCODED):
                assert secret not in text, text
    finally:
        site.close()
