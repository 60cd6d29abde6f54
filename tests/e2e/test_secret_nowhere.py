"""A secret and a registry's password: while a run uses them, and afterwards, they stand nowhere but where they must."""

from __future__ import annotations

import json
from pathlib import Path

import e2e_registry
import pytest
from e2e_dagu import Dagu
from e2e_engines import engine
from e2e_images import Images
from e2e_registry import Registry

from dagu.history.records import Status
from dagu.sandbox import labels

SECRET = "s3cr3t-of-the-nowhere-test"


@pytest.fixture
def images(dagu_docker: Dagu) -> Images:
    return Images(engine("docker"))


@pytest.fixture
def registry() -> Registry:
    return e2e_registry.registry()


def command_lines() -> str:
    """Of every process of this machine, containers' included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def files(*folders: Path) -> str:
    """Names and contents of all files; history's database is read as bytes, with its journal."""
    paths = [path for folder in folders for path in folder.rglob("*")]
    contents = [path.read_bytes().decode(errors="replace") for path in paths if path.is_file()]
    return "\n".join([*map(str, paths), *contents])


@pytest.mark.docker
def test_it_is_found_in_the_steps_environment_alone(
    dagu_docker: Dagu, images: Images, registry: Registry
) -> None:
    image = registry.image(images)
    held = {"secret": SECRET, "password": registry.password, "pair": registry.auth}
    path = dagu_docker.write(
        f"""
        secrets: [{{name: TOKEN, provider: env, key: TOKEN_HERE}}, {{name: PASS, provider: env, key: PASS_HERE}}]
        registry_auths: {{"{registry.address}": {{username: {registry.username}, password: "${{env.PASS}}"}}}}
        steps:
          - id: own
            container: {{image: "{image}"}}
            env: [AGAIN: "${{env.TOKEN}}"]
            run: echo "told $TOKEN $AGAIN $PASS"; until [ -e /go ]; do sleep 0.1; done
          - id: host
            depends: own
            run: echo "told $TOKEN"; echo "$TOKEN" >&2; false
            continue_on: failed
        """
    )
    run = dagu_docker.begin_run(path, env={"TOKEN_HERE": SECRET, "PASS_HERE": registry.password})
    state = dagu_docker.until_contained(run)
    told = images.inspect_container(state.id)
    environment = told["Config"].pop("Env")
    seen = {"inspect": json.dumps(told), "command lines": command_lines(), "files": files(dagu_docker.home)}
    dagu_docker.execute(state.id, "touch", "/go")
    ran = run.finish()
    assert ran.status is Status.PARTIALLY_SUCCEEDED
    seen |= {
        "files afterwards": files(dagu_docker.home),
        "messages": ran.stdout + ran.stderr,
        "status": dagu_docker.command("status", "--run-id", run.run_id).stdout,
        "history": dagu_docker.command("history", "--json").stdout,
        "record": repr(ran.record),
    }
    registry.close()

    # Where it must be, and the look is not blind.
    assert f"TOKEN={SECRET}" in environment
    assert told["Config"]["Labels"][labels.RUN] == run.run_id
    assert run.run_id in seen["command lines"]
    assert run.run_id in seen["files"]
    assert ran.text("own") == "told ******* ******* *******\n"
    found = [(what, where) for what, value in held.items() for where, text in seen.items() if value in text]
    assert found == []
