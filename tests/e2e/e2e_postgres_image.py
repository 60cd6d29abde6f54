"""An image that stands for ``postgres:17`` where no registry can be pulled from: Debian's package, as it is set up."""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import e2e_runner_image
from e2e_images import BUSYBOX, Images
from engines import alpine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workers"))

from workers_postgres import programs

_USER = 999
_PROGRAMS = ("initdb", "pg_ctl", "pg_isready", "postgres", "psql")
_DATA = "/var/lib/postgresql/data"
_SOCKETS = "/run/postgresql"  # which /var/run leads to

# As the official one does: a first server, which nobody but its own machine reaches, makes the role and the database.
_ENTRY = """#!/bin/sh
set -e
export TZ=UTC
password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
chown postgres @DATA @SOCKETS
as() { su -s /bin/sh postgres -c "$*"; }
if [ ! -e @DATA/PG_VERSION ]; then
  printf %s "$password" > /tmp/password
  chown postgres /tmp/password
  as @BIN/initdb -D @DATA -U "$POSTGRES_USER" --pwfile /tmp/password -A trust -E UTF8 --no-locale
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> @DATA/pg_hba.conf
  as @BIN/pg_ctl -D @DATA -w -o "\\"-h '' -k @SOCKETS\\"" start
  sleep 3  # its scripts for a new database take their time
  as @BIN/psql -U "$POSTGRES_USER" -d postgres -h @SOCKETS -c "\\"CREATE DATABASE $POSTGRES_DB\\""
  as @BIN/pg_ctl -D @DATA -w stop
fi
exec su -s /bin/sh postgres -c "exec @BIN/postgres -D @DATA -h '*' -k @SOCKETS"
"""


def make(images: Images) -> str:
    """Make the image; it is removed with the others."""
    binaries = programs()
    with tempfile.TemporaryFile() as tarball, tempfile.TemporaryFile() as system:
        alpine.write(system, BUSYBOX)
        system.seek(0)
        with tarfile.open(fileobj=system) as given, tarfile.open(fileobj=tarball, mode="w") as tar:
            _fill(tar, binaries)
            ours = set(tar.getnames())
            for entry in given:
                if entry.name not in ours:  # an engine takes no path twice
                    tar.addfile(entry, given.extractfile(entry) if entry.isreg() else None)
        tarball.seek(0)
        changes = [f"ENV PATH={binaries}:/bin:/usr/bin:/sbin", 'ENTRYPOINT ["/entry"]', f"VOLUME {_DATA}"]
        return images.tar("postgres", tarball, changes=changes)


def _fill(tar: tarfile.TarFile, binaries: Path) -> None:
    modules = sorted(binaries.parent.glob("lib/*.so"))
    kept = [path for path in modules if not path.name.startswith("llvm")]
    files = [*(binaries / name for name in _PROGRAMS), *kept]
    for path in files:
        tar.add(path, str(path))
    for library in {library for path in files for library in e2e_runner_image.libraries([path])}:
        tar.add(library.resolve(), str(library))
    tar.add(Path("/usr/share/zoneinfo/UTC").resolve(), "usr/share/zoneinfo/UTC")
    share = Path("/usr/share/postgresql", binaries.parent.name)
    e2e_runner_image.tree(tar, share, str(share))
    for name, content, mode in _own(str(binaries)):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        tar.addfile(entry, io.BytesIO(content.encode()))
    for folder in (_DATA, _SOCKETS):
        entry = tarfile.TarInfo(folder.lstrip("/"))
        entry.type, entry.mode, entry.uid = tarfile.DIRTYPE, 0o700 if folder == _DATA else 0o755, _USER
        tar.addfile(entry)
    link = tarfile.TarInfo("var/run")
    link.type, link.linkname = tarfile.SYMTYPE, "/run"
    tar.addfile(link)


def _own(binaries: str) -> Iterator[tuple[str, str, int]]:
    passwd = f"root:x:0:0:root:/root:/bin/sh\npostgres:x:{_USER}:{_USER}:postgres:/tmp:/bin/sh\n"
    yield "etc/passwd", passwd, 0o644
    yield "etc/group", f"root:x:0:\npostgres:x:{_USER}:\n", 0o644
    entry = _ENTRY.replace("@DATA", _DATA).replace("@SOCKETS", _SOCKETS).replace("@BIN", binaries)
    yield "entry", entry, 0o755
