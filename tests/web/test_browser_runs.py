"""Workflows started, watched, stopped and retried in a real browser, with a real scheduler behind it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from web_site import Site

from dagu.history.ownership import RunLocks

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


def node(page: Page, name: str, tone: str) -> object:
    return page.locator(f'#run-graph a.node.{tone}[data-step="{name}"]')


def test_starting_with_parameters(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="greet", exact=True).click()
    page.get_by_label("who").fill("Ann & Bob <3")
    page.get_by_label("times").fill("2")
    page.get_by_label("loud").check()
    page.get_by_label("tone").select_option("formal")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/runs/*")
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    expect(page.locator(".log-line")).to_have_count(2)
    expect(page.locator(".log-line").last).to_contain_text("hello Ann & Bob <3 2, loud=true, formal")
    expect(page.locator("#run-facts")).to_contain_text('who="Ann & Bob <3" times=2')


def test_a_value_that_does_not_fit_is_told_at_the_form(open_page: Open) -> None:
    page = open_page("/workflows/greet")
    page.get_by_label("times").fill("99")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_label("times")).to_have_js_property("validity.rangeOverflow", True)
    assert page.url.endswith("/workflows/greet")


def test_watching_graph_steps_and_log(open_page: Open, site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page = open_page(f"/runs/{site.start('gated', gate=str(gate))}")
    expect(node(page, "first", "live")).to_be_visible()
    expect(node(page, "last", "idle")).to_be_visible()
    expect(page.locator("#log")).to_contain_text("begun")
    expect(page.locator("#log")).not_to_contain_text("first went on")

    Path(f"{gate}.1").touch()
    expect(node(page, "first", "good")).to_be_visible()
    expect(node(page, "right", "good")).to_be_visible()
    expect(node(page, "left", "live")).to_be_visible()
    expect(page.locator("#step-head")).to_have_text("left")  # the view goes along
    page.locator("#step-1 a").click()
    expect(page.locator("#step-head")).to_have_text("first")
    expect(page.locator("#log")).to_contain_text("first went on")

    Path(f"{gate}.2").touch()
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    expect(node(page, "last", "good")).to_be_visible()
    expect(page.locator("#step-head")).to_have_text("first")  # chosen is chosen
    expect(page.locator("#said")).to_have_text("The run is succeeded.")
    page.go_back()
    expect(page.locator("#step-head")).to_have_text("last")
    expect(page.locator("#log")).to_contain_text("end")


def test_stopping(open_page: Open, site: Site, tmp_path: Path) -> None:
    run_id = site.start("gated", gate=str(tmp_path / "never"))
    page = open_page(f"/runs/{run_id}")
    expect(node(page, "first", "live")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#run-head .badge")).to_have_text("■ aborted")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert site.finish(run_id)["status"] == "aborted"


def test_retrying(open_page: Open, site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run_id = site.start("flaky", gate=str(gate))
    assert site.finish(run_id)["status"] == "failed"
    page = open_page(f"/runs/{run_id}")
    expect(page.locator("#step-head")).to_have_text("flaky")
    expect(page.locator("#attempts .alert")).to_contain_text("exit code 3")
    gate.touch()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    expect(page.locator("#run-facts")).to_contain_text("attempt 2")
    done = site.client.get(f"api/v1/runs/{run_id}").json()
    assert [len(step["attempts"]) for step in done["steps"]] == [1, 2]


def test_a_hundred_thousand_lines(open_page: Open, site: Site) -> None:
    run_id = site.start("many")
    site.finish(run_id)
    page = open_page(f"/runs/{run_id}?step=lines")
    log = page.locator("#log")
    expect(page.locator("#log-count")).to_have_text("100,000 lines")
    expect(log).to_contain_text("line 1 of very many")
    log.evaluate("element => { element.scrollTop = 50000 * 18; }")
    expect(log).to_contain_text("line 50005 of very many")
    assert page.locator(".log-line").count() < 150
    log.focus()
    page.keyboard.press("End")
    expect(log).to_contain_text("line 100000 of very many")
    page.get_by_label("Search", exact=True).fill("LINE 4242 ")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("1 of 1")
    expect(page.locator(".log-line.here mark")).to_have_text("line 4242 ")
    page.get_by_label("Search", exact=True).fill("no such thing")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("none")


IN_FRAME = """node => {
    const box = node.getBoundingClientRect(), frame = node.closest(".scroll").getBoundingClientRect();
    return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
}"""


def test_the_shown_step_of_a_large_graph_is_in_sight(open_page: Open, site: Site) -> None:
    run_id = site.start("fan")
    site.finish(run_id)
    page = open_page(f"/runs/{run_id}")
    expect(page.locator("#run-graph a.chosen")).to_be_in_viewport()
    page.locator('.steps-card a[data-step="s50"]').click()
    chosen = page.locator("#run-graph a.chosen")
    expect(chosen).to_have_attribute("data-step", "s50")
    assert chosen.evaluate(IN_FRAME)
    page = open_page("/workflows/fan")
    expect(page.locator(".graph")).to_be_visible()
    page.wait_for_function("document.querySelector('.scroll').scrollLeft > 0")
    assert page.locator(".graph .node").first.evaluate(IN_FRAME)


def test_resuming_a_run_whose_runner_was_killed(open_page: Open, site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run_id = site.start("gated", gate=str(gate))
    Path(f"{gate}.1").touch()
    page = open_page(f"/runs/{run_id}")
    expect(node(page, "right", "good")).to_be_visible()
    expect(node(page, "left", "live")).to_be_visible()
    runner = RunLocks(site.home).owner_pid(run_id)
    assert runner is not None
    os.kill(runner, signal.SIGKILL)
    expect(page.locator("#run-head .badge")).to_contain_text("interrupted")
    expect(node(page, "left", "bad")).to_be_visible()
    expect(page.locator("#attempts .alert")).to_contain_text("the process that ran it is gone")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()

    page.get_by_role("button", name="Resume").click()
    expect(node(page, "left", "live")).to_be_visible()
    expect(page.locator("#run-facts")).to_contain_text("attempt 2")
    Path(f"{gate}.2").touch()
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    done = site.client.get(f"api/v1/runs/{run_id}").json()
    assert [len(step["attempts"]) for step in done["steps"]] == [1, 2, 1, 1]


@pytest.mark.parametrize("lost", ["log/lines", "log/search", "?step=write", "/agent", "/runtimes"])
def test_what_the_network_loses_is_asked_for_again(
    lost: str, open_page: Open, site: Site, tmp_path: Path
) -> None:
    """A browser drops what is on its way when the networks of its machine change."""
    left = [2]

    def lose(route: Route) -> None:
        if lost not in route.request.url or not left[0]:
            route.continue_()
            return
        left[0] -= 1
        route.abort("internetdisconnected")

    gate = tmp_path / "gate"
    gate.touch()
    run_id = site.start("agent", gate=str(gate))
    site.finish(run_id)
    page = open_page("/usage")
    page.route("**/*", lose)
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("list", name="What the agent did").locator(".end")).to_be_visible()
    page.get_by_role("link", name="stdout").click()
    expect(page.locator("#log")).to_contain_text("hello.txt is written")
    page.get_by_label("Search", exact=True).fill("hello.txt")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("1 of 1")
    page.goto("/system")
    expect(page.locator("[data-load]")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("[data-load]")).to_contain_text("docker")
    assert left == [0]


def test_following_a_log_while_it_is_written(open_page: Open, site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page = open_page(f"/runs/{site.start('gated', gate=str(gate))}?step=first")
    expect(page.locator("#log-count")).to_have_text("1 line")
    expect(page.get_by_label("Follow")).to_be_checked()
    Path(f"{gate}.1").touch()
    Path(f"{gate}.2").touch()
    expect(page.locator("#log-count")).to_have_text("2 lines")
    expect(page.locator(".log-line").last).to_contain_text("first went on")


def test_what_an_agent_does(open_page: Open, site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run_id = site.start("agent", gate=str(gate))
    page = open_page(f"/runs/{run_id}")
    timeline = page.get_by_role("list", name="What the agent did")
    expect(timeline.locator(".session")).to_contain_text("claude")
    expect(timeline.locator(".end")).to_have_count(0)
    gate.touch()
    expect(timeline.locator(".end")).to_be_visible()
    expect(timeline.locator(".tool_call")).to_be_visible()
    expect(page.locator("#run-head .badge")).to_have_text("✓ succeeded")
    expect(page.locator("#run-facts")).to_contain_text("Tokens")
    expect(page.locator("#step-1")).to_contain_text("→")
    page.get_by_role("link", name="stdout").click()
    expect(page.locator("#log")).to_be_visible()
    page.goto("/usage")
    expect(page.locator("table.usage")).to_contain_text("claude")


def test_lists_change_by_themselves(open_page: Open, site: Site) -> None:
    page = open_page("/runs?workflow=nightly")
    expect(page.locator("#runs")).to_contain_text("No runs")
    site.start("nightly")
    expect(page.locator("#runs .badge")).to_have_text("✓ succeeded")
