"""A private dockerd that listens on TCP with mutual TLS, and certificates that fit and that don't."""

from __future__ import annotations

import subprocess
from pathlib import Path

from engines import EngineError, daemons, docker, packages
from engines.layout import DOCKER, Place, state_root
from engines.registry import free_port

NAME = "tls"
_HOST = "tcp_host"


def up(private: str = NAME) -> dict[str, str]:
    """Start the daemon, unless it answers.

    Returns:
        ``host`` (``tcp://127.0.0.1:PORT``); ``certs``, a folder fit for ``DOCKER_CERT_PATH``; ``bad_certs``, one
        whose client certificate comes from another authority; ``unix``, the same daemon without TLS.
    """
    place = Place(DOCKER, private)
    folder = state_root() / "private" / private / "certificates"
    record = daemons.read_record(place.record)
    if record is None or not record.process.alive():
        packages.need(packages.TLS)
        make_certificates(folder)
        host = f"tcp://127.0.0.1:{free_port()}"
        server = folder / "server"
        arguments = ["--host", host, "--tlsverify", "--tlscacert", str(server / "ca.pem")]
        arguments += ["--tlscert", str(server / "cert.pem"), "--tlskey", str(server / "key.pem")]
        docker.up(private, tuple(arguments), {_HOST: host})
        record = daemons.read_record(place.record)
    if record is None or _HOST not in record.facts:
        raise EngineError(f"the private name {private} is taken by a daemon without TLS: choose another")
    return {
        "host": record.facts[_HOST],
        "certs": str(folder / "client"),
        "bad_certs": str(folder / "stranger"),
        "unix": place.endpoint,
    }


def make_certificates(folder: Path) -> None:
    """Make the folders ``server``, ``client`` and ``stranger``, each with ``ca.pem``, ``cert.pem`` and ``key.pem``.

    The stranger trusts the right authority and is signed by another one, so that the server refuses it.
    """
    daemons.remove(folder)
    for name in ("authority", "other-authority"):
        _authority(folder / name)
    _certificate(folder / "server", folder / "authority", folder / "authority", "serverAuth")
    _certificate(folder / "client", folder / "authority", folder / "authority", "clientAuth")
    _certificate(folder / "stranger", folder / "authority", folder / "other-authority", "clientAuth")


def _authority(folder: Path) -> None:
    folder.mkdir(parents=True)
    subject = f"/CN=dagu engines {folder.name}"
    _openssl("req", "-x509", *_KEY, *_files(folder), "-days", "30", "-subj", subject)


def _certificate(folder: Path, trusted: Path, signer: Path, usage: str) -> None:
    folder.mkdir(parents=True)
    (folder / "ca.pem").write_bytes((trusted / "cert.pem").read_bytes())
    _openssl(
        *("req", "-x509", *_KEY, *_files(folder), "-days", "30", "-subj", f"/CN={folder.name}"),
        *("-CA", str(signer / "cert.pem"), "-CAkey", str(signer / "key.pem")),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"extendedKeyUsage={usage}"),
        *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
    )


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _files(folder: Path) -> tuple[str, ...]:
    return ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"openssl {arguments[0]}: {done.stderr.strip()}")
