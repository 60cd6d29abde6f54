"""The pages in a real browser: the editor, the keyboard alone, a phone, the dark, and assistive technology."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from web_site import Site

from dagu_web_server.credentials import hash_password, hash_token

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def paths(site: Site, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """One page of each kind, with something on it."""
    gate = tmp_path_factory.mktemp("gate") / "gate"
    failed = site.start("flaky", gate=str(gate))
    gate2 = gate.with_suffix(".2")
    gate2.touch()
    agent = site.start("agent", gate=str(gate2))
    for run_id in (failed, agent):
        site.finish(run_id)
    plain = ["/", "/runs", "/usage", "/system", "/new", "/workflows/greet", "/edit/broken", "/nothing"]
    return [*plain, f"/runs/{failed}", f"/runs/{agent}"]


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for something that is not on the page."""
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came")


def settled(page: Page) -> None:
    expect(page.locator("[aria-busy]")).to_have_count(0)


# The editor


def test_a_mistake_is_shown_where_it_is(open_page: Open, site: Site) -> None:
    page = open_page("/edit/broken")
    expect(page.locator("#mistakes-head")).to_have_text("2 mistakes")
    expect(page.locator("#mistakes li").last).to_contain_text("3:5 steps[0].runs: invalid keys")
    expect(page.locator(".gutter .wrong").last).to_have_text("3")
    page.get_by_role("button", name="Go to line 3, column 5").click()
    assert (
        page.locator("#text").evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)")
        == "runs: echo typo"
    )

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("the workflow has mistakes")
    assert "runs:" in site.client.get("api/v1/workflows/broken").json()["text"]

    page.locator("#text").fill("steps:\n  - id: first\n    run: echo fine\n")
    expect(page.locator("#mistakes-head")).to_have_text("✓ No mistakes")
    expect(page.locator("#edit-state")).to_have_text("not saved")
    page.locator("#text").press("Control+s")
    expect(page.locator("#edit-state")).to_have_text("saved")
    assert "run: echo fine" in site.client.get("api/v1/workflows/broken").json()["text"]
    page.locator("#text").fill("steps:\n  - id: first\n    runs: echo typo\n")
    site.client.put("api/v1/workflows/broken", json={"text": "steps: [{run: 'true'}]\n"})
    page.locator("#text").fill("steps: [{run: 'false'}]\n")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed meanwhile")
    (site.home / "dags" / "broken.yaml").write_text("steps:\n  - id: first\n    runs: echo typo\n")
    page.on("dialog", lambda dialog: dialog.accept())


def test_a_new_workflow_and_its_end(open_page: Open, site: Site) -> None:
    page = open_page()
    page.get_by_role("link", name="New workflow").click()
    page.get_by_label("New workflow").fill("team/fresh")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/workflows/team/fresh")
    expect(page.locator(".graph .node")).to_have_count(2)
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url(site.url)
    assert site.client.get("api/v1/workflows/team/fresh").status_code == 404


def test_a_schedule_is_suspended_and_resumed(open_page: Open) -> None:
    page = open_page("/workflows/nightly")
    page.get_by_role("button", name="Suspend schedule").click()
    expect(page.locator(".heading .badge")).to_have_text("‖ suspended")
    page.get_by_role("button", name="Resume schedule").click()
    expect(page.locator(".facts")).to_contain_text("next")


# The keyboard alone


def test_by_keyboard(open_page: Open, site: Site) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter")).to_be_focused()
    page.keyboard.type("greet")
    expect(page.locator("#workflows > li:visible")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="greet", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/workflows/greet")
    reach(page, lambda: page.get_by_label("who"))
    page.keyboard.type("keys")
    page.keyboard.press("Enter")  # sends the form
    page.wait_for_url("**/runs/*")
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    reach(page, lambda: page.locator("#run-graph a.node"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Step greet")
    reach(page, lambda: page.locator('.tabs a[data-stream="stderr"]'))
    page.keyboard.press("Enter")
    expect(page.locator('.tabs a[aria-current="true"]')).to_have_text("stderr")
    expect(page.locator('.tabs a[data-stream="stderr"]')).to_be_focused()
    reach(page, lambda: page.locator("#log"))


def reach(page: Page, target: Callable[[], object]) -> None:
    """Press Tab until something is focused."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target().evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {target()}")


# A phone, the dark, assistive technology


def test_nothing_is_wider_than_a_phone(open_page: Open, paths: list[str]) -> None:
    page = open_page(**PHONE)
    for path in paths:
        page.goto(path)
        settled(page)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= 390, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_pages_are_accessible(
    open_page: Open, paths: list[str], scheme: str, options: dict[str, object]
) -> None:
    page = open_page(color_scheme=scheme, **options)
    for path in paths:
        page.goto(path)
        settled(page)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        told = [
            f"{each['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
            for each in found.response["violations"]
            for node in each["nodes"]
        ]
        assert told == [], f"{scheme} {path}"


def test_the_dark_is_dark(open_page: Open) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        colours[scheme] = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert colours == {"light": "rgb(246, 247, 249)", "dark": "rgb(16, 20, 27)"}


def test_a_page_that_is_not_looked_at_is_told_nothing(open_page: Open, site: Site, tmp_path: Path) -> None:
    """A browser has few connections to one server, and each stream takes one."""
    run_id = site.start("gated", gate=str(tmp_path / "gate"))
    page = open_page(f"/runs/{run_id}")
    expect(page.locator("#log")).to_contain_text("begun")
    streams = "dagu_event_streams "

    def count() -> int:
        text = site.client.get("metrics").text
        return int(float(text.partition(f"\n{streams}")[2].partition("\n")[0]))

    until(page, lambda: count() == 2)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(page, lambda: count() == 0)
    site.client.post(f"api/v1/runs/{run_id}/stop")


# A password


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(
        tmp_path_factory.mktemp("locked"),
        DAGU_AUTH_USERNAME="ann",
        DAGU_AUTH_PASSWORD_HASH=hash_password("open sesame"),
        DAGU_AUTH_TOKENS=f"test:{hash_token('token')}",
    )
    found.client.headers["Authorization"] = "Bearer token"
    yield found
    found.close()


def test_logging_in_and_out(browser: Browser, locked: Site) -> None:
    run_id = locked.start("greet")
    with browser.new_context(base_url=locked.url) as context:
        page = context.new_page()
        page.goto(f"/runs/{run_id}")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("guess")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not right.")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("open sesame")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"**/runs/{run_id}")
        expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
        expect(page.locator("#log")).to_contain_text("hello world 3")
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("link", name="Start again…").click()
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_url("**/runs/*")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.goto("/runs")
        page.wait_for_url("**/login?next=%2Fruns")


def test_a_page_comes_back_when_the_server_does(browser: Browser, tmp_path: Path) -> None:
    first = Site(tmp_path)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{first.url}runs")
        expect(page.locator("#runs")).to_contain_text("No runs")
        first.close()
        second = Site(tmp_path, port=httpx.URL(first.url).port or 0)
        second.start("nightly")
        expect(page.locator("#runs .badge")).to_have_text("✓ succeeded")
        second.close()


def test_the_first_workflow_takes_the_place_of_the_hint(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path)
    for file in (tmp_path / "dags").iterdir():
        file.unlink()
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_text("No workflow is stored yet")).to_be_visible()
    expect(page.locator(".rows")).to_have_count(0)
    (tmp_path / "dags" / "one.yaml").write_text("steps: [{run: 'true'}]\n")
    expect(page.locator("#workflows > li")).to_have_count(1)
    expect(page.get_by_text("No workflow is stored yet")).to_have_count(0)
    context.close()
    site.close()
