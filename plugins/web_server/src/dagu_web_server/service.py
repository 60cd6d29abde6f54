"""The service: a socket, an application, and a loop that serves it."""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import replace
from errno import EADDRINUSE

import uvicorn

from dagu.contracts.service import ServiceContext
from dagu.contracts.specs import Service
from dagu.errors import DaguError
from dagu_web_server.application import make_application
from dagu_web_server.config import Config, read_config
from dagu_web_server.parts import Parts

_log = logging.getLogger("dagu.web")
_BACKLOG = 256


class WebService(Service):
    """Serves the page, the API and the metrics.

    Args:
        context: What it may use. Its settings say where it listens and who may come in.

    Raises:
        DaguError: A setting does not fit, or the address can't be had.
    """

    def __init__(self, context: ServiceContext) -> None:
        config = read_config(context.settings())
        tls = _tls(config)
        self._socket = _listen(config)
        self.config = replace(config, port=self._socket.getsockname()[1])
        self._parts = Parts(context=context, config=self.config)
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_application(self._parts),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(config.trusted_proxies),
                forwarded_allow_ips=config.trusted_proxies or "",
                http="h11",
                loop="asyncio",
                ws="none",
                backlog=_BACKLOG,
                timeout_keep_alive=15,
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )
        )

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return self.config.url

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        _log.info("serving on %s", self.url)
        try:
            with self._socket:
                self._server.run(sockets=[self._socket])
        finally:
            self._parts.feeds.close()

    def stop(self, grace: float) -> None:
        """Answer what was asked already, within ``grace`` seconds."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace))
        self._server.should_exit = True
        self._parts.feeds.close()


def _tls(config: Config) -> ssl.SSLContext | None:
    if not config.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
    except (ssl.SSLError, OSError) as error:
        raise DaguError(
            f"DAGU_TLS_CERT, DAGU_TLS_KEY: {config.tls_cert} and {config.tls_key} can't be used: {error}",
            hint="a certificate chain and its unencrypted key, both as PEM",
        ) from error
    return context


def _listen(config: Config) -> socket.socket:
    where = f"{config.host}:{config.port}"
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return socket.create_server((str(address[0]), config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        hint = (
            "something listens there already; choose another DAGU_PORT" if error.errno == EADDRINUSE else ""
        )
        raise DaguError(f"the web server can't listen on {where}: {error.strerror}", hint=hint) from error
