"""From ``DAGU_DATABASE_URL`` to what the driver connects with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dagu.contracts.shared import URL_VARIABLE
from dagu.errors import DaguError, UsageError

PASSWORD_FILE = "DAGU_DATABASE_PASSWORD_FILE"

# A connection whose other end is gone without a word is noticed within seconds, and no statement waits for ever.
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "dagu",
}
STATEMENT_SECONDS = 10
OPTIONS = f"-c statement_timeout={STATEMENT_SECONDS}s"


def parameters(environ: Mapping[str, str]) -> dict[str, Any]:
    """What to connect with. A password comes from the URL, from a file, or, by libpq, from ``.pgpass``.

    Raises:
        UsageError: No URL is given, or it can't be read.
        DaguError: The password's file can't be read.
    """
    url = environ.get(URL_VARIABLE, "").strip()
    if not url:
        raise UsageError(
            f"{URL_VARIABLE} is not set", hint="write it like postgresql://dagu@db.internal/dagu"
        )
    try:
        given: Mapping[str, Any] = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        given = {}
    # Such a character in a password makes what comes after it the host, or the port.
    host, port = str(given.get("host", "")), str(given.get("port", "1"))
    if not given or "@" in host or not port.replace(",", "").isdigit():
        # The driver's message would quote the URL, with the password; so there is none.
        raise UsageError(
            f"{URL_VARIABLE} can't be read",
            hint="write it like postgresql://dagu@db.internal/dagu; in a password, @ is written as %40, / as %2F "
            "and % as %25",
        )
    found: dict[str, Any] = {**_DEFAULTS, "options": OPTIONS, **given}
    file = environ.get(PASSWORD_FILE, "")
    if file:
        try:
            found["password"] = Path(file).read_text().strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise DaguError(
                f"{PASSWORD_FILE}: {file} can't be read: {why}", hint="it holds the password and nothing else"
            ) from error
    return found


_ADVICE = {
    "certificate verify failed": "sslrootcert in {} is to name the authority that signed the server's certificate",
    "does not match host name": "name the host in {} as the server's certificate does",
    "root certificate file": "sslrootcert in {} is to name the authority that signed the server's certificate",
    "client certificate": "name the certificate and its key in {}: sslcert=…&sslkey=…",
    "tlsv1 alert": "sslcert and sslkey in {} are to be what the server trusts",
    "password": "it comes from {}, from the file that DAGU_DATABASE_PASSWORD_FILE names, or from .pgpass (mode 600)",
}


def advice(said: str) -> str:
    """What to do about what the driver says of a connection that can't be had."""
    known = (what for sign, what in _ADVICE.items() if sign in said)
    return next(known, "check {} and the server").format(URL_VARIABLE)


def shown(environ: Mapping[str, str]) -> str:
    """The database for messages: without user and password."""
    given = parameters(environ)
    host = given.get("host") or given.get("hostaddr") or "the local socket"
    return f"{given.get('dbname') or given.get('user') or 'the default database'} on {host}"
