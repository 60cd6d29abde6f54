"""Credentials do not stand in what history keeps of a workflow's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import UsageError
from dagu.workflow.load import load_text
from dagu.workflow.withheld import MASK, complete, withhold

STEPS = "steps:\n  - run: 'true'\n"
FORMS = {
    "plain": "registry_auths:\n  ghcr.io:\n    username: me\n    password: hunter2 # mine\n",
    "quoted": 'registry_auths:\n  ghcr.io: {username: me, password: "hunter2", }\n',
    "escaped": 'registry_auths:\n  ghcr.io: {username: me, password: "hunter\\x32"}\n',
    "number": "registry_auths:\n  ghcr.io: {username: me, password: 4711}\n",
    "block": "registry_auths:\n  ghcr.io:\n    username: me\n    password: |\n      hunter2\n",
    "folded": "registry_auths:\n  ghcr.io:\n    username: me\n    password: >-\n      hunter2\n\n",
    "anchored": "x-pw: &pw x\nregistry_auths:\n  ghcr.io: {username: me, password: &mine hunter2}\n"
    "  quay.io: {username: me, password: *mine}\n",
    "auth": "registry_auths:\n  ghcr.io:\n    auth: aHVudGVyMg==\n",
    "json": 'registry_auths: \'{"auths": {"ghcr.io": {"auth": "aHVudGVyMg=="}}}\'\n',
    "key": '"registry\\u005fauths":\n  ghcr.io: {username: me, password: hunter2}\n',
    "umlauts": "description: Grüße 🎉\nregistry_auths:\n  ghcr.io: {username: ü, password: hunter2}\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_literal_is_replaced_and_the_rest_stays(form: str, ending: str) -> None:
    text = (FORMS[form] + STEPS).replace("x-pw: &pw x\n", "").replace("\n", ending)
    kept = withhold(text)
    for secret in ("hunter2", "hunter\\x32", "4711", "aHVudGVyMg"):
        assert secret not in kept
    workflow = load_text(kept, name="kept.yaml")
    assert MASK in str(workflow.registry_auths)
    assert [step.run for step in workflow.steps] == [step.run for step in load_text(text, name="x").steps]
    assert withhold(kept) == kept


@pytest.mark.parametrize("reference", ["${REGISTRY_PASSWORD}", "$REGISTRY_PASSWORD", "${secrets.pw}"])
def test_references_stay(reference: str) -> None:
    text = f"registry_auths:\n  ghcr.io: {{username: me, password: '{reference}'}}\n{STEPS}"
    assert withhold(text) == text
    assert complete(text, None) == text


def test_a_literal_around_a_reference_is_replaced() -> None:
    kept = withhold(f"registry_auths:\n  ghcr.io: {{username: me, password: 'hunter2${{X}}'}}\n{STEPS}")
    assert "hunter2" not in kept


def test_every_document_is_searched() -> None:
    text = f"{STEPS}---\nname: child\n{FORMS['plain']}{STEPS}"
    assert "hunter2" not in withhold(text)


def test_the_text_is_whole_again_while_the_file_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(FORMS["plain"] + STEPS)
    assert complete(withhold(file.read_text()), file) == file.read_text()


def test_another_password_in_an_otherwise_equal_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(FORMS["plain"] + STEPS)
    kept = withhold(file.read_text())
    file.write_text(file.read_text().replace("hunter2", "a newer one"))
    assert "a newer one" in complete(kept, file)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(FORMS["plain"] + STEPS)
    kept = withhold(file.read_text())
    file.write_text(file.read_text().replace("true", "false"))
    with pytest.raises(UsageError, match="no longer what it was") as raised:
        complete(kept, file)
    assert "hunter2" not in str(raised.value)
    with pytest.raises(UsageError, match="came from no file"):
        complete(kept, None)


def test_asterisks_elsewhere_mean_nothing() -> None:
    text = f"steps:\n  - run: echo '{MASK}'\n"
    assert complete(withhold(text), None) == text
