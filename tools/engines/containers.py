"""Ending what runs in an engine before the engine itself is ended."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor

from engines.api import Api


def kill_all(api: Api, remove: bool) -> None:
    """SIGKILL every running container of an engine, and with ``remove`` take all away.

    A daemon that dies meanwhile is no error: what it leaves is swept up by its own module.
    """
    try:
        listed = api.call("GET", "/containers/json", {"all": "1"})
        with ThreadPoolExecutor(4) as workers:
            for done in [workers.submit(_end, api, entry["Id"], remove) for entry in listed]:
                done.result()
    except (OSError, http.client.HTTPException):
        return


def _end(api: Api, identifier: str, remove: bool) -> None:
    # Podman's forced removal alone would wait ten seconds for a polite end. 404, 409: gone or not running.
    api.request("POST", f"/containers/{identifier}/kill")
    if remove:
        api.request("DELETE", f"/containers/{identifier}", {"force": "1", "v": "1"})
