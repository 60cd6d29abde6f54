"""``container:`` of workflows and steps, and ``registry_auths``."""

from __future__ import annotations

import pytest

from dagu.workflow.model import EnvEntry

STEPS = "steps: [{run: x}]\n"


def test_a_text_is_exec_mode(load):
    assert load(f"container: box\n{STEPS}").container.exec == "box"
    found = load(
        f"container: {{exec: box, user: 1000, working_dir: /w, env: [A=1], shell: bash -e}}\n{STEPS}"
    )
    spec = found.container
    assert (spec.exec, spec.user, spec.working_dir, spec.shell) == ("box", "1000", "/w", ("bash", "-e"))
    assert spec.env == (EnvEntry(name="A", value="1"),)


def test_every_field(load):
    spec = load(
        f"""\
        container:
          image: registry.example.com:5000/team/app:1.2
          name: app-1
          pull_policy: always
          env: {{A: 1, B: x}}
          volumes:
            - ./src:/src:ro
            - cache:/cache
            - $HOME/x:/x:rw
            - {{type: bind, source: ~/a, target: /a, read_only: true}}
            - {{type: volume, target: /anonymous}}
            - {{type: tmpfs, target: /t, size: 64m, mode: 1777}}
          tmpfs: [/run, "/tmp:size=10m,mode=1777"]
          working_dir: /src
          user: "1000:1000"
          platform: linux/arm64/v8
          ports: [80, 8080:80, "127.0.0.1:53:53/udp", "127.0.0.1::9/sctp", "[::1]:8443:443"]
          network: container:db
          keep_container: true
          startup: command
          command: nginx -g 'daemon off;'
          wait_for: healthy
          log_pattern: "ready .*"
          healthcheck: {{test: [CMD, curl, -f, localhost], interval: 5s, timeout: 1m30s, start_period: 2, retries: 3}}
          restart_policy: "no"
          shell: [bash, -e]
          workspace: copy
          cpus: 1.5
          memory: 512m
          pids_limit: 100
          shm_size: 64MiB
          gpus: all
          devices: [/dev/fuse, "/dev/a:/dev/b:rw", "vendor.com/gpu=0"]
          cap_add: [NET_ADMIN]
          cap_drop: ALL
          security_opt: [no-new-privileges, "seccomp=/p.json"]
          privileged: false
          read_only: true
          extra_hosts: {{db: 10.0.0.2, up: host-gateway}}
          dns: [10.0.0.1, "::1"]
          init: true
          labels: {{a: b, c: 1}}
          secrets: [TOKEN]
        secrets: [{{name: TOKEN, provider: env, key: T}}]
        {STEPS}"""
    ).container
    assert spec.ports == ("80", "8080:80", "127.0.0.1:53:53/udp", "127.0.0.1::9/sctp", "[::1]:8443:443")
    assert spec.command == ("nginx", "-g", "daemon off;")
    assert spec.volumes[3] == {"type": "bind", "source": "~/a", "target": "/a", "read_only": True}
    assert spec.healthcheck["test"] == ("CMD", "curl", "-f", "localhost")
    assert (spec.cpus, spec.memory, spec.shm_size, spec.pids_limit) == (1.5, "512m", "64MiB", 100)
    assert spec.extra_hosts == ("db:10.0.0.2", "up:host-gateway")
    assert (spec.cap_drop, spec.gpus, spec.init, spec.read_only) == (("ALL",), "all", True, True)
    assert dict(spec.labels) == {"a": "b", "c": "1"}


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("missing", "missing"),
        ("always", "always"),
        ("never", "never"),
        ("fallback", "fallback"),
        ("true", "always"),
        ("false", "never"),
        ("'true'", "always"),
        ("${consts.p}", "${consts.p}"),
    ],
)
def test_pull_policies(load, written, policy):
    assert load(f"container:\n  image: a\n  pull_policy: {written}\n{STEPS}").container.pull_policy == policy
    assert load(f"container: {{image: a}}\n{STEPS}").container.pull_policy == "missing"


def test_values_with_references_wait_for_the_run(load):
    spec = load(
        f"""\
        container:
          image: ${{params.image}}
          volumes: ["${{params.v}}", {{type: bind, source: a, target: "$T"}}]
          ports: ["${{params.p}}"]
          network: ${{consts.n}}
          startup: ${{params.s}}
          wait_for: ${{params.w}}
          restart_policy: $R
          log_pattern: "(${{params.x}}"
          memory: ${{params.m}}
          cpus: $C
          pids_limit: ${{params.n}}
          platform: ${{params.f}}
        {STEPS}"""
    ).container
    assert (spec.memory, spec.pids_limit, spec.startup) == ("${params.m}", "${params.n}", "${params.s}")


@pytest.mark.parametrize(
    ("field", "fragments"),
    [
        ("imge: ‸b", ()),
        ("‸pullPolicy: always", ("invalid keys: pullPolicy", "did you mean 'pull_policy'?")),
        ("‸volume: [a]", ("did you mean 'volumes'?",)),
        ("‸mounts: []", ("write 'volumes'",)),
        ("name: ‸a b", ("container.name", "invalid container name")),
        ("pull_policy: ‸sometimes", ("pull_policy", "missing, always, never, fallback")),
        ("pull_policy: ‸5", ("pull_policy", "true or false")),
        ("env: [A=1, B=2, ‸BAD]", ("container.env[2]", "BAD")),
        ("volumes: ‸text", ("container.volumes", "list of volumes")),
        ("volumes: [‸/data]", ("container.volumes[0]", "invalid volume")),
        ("volumes: ['‸a:b:c:d']".replace("‸", "", 1).replace("['", "[‸'"), ("invalid volume",)),
        ("volumes: [‸'a:/b:rx']", ("'rx'", "ro nor rw")),
        ("volumes: [‸'a:b']", ("absolute path",)),
        ("volumes: [‸'a b:/b']", ("no volume name",)),
        ("volumes: [‸':/b']", ("no source",)),
        ("volumes: [‸'a:/']", ("whole file system",)),
        ("volumes: [‸{source: a}]", ("container.volumes[0].target", "required")),
        ("volumes: [{target: /a, ‸readonly: true}]", ("write 'read_only'",)),
        ("volumes: [{type: ‸nfs, target: /a}]", ("volumes[0].type", "bind, volume, tmpfs")),
        ("volumes: [‸{type: bind, target: /a}]", ("needs a source",)),
        ("volumes: [‸{type: tmpfs, source: a, target: /a}]", ("has no source",)),
        ("volumes: [‸{type: bind, source: a, target: /a, size: 1m}]", ("only a tmpfs",)),
        ("volumes: [{type: tmpfs, target: /a, size: ‸big}]", ("volumes[0].size", "not a size")),
        ("tmpfs: [‸'/a:huge=1']", ("container.tmpfs[0]", "size=")),
        ("ports: [‸0]", ("container.ports[0]", "1 to 65535")),
        ("ports: [‸65536]", ("1 to 65535",)),
        ("ports: [‸'a:80']", ("invalid port",)),
        ("ports: [‸'80/icmp']", ("tcp, udp, sctp",)),
        ("ports: [‸'1.2.3:80:80']", ("not an IP address",)),
        ("ports: [‸'1:2:3:4']", ("invalid port",)),
        ("ports: [80, ‸'80-90']", ("container.ports[1]",)),
        ("ports: ‸{80: 80}", ("container.ports",)),
        ("network: ‸a b", ("container.network", "container:NAME")),
        ("network: ‸'container:'", ("container.network",)),
        ("network: {allow: [‸'http://x']}", ("container.network.allow[0]", "not a host")),
        ("network: ‸{}", ("container.network.allow", "required")),
        ("network: {‸deny: [a], allow: []}", ("invalid keys: deny",)),
        ("keep_container: ‸'yes'", ("container.keep_container", "boolean")),
        ("startup: ‸now", ("container.startup", "keepalive, entrypoint, command")),
        ("‸command: [a]", ("container.command", "startup: command only")),
        ("wait_for: ‸helthy", ("container.wait_for", "did you mean 'healthy'?")),
        ("log_pattern: ‸'('", ("container.log_pattern", "regexp")),
        ("log_pattern: ‸'(?=a)'", ("container.log_pattern", "regexp")),
        ("healthcheck: ‸{interval: 1s}", ("container.healthcheck.test", "required")),
        ("healthcheck: {test: ‸[curl]}", ("container.healthcheck.test", "NONE, CMD or CMD-SHELL")),
        ("healthcheck: {test: ‸[CMD]}", ("needs a program",)),
        ("healthcheck: {test: ‸[NONE, a]}", ("NONE",)),
        ("healthcheck: {test: ‸[CMD-SHELL, a, b]}", ("exactly one",)),
        ("healthcheck: {test: a, interval: ‸soon}", ("healthcheck.interval", "not a duration")),
        ("healthcheck: {test: a, retries: ‸-1}", ("healthcheck.retries",)),
        ("healthcheck: {test: a, ‸startPeriod: 1s}", ("did you mean 'start_period'?",)),
        ("restart_policy: ‸on-failure", ("container.restart_policy", "no, always, unless-stopped")),
        ("shell: ‸'a \"b'", ("container.shell", "split into words")),
        ("shell: ‸[]", ("container.shell", "not empty")),
        ("workspace: ‸sync", ("container.workspace", "mount, copy")),
        ("cpus: ‸0", ("container.cpus",)),
        ("memory: ‸lots", ("container.memory", "512m")),
        ("memory: ‸-1", ("container.memory",)),
        ("pids_limit: ‸1.5", ("container.pids_limit", "integer")),
        ("shm_size: ‸64x", ("container.shm_size",)),
        ("gpus: ‸'!'", ("container.gpus",)),
        ("devices: [‸fuse]", ("container.devices[0]",)),
        ("cap_add: [‸'NET ADMIN']", ("container.cap_add[0]",)),
        ("security_opt: [‸no-new-privilege]", ("container.security_opt[0]",)),
        ("extra_hosts: [‸db]", ("container.extra_hosts[0]", "name:address")),
        ("extra_hosts: {db: ‸nowhere}", ("container.extra_hosts.db", "not an IP address")),
        ("dns: [‸example.com]", ("container.dns[0]", "not an IP address")),
        ("init: ‸1", ("container.init", "boolean")),
        ("platform: ‸arm64", ("container.platform", "linux/amd64")),
        ("user: ‸'a b'", ("container.user",)),
        ("secrets: [‸a-b]", ("container.secrets[0]",)),
        ("labels: ‸5", ("container.labels",)),
    ],
)
def test_every_value_is_checked(refused_here, field, fragments):
    field = "‸imge: b" if field.startswith("imge") else field
    refused_here(f"container: {{image: a, {field}}}\n{STEPS}", "container", *fragments)


@pytest.mark.parametrize(
    ("value", "at", "fragments"),
    [
        ("{exec: a, image: b}", "1:12", ("exactly one of exec and image", "not both")),
        ("{user: a}", "1:12", ("exactly one of exec and image",)),
        (
            "{exec: a, volumes: ['b:/c'], ports: [80]}",
            "1:12",
            ("volumes, ports", "user, working_dir, env, shell"),
        ),
        ("{image: Alpine}", "1:20", ("container.image", "lower case")),
        ("{image: 'a b'}", "1:20", ("container.image", "invalid image reference")),
        ("{image: ''}", "1:20", ("container.image", "blank")),
        ("{image: a, startup: command}", "1:12", ("container.command", "required")),
        ("[a]", "1:12", ("container", "image or exec")),
        ("''", "1:12", ("container", "blank")),
    ],
)
def test_what_container_can_not_be(refused, value, at, fragments):
    refused(f"container: {value}\n{STEPS}", at, *fragments)


def test_step_containers(load):
    found = load(
        """\
        steps:
          - {run: x, container: {image: a}}
          - {container: {image: a, command: [b, c]}}
          - {container: {image: a}}
          - {run: x, container: box}
          - {action: exec, with: {command: a}, container: {image: a}}
        """
    )
    assert [step.container.image or step.container.exec for step in found.steps] == [
        "a",
        "a",
        "a",
        "box",
        "a",
    ]
    assert found.steps[1].run is None
    assert found.steps[1].container.command == ("b", "c")


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("run: x, container: {image: a, ‸command: b}", ("steps[0].container.command", "without run")),
        (
            "run: x, container: {image: a, ‸startup: entrypoint}",
            ("steps[0].container.startup", "whole workflow"),
        ),
        ("run: x, container: {image: a, ‸log_pattern: b}", ("steps[0].container.log_pattern",)),
        ("run: x, container: {image: a, ports: [‸x]}", ("steps[0].container.ports[0]",)),
    ],
)
def test_what_step_containers_can_not_be(refused_here, line, fragments):
    refused_here(f"steps:\n  - {{{line}}}\n".replace("command: b", "command: b"), *fragments)


