"""Security options as Docker's command line takes them, in libpod's words. None is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagu.errors import RequestRefused

Spec = dict[str, Any]
_TRUE = ("", "true", "1", "yes")
_FALSE = ("false", "0", "no")


def options(given: Sequence[str]) -> Spec:
    """Translate security options.

    ``seccomp=`` takes a file on the engine's machine; JSON text is left as ``seccomp_profile_text`` for the caller,
    who has to make a file of it.

    Raises:
        RequestRefused: With every option that can't be honoured.
    """
    spec: Spec = {}
    wrong = [option for option in given if not _take(option, spec)]
    if wrong:
        raise RequestRefused(
            f"Podman can't honour the security options {', '.join(repr(option) for option in wrong)}",
            hint="it takes no-new-privileges, seccomp=, apparmor=, label=, mask=, unmask= and systempaths=unconfined",
        )
    return spec


def _take(option: str, spec: Spec) -> bool:
    # Docker separates with an equals sign, and with a colon in its older form.
    name = option.split("=", 1)[0].split(":", 1)[0]
    value = option[len(name) + 1 :]
    match name:
        case "no-new-privileges" if value.lower() in (*_TRUE, *_FALSE):
            spec["no_new_privileges"] = value.lower() in _TRUE
        case "seccomp" if value:
            key = "seccomp_profile_text" if value.lstrip().startswith("{") else "seccomp_profile_path"
            spec[key] = value
        case "apparmor" if value:
            spec["apparmor_profile"] = value
        case "label" if value:
            spec.setdefault("selinux_opts", []).append(value)
        case "mask" if value:
            spec.setdefault("mask", []).extend(value.split(":"))
        case "unmask" if value:
            spec.setdefault("unmask", []).extend(["ALL"] if value.upper() == "ALL" else value.split(":"))
        case "systempaths" if value == "unconfined":
            spec.setdefault("unmask", []).append("ALL")
        case _:
            return False
    return True
