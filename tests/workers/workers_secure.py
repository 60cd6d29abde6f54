"""A PostgreSQL that talks over TLS only, and asks for a password or a certificate."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from engines import packages, tls
from workers_postgres import Postgres

PASSWORD = "correct horse/battery@staple"

_HBA = """
local all dagu trust
hostssl certified all 127.0.0.1/32 cert map=certified
hostssl all all 127.0.0.1/32 scram-sha-256
"""
_IDENT = "certified client dagu\n"


class SecurePostgres(Postgres):
    """Its authority is the test's; the database ``certified`` wants a client's certificate.

    Args:
        certificates: Where they are made: ``server``, ``client`` and ``stranger``.
    """

    def __init__(self, certificates: Path) -> None:
        super().__init__()
        packages.need(packages.TLS)
        tls.make_certificates(certificates)
        self.authority = certificates / "server" / "ca.pem"
        self.other_authority = certificates / "other-authority" / "cert.pem"
        self.certificates = certificates
        self.create("runs")
        self.create("certified")
        self.sql("SET password_encryption = 'scram-sha-256'; ALTER ROLE dagu PASSWORD " + _quoted(PASSWORD))
        names = {"ca.pem": "ssl_ca_file", "cert.pem": "ssl_cert_file", "key.pem": "ssl_key_file"}
        settings = "ssl = on\n" + "".join(f"{setting} = '{name}'\n" for name, setting in names.items())
        for name in names:
            self._write(name, (certificates / "server" / name).read_text())
        self._write("postgresql.auto.conf", settings)
        self._write("pg_hba.conf", _HBA)
        self._write("pg_ident.conf", _IDENT)
        self.stop()
        self.start()

    def _write(self, name: str, text: str) -> None:
        user = pwd.getpwnam("postgres")
        path = self.data / name
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, user.pw_uid, user.pw_gid)

    def sql(self, statement: str, database: str = "postgres") -> str:
        return self._execute(
            statement, f"postgresql://dagu@/{database}?host={self.directory}&port={self.port}"
        )

    def url(
        self,
        database: str = "postgres",
        *,
        host: str = "",
        port: int = 0,
        password: str = "",
        **options: object,
    ) -> str:
        """Over TLS, the server's name and certificate checked."""
        found = super().url(database, host=host or "localhost", port=port)
        if password:
            found = found.replace("@", f":{password}@", 1)
        told = {"sslmode": "verify-full", "sslrootcert": self.authority, **options}
        return f"{found}?{'&'.join(f'{name}={value}' for name, value in told.items() if value)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
