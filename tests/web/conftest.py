"""Fixtures: a server with its scheduler, and Debian's Chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))

from web_site import Site

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000
"""Milliseconds; a guard against hanging."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that all tests of a process share."""
    found = Site(tmp_path_factory.mktemp("site"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert shutil.which(CHROMIUM), "tools/check browser installs Chromium"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield found
        found.close()


def _is_wrong(told: ConsoleMessage) -> bool:
    # Refusals, and a network that loses something, are what some tests are about.
    fine = ("the server responded with a status of 4", "net::ERR_INTERNET_DISCONNECTED")
    return told.type in ("error", "warning") and not any(each in told.text for each in fine)


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens pages of the site; anything that goes wrong in them fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_(path: str = "", **options: Any) -> Page:
        context = browser.new_context(base_url=site.url, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.on("console", lambda told: wrong.append(told.text) if _is_wrong(told) else None)
        page.goto(path or "/")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []
