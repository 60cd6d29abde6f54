"""What the operator allows is enforced, and nothing else is in the way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.container import ContainerRequest, Mount, MountType
from dagu.errors import UsageError
from dagu.sandbox.judge import exec_refusals, hardened, image_spellings, refusals
from dagu.sandbox.policy import HARDENED, KEYS, OPEN, Policy, policy_from_environment, read_policy

PLAIN = Policy(name="test")


def request(**fields: Any) -> ContainerRequest:
    return ContainerRequest(**{"image": "alpine:3.20", **fields})


def bind(source: str) -> ContainerRequest:
    return request(mounts=(Mount(type=MountType.BIND, source=source, target="/x"),))


def rules(policy: Policy, asked: ContainerRequest) -> list[str]:
    return [refusal.rule.split(" ")[0] for refusal in refusals(policy, asked)]


def test_open_judges_nothing() -> None:
    assert rules(OPEN, replace(bind("/"), privileged=True)) == []


@pytest.mark.parametrize(
    ("policy", "asked", "rule"),
    [
        (replace(PLAIN, images=("alpine:*",)), request(image="debian:12"), "images"),
        (replace(PLAIN, images=("registry.internal/*",)), request(image="registry.internal/a/b"), "images"),
        (replace(PLAIN, denied_images=("**/alpine:*",)), request(), "denied_images"),
        (replace(PLAIN, digests=True), request(), "digests"),
        (PLAIN, bind("/"), "denied_binds"),
        (PLAIN, bind("/etc"), "denied_binds"),
        (PLAIN, bind("/etc/ssl"), "denied_binds"),
        (PLAIN, bind("/var/run/docker.sock"), "denied_binds"),
        (PLAIN, bind("/run"), "denied_binds"),
        (replace(PLAIN, binds=("/srv",)), bind("/srv-other"), "binds"),
        (replace(PLAIN, binds=("/srv",)), bind("/srv/../opt"), "binds"),
        (replace(PLAIN, networks=("none",)), request(), "networks"),
        (replace(PLAIN, networks=("bridge",)), request(network="container:db"), "networks"),
        (PLAIN, request(privileged=True), "privileged"),
        (
            replace(PLAIN, capabilities=("NET_BIND_SERVICE",)),
            request(cap_add=("cap_sys_admin",)),
            "capabilities",
        ),
        (replace(PLAIN, devices=()), request(devices=("/dev/kvm:/dev/kvm",)), "devices"),
        (replace(PLAIN, devices=()), request(gpus="all"), "devices"),
        (PLAIN, request(security_opt=("seccomp=unconfined",)), "security_opt"),
        (replace(PLAIN, root=False), request(), "root"),
        (replace(PLAIN, root=False), request(user="00:5"), "root"),
        (replace(PLAIN, memory=1000), request(memory=1001), "memory"),
        (replace(PLAIN, pids=10), request(pids_limit=-1), "pids"),
        (replace(PLAIN, required=("memory",)), request(), "required"),
        (PLAIN, request(raw_host={"Privileged": True}), "raw"),
        (HARDENED, request(user="1000", cap_drop=("NET_RAW",)), "harden"),
        (HARDENED, request(user="1000", security_opt=("no-new-privileges=false",)), "harden"),
    ],
)
def test_each_rule_refuses_and_is_named(policy: Policy, asked: ContainerRequest, rule: str) -> None:
    assert rules(policy, asked) == [rule]


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (replace(PLAIN, images=("alpine:*",)), request(image="docker.io/library/alpine:3.20")),
        (replace(PLAIN, images=("docker.io/library/*",)), request(image="alpine")),
        (replace(PLAIN, images=("registry.internal/**",)), request(image="registry.internal/a/b:1")),
        (replace(PLAIN, digests=True), request(image="alpine@sha256:" + "0" * 64)),
        (replace(PLAIN, binds=("/srv",)), bind("/srv/work")),
        (replace(PLAIN, binds=("/etc",)), bind("/etc")),
        (replace(PLAIN, networks=("bridge",)), request()),
        (replace(PLAIN, capabilities=("NET_BIND_SERVICE",)), request(cap_add=("CAP_NET_BIND_SERVICE",))),
        (replace(PLAIN, memory=1000), request(memory=1000)),
    ],
)
def test_what_is_allowed_passes(policy: Policy, asked: ContainerRequest) -> None:
    assert rules(policy, asked) == []


def test_a_link_does_not_lead_around_a_rule(tmp_path: Path) -> None:
    link = tmp_path / "innocent"
    link.symlink_to("/etc")
    assert rules(PLAIN, bind(str(link))) == ["denied_binds"]


def test_hardening_fills_in_what_is_not_stated() -> None:
    made = hardened(HARDENED, request())
    assert made.cap_drop == ("ALL",)
    assert made.security_opt == ("no-new-privileges",)
    assert made.read_only
    assert made.pids_limit == 512
    assert made.user == "65534:65534"
    assert [mount.target for mount in made.mounts] == ["/tmp"]
    assert refusals(HARDENED, made) == []


def test_hardening_leaves_a_stated_user() -> None:
    assert hardened(HARDENED, request(user="1000")).user == "1000"


def test_limits_are_defaults_too() -> None:
    made = hardened(replace(PLAIN, cpus=2.0, memory=1000), request(memory=10))
    assert (made.cpus, made.memory) == (2.0, 10)


def test_existing_containers() -> None:
    assert exec_refusals(PLAIN, "db") == []
    assert exec_refusals(HARDENED, "db")[0].rule == "exec of policy hardened"
    assert exec_refusals(replace(PLAIN, exec=("ci-*",)), "ci-1") == []


def test_from_the_environment(tmp_path: Path) -> None:
    assert policy_from_environment({}) is OPEN
    assert policy_from_environment({"DAGU_CONTAINER_POLICY": "hardened"}) is HARDENED
    file = tmp_path / "policy.yaml"
    file.write_text("profile: hardened\nmemory: 2g\nimages: ['alpine:*']\n")
    policy = policy_from_environment({"DAGU_CONTAINER_POLICY": str(file)})
    assert (policy.memory, policy.images, policy.harden) == (2 * 2**30, ("alpine:*",), True)


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("imagess: []\nroot: 1\n", ["imagess: unknown key, did you mean images?", "root: 1 is neither"]),
        ("profile: soft\n", ["profile: 'soft' is not one of open, hardened"]),
        ("- a\n", ["not a YAML mapping"]),
        ("a: [\n", ["can't be read"]),
        ("memory: lots\n", ["memory:"]),
        ("images: alpine\n", ["images: must be a list"]),
    ],
)
def test_a_policy_that_is_not_understood_allows_nothing(
    text: str, fragments: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_policy(file)
    for fragment in fragments:
        assert fragment in caught.value.message


def test_a_missing_policy_file_allows_nothing() -> None:
    with pytest.raises(UsageError, match="can't be read"):
        policy_from_environment({"DAGU_CONTAINER_POLICY": "/no/such/file"})


def test_spellings() -> None:
    assert image_spellings("alpine") == ("alpine:latest", "docker.io/library/alpine:latest")
    assert image_spellings("localhost:5000/a") == ("localhost:5000/a:latest",)
    assert image_spellings("me/app:1") == ("me/app:1", "docker.io/me/app:1")


@pytest.mark.parametrize(
    ("policy", "egress", "rule"),
    [
        (HARDENED, ("a.example",), []),
        (replace(PLAIN, networks=("bridge",)), ("a.example",), []),
        (replace(PLAIN, networks=("none", "allow")), ("a.example",), []),
        (replace(PLAIN, networks=("none",)), ("a.example",), ["networks"]),
        (replace(PLAIN, egress=("*.example:443",)), ("a.example:443", "a.example"), ["egress"]),
        (replace(PLAIN, egress=("*.example",)), ("a.example", "*.example"), []),
        (replace(PLAIN, egress=("*.example",)), None, ["egress"]),
        (replace(PLAIN, egress=(), networks=("bridge",)), None, []),
    ],
)
def test_allowlists(policy: Policy, egress: tuple[str, ...] | None, rule: list[str]) -> None:
    found = refusals(policy, request(user="1", cap_drop=("ALL",)), egress=egress)
    assert [refusal.rule.split(" ")[0] for refusal in found] == rule


def test_every_key_is_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
    table = page.partition("## Keys")[2].partition("## ")[0]
    listed = {
        name for row in re.findall(r"^\| (`.*?`) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == KEYS


def test_the_example_of_the_page_is_a_policy(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
    file = tmp_path / "policy.yaml"
    file.write_text(re.findall(r"^```yaml policy.yaml\n(.*?)^```$", page, re.M | re.S)[0])
    policy = read_policy(file)
    assert (policy.harden, policy.memory, policy.networks) == (True, 2 * 2**30, ("none", "allow"))