def test_secrets_of_a_container_are_the_workflows(refused):
    declared = "secrets: [{name: TOKEN, provider: env, key: T}]\n"
    refused(
        f"{declared}container: {{image: a, secrets: [TOKEM]}}\n{STEPS}",
        "2:23",
        "no secret 'TOKEM'",
        "'TOKEN'?",
    )
    refused(
        f"{declared}container: {{image: a, secrets: [TOKEN], restart_policy: always}}\n{STEPS}",
        "2:23",
        "container.secrets",
        "restart",
    )
    refused(f"secrets: [x]\ncontainer: {{image: a, secrets: [TOKEN]}}\n{STEPS}", "1:11", "secrets[0]")


def test_actions_of_the_host_have_no_place_in_a_root_container(load, refused):
    step = "steps:\n  - {{action: file.write, with: {{path: a, content: b}}{}}}\n"
    refused("container: box\n" + step.format(""), "3:6", "steps[0].action", "works on the host")
    assert load(step.format(""))


def test_an_existing_container_needs_something_to_run(refused):
    refused("steps:\n  - {container: box}\n", "2:5", "steps[0]", "needs run")


def test_registry_auths(load):
    found = load(
        f"""\
        registry_auths:
          ghcr.io: {{username: me, password: "${{env.PW}}"}}
          https://index.docker.io/v1/: {{auth: "eDp5"}}
          localhost:5000: {{username: a, password: 12345}}
        {STEPS}"""
    ).registry_auths
    assert found["ghcr.io"]["password"] == "${env.PW}"
    assert found["localhost:5000"]["password"] == "12345"
    assert load(f"registry_auths: '{{\"auths\": {{}}}}'\n{STEPS}").registry_auths == '{"auths": {}}'
    assert load(f"registry_auths: ${{env.AUTH}}\n{STEPS}").registry_auths == "${env.AUTH}"


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("‸[a]", ("registry_auths",)),
        ("‸s3cret", ("registry_auths", "JSON")),
        ("{ghcr.io: ‸{username: s3cret}}", ("username and password",)),
        ("{ghcr.io: ‸{auth: s3cret, username: s3cret, password: s3cret}}", ("not both",)),
        ("{ghcr.io: ‸{}}", ("username and password, or auth",)),
        ("{ghcr.io: {username: a, ‸pasword: s3cret}}", ("invalid keys: pasword",)),
        ("{ghcr.io: {username: a, password: ‸[s3cret]}}", ("password",)),
        ("{‸'a b': {auth: s3cret}}", ("host of a registry",)),
        ("{ghcr.io: ‸s3cret}", ("username and password, or auth",)),
    ],
)
def test_what_registry_auths_can_not_be(all_problems, value, fragments):
    problems = "\n".join(all_problems(f"registry_auths: {value.replace('‸', '')}\n{STEPS}"))
    assert f"1:{17 + value.index('‸')}: " in problems
    assert "s3cret" not in problems, "a credential stands in a message"
    for fragment in fragments:
        assert fragment in problems
