"""A registry on loopback that breaks off, or stalls, in the middle of a layer, for as long as it is told to."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from e2e_images import BUSYBOX
from engines import alpine
from engines.podman_config import REGISTRY_PORTS

NAME = "faulty"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FaultyRegistry:
    """Serves one image. ``breaking`` and ``stalling`` say what happens to its layer; ``broken`` is set once it did.

    Args:
        port: On loopback.
    """

    def __init__(self, port: int) -> None:
        self.breaking = self.stalling = False
        self.broken = threading.Event()
        self.mended = threading.Event()
        self._blobs, self._manifest = _image()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self._server.server_port}/{NAME}:1"

    def mend(self) -> None:
        """Serve all from now on."""
        self.breaking = self.stalling = False
        self.mended.set()

    def close(self) -> None:
        self.mended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def log_message(self, *_: Any) -> None:
                return

            def _answer(self, *, body: bool) -> None:
                kind, data = registry.found(self.path)
                self.send_response(200 if data else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Content-Length", str(len(data)))
                if kind == _MANIFEST:
                    self.send_header("Docker-Content-Digest", _digest(data))
                self.end_headers()
                if not body:
                    return
                if kind == _LAYER and (registry.breaking or registry.stalling):
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    registry.broken.set()
                    if registry.stalling:
                        registry.mended.wait()
                    self.close_connection = True
                else:
                    self.wfile.write(data)

        return Handler

    def found(self, path: str) -> tuple[str, bytes]:
        """Media type and content behind a path; empty for what is not there."""
        if path == "/v2/":
            return "application/json", b"{}"
        if re.fullmatch(rf"/v2/{NAME}/manifests/.*", path):
            return _MANIFEST, self._manifest
        return self._blobs.get(path.rpartition("/")[2], ("text/plain", b""))


def registry() -> FaultyRegistry:
    """One at a port where engines expect plain HTTP."""
    for port in reversed(REGISTRY_PORTS):
        try:
            return FaultyRegistry(port)
        except OSError:
            continue
    raise AssertionError("all ports for registries are taken")


def _image() -> tuple[dict[str, tuple[str, bytes]], bytes]:
    plain = io.BytesIO()
    alpine.write(plain, BUSYBOX)
    layer = gzip.compress(plain.getvalue(), 1)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain.getvalue())]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": _LAYER, "size": len(layer), "digest": _digest(layer)}],
    }
    blobs = {_digest(config): (_CONFIG, config), _digest(layer): (_LAYER, layer)}
    return blobs, json.dumps(manifest).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
