"""Keys of the raw ``host`` object."""

from __future__ import annotations

from typing import Any

from dagu.contracts.container import Mount, MountType, Port
from dagu_podman_runtime.raw_changes import (
    Changes,
    Handler,
    Refused,
    entry,
    field,
    flag,
    keyed,
    more,
    only,
    table,
    texts,
    unsupported,
)

_ACCESS = {"": False, "rw": False, "ro": True}
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_BIND_OPTIONS = (*_PROPAGATION, "z", "Z", "U", "nocopy", "exec", "noexec", "suid", "nosuid", "dev", "nodev")


def _limit(*path: str, kind: Any = int) -> Handler:
    def handle(value: Any, changes: Changes) -> None:
        if value:
            changes.put(kind(value), "resource_limits", *path)

    return handle


def _number(name: str) -> Handler:
    def handle(value: Any, changes: Changes) -> None:
        if value:
            changes.offer(name, int(value))

    return handle


def _binds(value: Any, changes: Changes) -> None:
    for bind in texts(value):
        source, _, rest = bind.partition(":")
        target, _, text = rest.partition(":")
        if not target:
            raise Refused(f"{bind!r} is not of the form source:target[:options]")
        _mount(changes, source, target, [option for option in text.split(",") if option])


def _mount(changes: Changes, source: str, target: str, options: list[str]) -> None:
    kind = MountType.BIND if source.startswith("/") else MountType.VOLUME
    access = [option for option in options if option in _ACCESS]
    others = [option for option in options if option not in _ACCESS]
    read_only = any(_ACCESS[option] for option in access)
    if not others:
        changes.extend("mounts", [Mount(type=kind, source=source, target=target, read_only=read_only)])
        return
    if odd := [option for option in others if option not in _BIND_OPTIONS]:
        raise Refused(f"it has the options {', '.join(odd)}, which can't be honoured")
    both = ["ro" if read_only else "rw", *others]
    if kind is MountType.VOLUME:
        changes.put([{"Name": source, "Dest": target, "Options": both}], "volumes")
    else:
        bind = {"type": "bind", "source": source, "destination": target, "options": ["rbind", *both]}
        changes.put([bind], "mounts")


def _mounts(value: Any, changes: Changes) -> None:
    for given in value:
        found = {key: item for key, item in keyed(given).items() if item or key == "target"}
        kind = str(found.pop("type", "bind"))
        source, target = str(found.pop("source", "")), str(found.pop("target", ""))
        read_only = flag(found.pop("readonly", False))
        options: list[str] = ["ro"] if read_only else []
        size = mode = None
        if kind == "tmpfs":
            inner = only(found.pop("tmpfsoptions", {}), "sizebytes", "mode")
            size, mode = inner.get("sizebytes"), inner.get("mode")
        elif kind == "bind":
            inner = only(found.pop("bindoptions", {}), "propagation")
            options += [str(inner["propagation"])] if inner.get("propagation") else []
        elif kind == "volume":
            inner = only(found.pop("volumeoptions", {}), "nocopy")
            options += ["nocopy"] if inner.get("nocopy") else []
        else:
            raise Refused(f"the type {kind!r} can't be honoured")
        found.pop("consistency", None)
        if found or not target:
            raise Refused(f"a {kind} mount has {', '.join(sorted(found)) or 'no target'}")
        if kind == "tmpfs":
            mount = Mount(type=MountType.TMPFS, target=target, read_only=read_only, size=size, mode=mode)
            changes.extend("mounts", [mount])
        elif kind == "bind" and not source.startswith("/"):
            raise Refused(f"the source {source!r} of a bind mount is no absolute path")
        else:
            _mount(changes, source, target, options)


def _tmpfs(value: Any, changes: Changes) -> None:
    for target, text in value.items():
        options = [option for option in str(text or "").split(",") if option]
        names = {option.partition("=")[0] for option in options}
        defaults = [
            option for option in ("noexec", "nosuid", "nodev") if option.removeprefix("no") not in names
        ]
        options += [option for option in defaults if option not in names] + ["notmpcopyup"]
        mount = {"type": "tmpfs", "source": "tmpfs", "destination": str(target), "options": options}
        changes.put([mount], "mounts")


def _ports(value: Any, changes: Changes) -> None:
    for key, bindings in value.items():
        number, _, protocol = str(key).partition("/")
        for binding in bindings or [{}]:
            found = only(binding, "hostip", "hostport")
            host = str(found.get("hostport") or "")
            if host and not host.isdigit():
                raise Refused(f"the host port {host!r} is no number")
            port = Port(
                container_port=int(number),
                protocol=protocol or "tcp",
                host_ip=str(found.get("hostip") or ""),
                host_port=int(host) if host else None,
            )
            changes.extend("ports", [port])


def _restart(value: Any, changes: Changes) -> None:
    found = only(value, "name", "maximumretrycount")
    name = str(found.get("name") or "no")
    if name == "on-failure":
        changes.put(name, "restart_policy")
        changes.put(int(found.get("maximumretrycount") or 0), "restart_tries")
    elif name in ("no", "always", "unless-stopped"):
        changes.offer("restart_policy", name)
    else:
        raise Refused(f"there is no policy {name!r}")


def _network(value: Any, changes: Changes) -> None:
    if value not in ("", "default"):
        changes.offer("network", str(value))


def _hosts(value: Any, changes: Changes) -> None:
    changes.update("extra_hosts", dict(host.split(":", 1) for host in texts(value)))


def _namespace(key: str, *modes: str) -> Handler:
    def handle(value: Any, changes: Changes) -> None:
        mode, _, name = str(value).partition(":")
        if not mode:
            return
        if mode not in modes or (mode == "container") != bool(name):
            raise Refused(f"the mode {value!r} can't be honoured")
        changes.put({"nsmode": mode} | ({"value": name} if name else {}), key)

    return handle


