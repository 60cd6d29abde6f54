"""One connection to the engine, as a plain socket, whatever lies between.

All traffic goes through :class:`Dialer`: so an engine that is not there is told apart from one that went away in
the middle of a call, and streams can be closed for writing alone on every kind of endpoint.
"""

from __future__ import annotations

import errno
import http.client
import shlex
import socket
import ssl
import subprocess
import tempfile
import threading

from dagu.errors import EngineForbidden, EngineUnreachable, RuntimeFailure
from dagu_docker_runtime.endpoint import Endpoint, TlsFiles
from dagu_docker_runtime.tls_bridge import Pump, bridge

CONNECT_TIMEOUT = 30.0
"""Seconds until an endpoint that does not answer a connection counts as absent."""


class Dialer:
    """Opens connections to one engine, from any thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._let_in = False

    def dial(self) -> socket.socket:
        """Open a connection.

        Raises:
            EngineUnreachable: Nothing answers there.
            EngineForbidden: Something is there, but won't have this user, or can't prove who it is.
        """
        endpoint = self._endpoint
        try:
            if endpoint.scheme == "ssh":
                return _dial_ssh(endpoint)
            if endpoint.scheme == "unix":
                return _dial_unix(endpoint.address)
            plain = socket.create_connection((endpoint.address, endpoint.port), timeout=CONNECT_TIMEOUT)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A wait may last for days; without it, nobody would ever learn that the other machine is gone.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if endpoint.tls is not None:
                return self._secure(plain, endpoint.tls)
        except OSError as error:
            raise connect_failure(error, endpoint) from error
        plain.settimeout(None)
        return plain

    def _secure(self, plain: socket.socket, files: TlsFiles) -> socket.socket:
        try:
            context = ssl.create_default_context(cafile=files.ca or None)
            if not files.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if files.cert and files.key:
                context.load_cert_chain(files.cert, files.key)
            near, pump = bridge(plain, context, self._endpoint.address)
        except BaseException:
            plain.close()
            raise
        if not self._let_in:
            self._wait_to_be_let_in(near, pump)
        return near

    def _wait_to_be_let_in(self, near: socket.socket, pump: Pump) -> None:
        """From TLS 1.3 on, a server refuses a client's certificate only after the handshake, once."""
        try:
            _ping(near, self._endpoint)
        except (OSError, http.client.HTTPException) as error:
            near.close()
            pump.ended.wait(CONNECT_TIMEOUT)
            if pump.alert is None:
                raise ConnectionResetError(str(error) or "the connection was closed") from error
            raise EngineForbidden(
                f"the Docker engine at {self._endpoint.url} (from {self._endpoint.source}) refuses this client's "
                f"certificate: {pump.alert}",
                hint="DOCKER_CERT_PATH must hold a cert.pem and key.pem that the engine's authority signed",
            ) from error
        self._let_in = True


def connect_failure(error: OSError, endpoint: Endpoint) -> RuntimeFailure:
    """The error for a connection that did not come about."""
    where = f"{endpoint.url} (from {endpoint.source})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return EngineForbidden(
            f"the certificate of the Docker engine at {where} is not trusted: {error.verify_message}",
            hint="DOCKER_CERT_PATH must hold the ca.pem that signed it, for this very host name",
        )
    if isinstance(error, ssl.SSLError):
        return EngineForbidden(
            f"no TLS connection with the Docker engine at {where}: {error}",
            hint="check the certificate files and the port; for an engine without TLS, unset DOCKER_TLS_VERIFY "
            "and DOCKER_CERT_PATH",
        )
    if endpoint.scheme == "unix" and error.errno in (errno.EACCES, errno.EPERM):
        return EngineForbidden(
            f"permission denied on the Docker socket {where}",
            hint="run as a user of the socket's group, usually `docker` (whoever is in it is root on the "
            "machine), or use rootless Docker",
        )
    reason = error.strerror or str(error) or type(error).__name__
    hint = "start Docker, or name the engine to use with DOCKER_HOST"
    if isinstance(error, TimeoutError):
        reason, hint = f"no answer within {CONNECT_TIMEOUT:.0f} s", "check the address and the firewall"
    elif isinstance(error, socket.gaierror):
        hint = "check the host name"
    return EngineUnreachable(f"cannot connect to the Docker engine at {where}: {reason}", hint=hint)


def _dial_unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _dial_ssh(endpoint: Endpoint) -> socket.socket:
    """Speak through ``docker system dial-stdio`` on the other machine, as the Docker client does."""
    target = ["-l", endpoint.user] if endpoint.user else []
    target += ["-p", str(endpoint.port)] if endpoint.port else []
    target += ["--", endpoint.address]
    argv = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT:.0f}"]
    argv += [*target, "docker system dial-stdio"]
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed on every way out
    try:
        # A session of its own: Ctrl-C is for the runner, which still needs the engine to clean up.
        process = subprocess.Popen(
            argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=errors, start_new_session=True
        )
    except FileNotFoundError as error:
        ours.close()
        errors.close()
        raise EngineUnreachable(
            f"cannot connect to the Docker engine at {endpoint.url}: there is no program `ssh` here",
            hint="install an OpenSSH client",
        ) from error
    finally:
        theirs.close()
    try:
        _ping(ours, endpoint)
    except (OSError, http.client.HTTPException) as error:
        ours.close()
        process.terminate()
        process.wait()
        errors.seek(0)
        said = " ".join(errors.read().decode(errors="replace").split()) or str(error)
        errors.close()
        raise EngineUnreachable(
            f"cannot connect to the Docker engine at {endpoint.url} (from {endpoint.source}): {said}",
            hint=f"try `ssh {shlex.join(target)} docker version`; ssh must get there without asking anything",
        ) from error
    errors.close()
    threading.Thread(target=process.wait, name="dagu-docker-ssh", daemon=True).start()
    return ours


def _ping(connection: socket.socket, endpoint: Endpoint) -> None:
    """Wait until the engine answers: only then is the way through, and only before that are its errors told."""
    connection.settimeout(CONNECT_TIMEOUT)
    client = http.client.HTTPConnection("docker")
    client.sock = connection
    client.request("GET", f"{endpoint.path}/_ping")
    client.getresponse().read()
    connection.settimeout(None)
