"""Pull policies, and credentials of registries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e_dagu import Dagu, Ran
from e2e_engines import EngineUnderTest
from e2e_images import Images
from e2e_registry import Registry

WRONG = "not-the-passw0rd-at-all"


def flow(image: str, policy: str, auths: str = "") -> str:
    return f"""
        {auths}
        steps:
          - id: a
            container: {{image: "{image}", pull_policy: {policy}}}
            run: echo ran
        """


def auths(registry: Registry, password: str = "") -> str:
    return (
        f'registry_auths: {{"{registry.address}": '
        f"{{username: {registry.username}, password: {password or registry.password}}}}}"
    )


def nothing_told(ran: Ran, *secrets: str) -> None:
    """See to it that secrets stand neither in output nor in any file of the run but its own source."""
    everything = ran.stdout + ran.stderr
    for path in Path(ran.home).rglob("*"):
        if path.is_file() and "history" not in path.name:
            everything += path.read_text(errors="replace")
    record = ran.record
    everything += repr([record.error, record.params, record.steps])
    for secret in secrets:
        assert secret not in everything


def pulled(ran: Ran, image: str) -> int:
    """How often an image was pulled, by what the run said."""
    return ran.stderr.count(f"image {image}: pulled")


def test_missing_pulls_once(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    source = f"""
        {auths(registry)}
        steps:
          - {{id: a, container: {{image: "{image}"}}, run: echo a}}
          - {{id: b, container: {{image: "{image}"}}, run: echo b}}
          - {{id: c, container: {{image: "{image}", pull_policy: missing}}, run: echo c}}
        """
    ran = dagu.start(source).succeeded()
    assert pulled(ran, image)
    assert ran.stderr.count(f"image {image}: pulled") == 1
    nothing_told(ran, registry.password, registry.auth)
    again = dagu.start(flow(image, "missing")).succeeded()
    assert not pulled(again, image)


def test_always_pulls_although_it_is_there(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    for policy in ("always", "true"):
        assert pulled(dagu.start(flow(image, policy, auths(registry))).succeeded(), image)
    ran = dagu.start(flow(image, "always", auths(registry, WRONG))).failed(image, "credentials")
    nothing_told(ran, WRONG)


@pytest.mark.parametrize("policy", ["never", "false"])
def test_never(policy: str, dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    ran = dagu.start(flow(image, policy, auths(registry))).failed(image, "pull_policy is never")
    assert not pulled(ran, image)
    dagu.start(flow(image, "missing", auths(registry))).succeeded()
    dagu.start(flow(image, policy)).succeeded()


def test_fallback(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    ran = dagu.start(flow(image, "fallback", auths(registry, WRONG))).failed(image, "credentials")
    assert pulled(dagu.start(flow(image, "fallback", auths(registry))).succeeded(), image)
    ran = dagu.start(flow(image, "fallback", auths(registry, WRONG))).succeeded()
    assert ran.text("a") == "ran\n"
    assert "local image" in ran.stderr
    nothing_told(ran, WRONG)


def test_what_no_registry_has(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = f"{registry.address}/no-such-image:1"
    dagu.start(flow(image, "missing", auths(registry))).failed(image)
    dagu.start(flow("127.0.0.1:1/nobody/listens:1", "missing")).failed("127.0.0.1:1/nobody/listens:1")


def test_a_root_container_is_pulled_too(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    ran = dagu.start(f"{auths(registry)}\ncontainer: {{image: '{image}'}}\nsteps: [{{id: a, run: echo ran}}]")
    assert pulled(ran.succeeded(), image)


@pytest.mark.parametrize("form", ["auth", "https", "host", "json", "reference", "secret"])
def test_credentials_of_the_workflow(form: str, dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    host, user, password = registry.address, registry.username, registry.password
    written = {
        "auth": f'registry_auths: {{"{host}": {{auth: {registry.auth}}}}}',
        "https": f'registry_auths: {{"https://{host}": {{username: {user}, password: {password}}}}}',
        "host": f'registry_auths: {{"127.0.0.1": {{username: {user}, password: {password}}}}}',
        "json": f"registry_auths: '{registry.config}'",
        "reference": f"params: [who={user}]\n        registry_auths: "
        f'{{"{host}": {{username: "${{params.who}}", password: "${{env.PASS}}"}}}}\n'
        "        env: [PASS: $REGISTRY_PASSWORD]",
        "secret": "secrets: [{name: PASS, provider: env, key: REGISTRY_PASSWORD}]\n        registry_auths: "
        f'{{"{host}": {{username: {user}, password: "${{env.PASS}}"}}}}',
    }[form]
    ran = dagu.start(flow(image, "missing", written), env={"REGISTRY_PASSWORD": password}).succeeded()
    assert pulled(ran, image)
    nothing_told(ran, password, registry.auth)


def test_credentials_of_the_environment_and_of_config_files(
    dagu: Dagu, engine: EngineUnderTest, registry: Registry, images: Images, tmp_path: Path
) -> None:
    image = registry.image(images)
    ran = dagu.start(flow(image, "always"), env={"DOCKER_AUTH_CONFIG": registry.config}).succeeded()
    nothing_told(ran, registry.password, registry.auth)
    dagu.start(flow(image, "always")).failed(image)
    config = tmp_path / "config"
    config.mkdir()
    (config / "config.json").write_text(registry.config)
    dagu.start(flow(image, "always"), env={"DOCKER_CONFIG": str(config)}).succeeded()
    if not engine.docker:
        (config / "auth.json").write_text(registry.config)
        dagu.start(flow(image, "always"), env={"REGISTRY_AUTH_FILE": str(config / "auth.json")}).succeeded()


def test_a_credential_helper(dagu: Dagu, registry: Registry, images: Images, tmp_path: Path) -> None:
    image = registry.image(images)
    helper = tmp_path / "docker-credential-e2e"
    answer = json.dumps(
        {"ServerURL": registry.address, "Username": registry.username, "Secret": registry.password}
    )
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\ncat <<'END'\n{answer}\nEND\n")
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {registry.address: "e2e"}}))
    env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:{dagu.environ['PATH']}"}
    ran = dagu.start(flow(image, "missing"), env=env).succeeded()
    nothing_told(ran, registry.password)


def test_credentials_that_cannot_be_read(dagu: Dagu) -> None:
    ran = dagu.start(flow("alpine:3.20", "missing"), env={"DOCKER_AUTH_CONFIG": "{secret-and-broken"})
    ran.failed("DOCKER_AUTH_CONFIG")
    assert "secret-and-broken" not in ran.stderr


def test_progress_is_told(dagu: Dagu, registry: Registry, images: Images) -> None:
    image = registry.image(images)
    ran = dagu.start(flow(image, "missing", auths(registry))).succeeded()
    lines = [line for line in ran.stderr.splitlines() if image in line]
    assert [line.rpartition(": ")[2] for line in lines] == ["pulling", "pulled"]