def _devices(value: Any, changes: Changes) -> None:
    for given in value:
        found = only(given, "pathonhost", "pathincontainer", "cgrouppermissions")
        outside = str(found["pathonhost"])
        inside = str(found.get("pathincontainer") or outside)
        changes.extend("devices", [f"{outside}:{inside}:{found.get('cgrouppermissions') or 'rwm'}"])


def _device_rules(value: Any, changes: Changes) -> None:
    for rule in texts(value):
        kind, numbers, access = rule.split()
        major, minor = (None if part == "*" else int(part) for part in numbers.split(":"))
        entry = {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}
        changes.put([{key: item for key, item in entry.items() if item is not None}], "device_cgroup_rule")


def _device_requests(value: Any, changes: Changes) -> None:
    for given in value:
        found = {key: item for key, item in keyed(given).items() if item}
        if found.pop("driver", "nvidia") != "nvidia" or found.pop("capabilities", [["gpu"]]) != [["gpu"]]:
            raise Refused("only NVIDIA GPUs can be asked for")
        count, names = int(found.pop("count", 0)), found.pop("deviceids", [])
        if found:
            raise Refused(f"it has {', '.join(sorted(found))}, which can't be honoured")
        text = f"device={','.join(map(str, names))}" if names else "all" if count < 0 else str(count)
        changes.offer("gpus", text)


def _ulimits(value: Any, changes: Changes) -> None:
    for given in value:
        found = only(given, "name", "soft", "hard")
        limit = {"type": str(found["name"]), "soft": int(found["soft"]), "hard": int(found["hard"])}
        changes.put([limit], "r_limits")


def _log(value: Any, changes: Changes) -> None:
    found = only(value, "type", "config")
    driver = str(found.get("type") or "")
    if driver not in ("", "json-file", "k8s-file", "none", "journald", "local"):
        raise Refused(f"there is no log driver {driver!r}")
    options = only(found.get("config") or {}, "tag")
    if driver == "none":
        changes.offer("keep_output", False)
    elif driver == "journald" or options:
        chosen = "journald" if driver == "journald" else "k8s-file"
        changes.put({"driver": chosen} | ({"options": options} if options else {}), "log_configuration")


# Empty, they ask for nothing.
_UNSUPPORTED = (
    "blkioweightdevice",
    "blkiodevicereadbps",
    "blkiodevicewritebps",
    "blkiodevicereadiops",
    "blkiodevicewriteiops",
    "cpurealtimeperiod",
    "cpurealtimeruntime",
    "kernelmemory",
    "kernelmemorytcp",
    "cpucount",
    "cpupercent",
    "iomaximumiops",
    "iomaximumbandwidth",
    "containeridfile",
    "volumedriver",
    "cgroup",
    "links",
    "consolesize",
    "isolation",
    "readonlypaths",
)

HANDLERS: dict[str, Handler] = {
    "binds": _binds,
    "mounts": _mounts,
    "tmpfs": _tmpfs,
    "volumesfrom": entry("volumes_from", kind=texts),
    "networkmode": _network,
    "portbindings": _ports,
    "publishallports": entry("publish_image_ports", kind=flag),
    "dns": more("dns"),
    "dnsoptions": entry("dns_option", kind=texts),
    "dnssearch": entry("dns_search", kind=texts),
    "extrahosts": _hosts,
    "restartpolicy": _restart,
    "autoremove": field("auto_remove", flag),
    "init": field("init", flag),
    "capadd": more("cap_add"),
    "capdrop": more("cap_drop"),
    "groupadd": entry("groups", kind=texts),
    "privileged": field("privileged", flag),
    "readonlyrootfs": field("read_only", flag),
    "securityopt": more("security_opt"),
    "maskedpaths": entry("mask", kind=texts),
    "sysctls": entry("sysctl", kind=table),
    "annotations": entry("annotations", kind=table),
    "storageopt": entry("storage_opts", kind=table),
    "runtime": entry("oci_runtime", kind=str),
    "oomscoreadj": entry("oom_score_adj", kind=int),
    "cgroupparent": entry("cgroup_parent", kind=str),
    "ipcmode": _namespace("ipcns", "host", "private", "shareable", "none", "container"),
    "pidmode": _namespace("pidns", "host", "private", "container"),
    "utsmode": _namespace("utsns", "host", "private", "container"),
    "usernsmode": _namespace("userns", "host"),
    "cgroupnsmode": _namespace("cgroupns", "host", "private"),
    "shmsize": _number("shm_size"),
    "memory": _number("memory"),
    "pidslimit": _number("pids_limit"),
    "nanocpus": lambda value, changes: changes.offer("cpus", int(value) / 1e9) if value else None,
    "cpushares": _limit("cpu", "shares"),
    "cpuperiod": _limit("cpu", "period"),
    "cpuquota": _limit("cpu", "quota"),
    "cpusetcpus": _limit("cpu", "cpus", kind=str),
    "cpusetmems": _limit("cpu", "mems", kind=str),
    "memoryreservation": _limit("memory", "reservation"),
    "memoryswap": _limit("memory", "swap"),
    "memoryswappiness": _limit("memory", "swappiness"),
    "oomkilldisable": _limit("memory", "disableOOMKiller", kind=flag),
    "blkioweight": _limit("blockIO", "weight"),
    "devices": _devices,
    "devicecgrouprules": _device_rules,
    "devicerequests": _device_requests,
    "ulimits": _ulimits,
    "logconfig": _log,
    **dict.fromkeys(_UNSUPPORTED, unsupported),
}
