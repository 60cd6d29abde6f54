"""Images for tests, made of the one that every engine has."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from e2e_engines import TOOL, EngineUnderTest

sys.path.insert(0, str(TOOL.parent))

from engines import alpine
from engines import images as tool_images
from engines.api import Api

BUSYBOX = Path("/bin/busybox")


class Images:
    """Makes images on one engine, and removes them.

    Args:
        endpoint: ``unix:///path`` of the engine.
    """

    def __init__(self, engine: EngineUnderTest) -> None:
        self.endpoint = engine.endpoint
        self._undo = ExitStack()

    def make(
        self,
        name: str,
        *,
        entrypoint: Iterable[str] = (),
        cmd: Iterable[str] = (),
        changes: Iterable[str] = (),
    ) -> str:
        """An image like ``alpine:3.20`` with an entry point, a command and more instructions."""
        lines = list(changes)
        if entry := list(entrypoint):
            lines.append(f"ENTRYPOINT {_json(entry)}")
        with tempfile.TemporaryFile() as tarball:
            alpine.write(tarball, BUSYBOX)
            return self._import(name, tarball, cmd, lines)

    def of_files(self, name: str, files: Mapping[str, bytes], *, cmd: Iterable[str] = ()) -> str:
        """An image that holds nothing but these executables."""
        import io
        import tarfile

        with tempfile.TemporaryFile() as tarball:
            with tarfile.open(fileobj=tarball, mode="w") as tar:
                for path, content in files.items():
                    entry = tarfile.TarInfo(path.lstrip("/"))
                    entry.mode, entry.size = 0o755, len(content)
                    tar.addfile(entry, io.BytesIO(content))
            return self._import(name, tarball, cmd, [])

    @staticmethod
    def busybox() -> bytes:
        """A static busybox, which is whatever program it is told."""
        return BUSYBOX.read_bytes()

    def tar(self, name: str, tarball: Any, *, cmd: Iterable[str] = (), changes: Iterable[str] = ()) -> str:
        """An image of a root file system."""
        return self._import(name, tarball, cmd, list(changes))

    def _import(self, name: str, tarball: Any, cmd: Iterable[str], changes: list[str]) -> str:
        reference = f"dagu-e2e/{name}-{os.urandom(4).hex()}:1"
        tarball.seek(0)
        tool_images.import_rootfs(self.endpoint, tarball, reference, cmd, changes)
        self._undo.callback(self.remove, reference)
        return reference

    def remove(self, reference: str) -> None:
        """Remove an image; gone is fine."""
        response = Api(self.endpoint).request(
            "DELETE", f"/images/{quote(reference, safe='/:')}", [("force", "1")]
        )
        assert response.status in (200, 404), response.data

    def prune(self, label: str) -> None:
        """Remove images of that label that have no name: the stages of a build."""
        import json

        filters = json.dumps({"dangling": ["true"], "label": [label]})
        response = Api(self.endpoint).request("POST", "/images/prune", [("filters", filters)])
        assert response.status == 200, response.data

    def inspect_container(self, container: str) -> Any:
        """Everything that the engine tells of a container."""
        import json

        response = Api(self.endpoint).request("GET", f"/containers/{container}/json")
        assert response.status == 200, response.data
        return json.loads(response.data)

    def close(self) -> None:
        """Remove everything that was made."""
        self._undo.close()


def _json(words: list[str]) -> str:
    import json

    return json.dumps(words)
