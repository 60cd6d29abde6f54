"""Keys of the raw ``container`` object."""

from __future__ import annotations

from typing import Any

from dagu.contracts.container import Healthcheck, Mount, MountType
from dagu_podman_runtime.raw_changes import (
    Changes,
    Handler,
    Refused,
    entry,
    field,
    flag,
    nothing,
    only,
    seconds,
    table,
    unsupported,
    words,
)


def _env(value: Any, changes: Changes) -> None:
    pairs = value.items() if hasattr(value, "items") else [str(item).partition("=")[::2] for item in value]
    changes.update("env", {str(name): str(text) for name, text in pairs})


def _labels(value: Any, changes: Changes) -> None:
    changes.update("labels", table(value))


def _terminal(value: Any, _changes: Changes) -> None:
    if flag(value):
        raise Refused("a terminal would mix standard output and error")


def _exposed(value: Any, changes: Changes) -> None:
    for port in value:
        number, _, protocol = str(port).partition("/")
        changes.put(protocol or "tcp", "expose", str(int(number)))


def _volumes(value: Any, changes: Changes) -> None:
    changes.extend("mounts", [Mount(type=MountType.VOLUME, target=str(path)) for path in value])


def _image(value: Any, changes: Changes) -> None:
    if not changes.get("image"):
        changes.fields["image"] = str(value)


def _no_network(value: Any, changes: Changes) -> None:
    if flag(value):
        changes.offer("network", "none")


def _health(value: Any, changes: Changes) -> None:
    given = only(value, "test", "interval", "timeout", "startperiod", "retries")

    def time(key: str) -> float | None:
        return seconds(given[key]) if given.get(key) else None

    check = Healthcheck(
        test=words(given.get("test") or ()),
        interval=time("interval"),
        timeout=time("timeout"),
        start_period=time("startperiod"),
        retries=int(given["retries"]) if given.get("retries") else None,
    )
    changes.offer("healthcheck", check)


HANDLERS: dict[str, Handler] = {
    "hostname": field("hostname", str),
    "domainname": unsupported,
    "user": field("user", str),
    "attachstdin": nothing,
    "attachstdout": nothing,
    "attachstderr": nothing,
    "exposedports": _exposed,
    "tty": _terminal,
    "openstdin": field("stdin", flag),
    "stdinonce": nothing,
    "env": _env,
    "cmd": field("command", words),
    "healthcheck": _health,
    "argsescaped": unsupported,
    "image": _image,
    "volumes": _volumes,
    "workingdir": field("working_dir", str),
    "entrypoint": field("entrypoint", words),
    "networkdisabled": _no_network,
    "macaddress": unsupported,
    "onbuild": unsupported,
    "labels": _labels,
    "stopsignal": field("stop_signal", str),
    "stoptimeout": entry("stop_timeout", kind=int),
    "shell": unsupported,
}
