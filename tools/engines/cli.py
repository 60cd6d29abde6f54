"""Container engines for tests and newcomers on Debian and Ubuntu.

What answers at its usual place is used as it is; what is missing is installed and started, and only that is taken down
again. DAGU_ENGINES_STATE names another folder than /var/lib/dagu-engines for images and logs; set it for every command.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engines import EngineError, commands, images, layout, tls
from engines.layout import ENGINES, Place
from engines.status import Status


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except EngineError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands_ = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands_.add_parser("up", help="start what does not run yet, with alpine:3.20 on each")
    _engines(up)
    _private(up, "daemons beside the standard ones, which a test may kill")
    up.set_defaults(run=lambda given: commands.up(given.engines, _name(given)))

    down = commands_.add_parser("down", help="end what was started here")
    _engines(down)
    which = down.add_mutually_exclusive_group()
    _private(which, "that private name with all it has")
    which.add_argument(
        "--all", action="store_true", help="everything, with images, settings and the rootless user"
    )
    down.set_defaults(run=_down)

    env = commands_.add_parser("env", help="print export lines for the engines that answer")
    _private(env, "those of a private name")
    env.set_defaults(run=lambda given: _lines(commands.env(_name(given))))

    status = commands_.add_parser("status", help="print each engine's endpoint and state")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)

    image = commands_.add_parser("image", help="make an image from a root folder or a tar of one")
    image.add_argument("reference", metavar="NAME")
    image.add_argument("source", type=Path, metavar="FROM")
    image.add_argument("--engine", choices=ENGINES, default=layout.DOCKER)
    image.add_argument("--cmd", metavar="JSON", default="[]", help="the image's CMD, such as '[\"/bin/sh\"]'")
    _private(image, "on a private engine")
    image.set_defaults(run=_image)

    registry = commands_.add_parser("registry", help="a registry on loopback with a password; prints JSON")
    registry.add_argument("action", choices=("up", "down"))
    _private(registry, "one more beside the usual one")
    registry.set_defaults(run=_registry)

    secure = commands_.add_parser("tls", help="a private dockerd on TCP with certificates; prints JSON")
    secure.add_argument("action", choices=("up", "down"))
    _private(secure, f"its name; {tls.NAME} without one")
    secure.set_defaults(run=_tls)
    return parser


def _engines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"{', '.join(ENGINES)}; all without one")


def _private(parser: argparse._ActionsContainer, help_text: str) -> None:
    parser.add_argument("--private", metavar="NAME", help=help_text)


def _name(given: argparse.Namespace) -> str | None:
    return layout.check_name(given.private) if given.private is not None else None


def _lines(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _down(given: argparse.Namespace) -> None:
    if given.engines and (given.all or given.private):
        raise EngineError("--all and --private take everything down: leave out the engines' names")
    if given.all:
        commands.down_all()
    elif name := _name(given):
        commands.down_private(name)
    else:
        commands.down(given.engines)


def _status(given: argparse.Namespace) -> None:
    found = commands.report()
    if given.json:
        print(json.dumps([entry.as_dict() for entry in found], indent=2))
    else:
        _lines([_in_words(entry) for entry in found])


def _in_words(entry: Status) -> str:
    name = f"{entry.engine} ({entry.private})" if entry.private else entry.engine
    image = "alpine:3.20" if entry.alpine else "without alpine:3.20"
    more = entry.problem or (f"{entry.version}, {image}" if entry.version else "")
    return f"{name:<28} {entry.state:<12} {entry.endpoint}  {more}".rstrip()


def _image(given: argparse.Namespace) -> None:
    endpoint = Place(given.engine, _name(given)).endpoint
    make = images.import_folder if given.source.is_dir() else images.import_rootfs
    make(endpoint, given.source, given.reference, json.loads(given.cmd))


def _registry(given: argparse.Namespace) -> None:
    if given.action == "up":
        print(json.dumps(commands.registry_up(_name(given))))
    else:
        commands.registry_down(_name(given))


def _tls(given: argparse.Namespace) -> None:
    name = _name(given) or tls.NAME
    if given.action == "up":
        print(json.dumps(commands.tls_up(name)))
    else:
        commands.down_private(name)
