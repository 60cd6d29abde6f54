"""The commands."""

from __future__ import annotations

import argparse
import json
import os
import sys

from engines import EngineError, daemons, docker, images, layout, podman, podman_config, rootless
from engines.api import Api
from engines.layout import DOCKER, ENGINES, PODMAN, PRIVATE_ENGINES, ROOTLESS, Place

_VARIABLES = {DOCKER: "DOCKER_HOST", PODMAN: "DAGU_PODMAN_HOST", ROOTLESS: "DAGU_TEST_ROOTLESS_HOST"}


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
    parser = argparse.ArgumentParser(prog="tools/engines", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start what does not run yet, with alpine:3.20 on each")
    up.add_argument("engines", nargs="*", metavar="ENGINE", help=f"{', '.join(ENGINES)}; all without one")
    up.add_argument("--private", metavar="NAME", help="daemons beside the standard ones, which a test may kill")
    up.set_defaults(run=_up)
    return parser


def _up(arguments: argparse.Namespace) -> None:
    private = layout.check_name(arguments.private) if arguments.private else None
    possible = PRIVATE_ENGINES if private else ENGINES
    wanted = arguments.engines or possible
    if wrong := [name for name in wanted if name not in possible]:
        raise EngineError(f"no such engine here: {', '.join(wrong)}. There are {', '.join(possible)}")
    for engine in wanted:
        place = Place(engine, private)
        if Api(place.endpoint).ping() is not None and images.has_image(place.endpoint, images.ALPINE):
            continue
        if os.geteuid() != 0:
            raise EngineError(f"{engine} is not set up yet: run `sudo python3 tools/engines up {engine}` once")
        with daemons.one_at_a_time():
            if engine == DOCKER:
                docker.up(private)
            elif engine == PODMAN:
                podman.up(private)
            else:
                rootless.up()
            images.ensure_alpine(place.endpoint)
