"""Keys of the raw ``network`` object."""

from __future__ import annotations

from typing import Any

from dagu_podman_runtime.raw_changes import Changes, Handler, Refused, keyed, only, texts

_SPECIAL = ("host", "none", "default")


def _endpoints(value: Any, changes: Changes) -> None:
    networks: dict[str, Any] = {}
    for name, given in value.items():
        if name in _SPECIAL:
            raise Refused(f"{name!r} is no network that a container joins with others")
        networks["podman" if name == "bridge" else name] = _endpoint(given or {})
    if not networks:
        return
    mode = changes.get("network")
    if mode and mode not in networks and mode != "bridge":
        raise Refused(f"it does not go with the network {mode!r}")
    # Whatever mode was asked for, it is one of these.
    changes.fields["network"] = "bridge"
    changes.put(networks, "Networks")


def _endpoint(given: Any) -> dict[str, Any]:
    found = {key: item for key, item in keyed(given).items() if item}
    entry: dict[str, Any] = {}
    if aliases := found.pop("aliases", None):
        entry["aliases"] = texts(aliases)
    if mac := found.pop("macaddress", None):
        entry["static_mac"] = str(mac)
    if addresses := found.pop("ipamconfig", None):
        inner = only(addresses, "ipv4address", "ipv6address")
        entry["static_ips"] = [str(address) for address in inner.values() if address]
    if found:
        raise Refused(f"it has {', '.join(sorted(found))}, which can't be honoured")
    return entry


HANDLERS: dict[str, Handler] = {"endpointsconfig": _endpoints}
