#!/usr/bin/env python3
"""Takes the pictures of docs/web.md: ``python tests/web/take_screenshots.py [FOLDER]``.

They show real runs of a real server; only the agent is a script, which prints what Claude Code once printed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))

import web_site
from web_site import Site

FOLDER = Path(__file__).parents[2] / "docs" / "images"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]
WIDE: dict[str, Any] = {"viewport": {"width": 1240, "height": 760}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}

WORKFLOWS = {
    "release": """\
description: Build, test, have an agent write the notes, publish
tags: [release]
schedule: "30 6 * * 1-5"
params:
  - name: version
    required: true
    pattern: '^\\d+\\.\\d+$'
    description: What to release
  - name: channel
    enum: [stable, beta]
    default: stable
  - name: jobs
    type: integer
    minimum: 1
    maximum: 8
    default: 2
  - name: dry_run
    type: boolean
    default: false
steps:
  - id: checkout
    run: echo "checked out v${params.version}"; sleep 0.4
  - id: build
    depends: checkout
    run: |
      for i in $(seq 400); do printf '\\033[32mcc\\033[0m src/module_%03d.c\\n' "$i"; sleep 0.002; done
      printf '\\033[1;33mwarning:\\033[0m src/module_113.c: unused variable\\n'
      echo "built 400 files"
  - id: unit_tests
    depends: build
    run: for i in $(seq 250); do printf 'test_%03d \\033[32mok\\033[0m\\n' "$i"; sleep 0.004; done
  - id: browser_tests
    depends: build
    run: sleep 1.2; echo "42 passed"
  - id: lint
    depends: checkout
    run: sleep 0.6; echo "no complaints"
  - id: release_notes
    depends: [unit_tests, lint]
    action: harness.run
    env: [{GATE: /}]
    with:
      provider: claude
      prompt: Write the release notes of ${params.version}.
  - id: publish
    depends: [release_notes, browser_tests]
    run: |
      echo "publishing ${params.version} to ${params.channel}"
      [ "${params.channel}" = stable ] || { echo "the channel beta is closed" >&2; exit 4; }
      sleep "${PACE:-0.3}"
""",
    "team/backup": """\
description: Copies the database to the vault
tags: [nightly, database]
schedule: "15 2 * * *"
steps:
  - id: dump
    run: sleep 0.$((RANDOM % 9))
  - id: upload
    depends: dump
    run: "true"
""",
    "team/triage": """\
description: Has an agent sort what came in over night
tags: [agents]
schedule: "0 7 * * *"
steps:
  - id: sort
    action: harness.run
    env: [{GATE: /}]
    with:
      provider: claude
      prompt: Sort the new issues.
""",
    "draft": "description: Not ready yet\nsteps:\n  - id: fetch\n    depends: nothing\n    run: echo\n    retries: 3\n",
}


def history(site: Site) -> tuple[str, str]:
    """Runs to look at: ids of one that goes on, and of one that failed."""
    failed = ""
    for number in range(6):
        channel = "beta" if number == 3 else "stable"
        run_id = site.start("release", version=f"1.{number}", channel=channel)
        site.start("team/backup")
        site.start("team/triage")
        failed = run_id if site.finish(run_id)["status"] == "failed" else failed
    return site.start("release", version="1.6", jobs=4), failed


def shoot(browser: Browser, site: Site, name: str, path: str, act: Any = None, **options: Any) -> None:
    context = browser.new_context(base_url=site.url, **options)
    page = context.new_page()
    page.goto(path)
    expect(page.locator("[aria-busy]")).to_have_count(0)
    if act is not None:
        act(page)
    page.wait_for_timeout(400)
    picture = FOLDER / f"web-{name}.png"
    page.screenshot(path=picture)
    context.close()
    print(picture, picture.stat().st_size // 1024, "kB")


def mid_build(page: Page) -> None:
    expect(page.locator("#log")).to_contain_text("test_1", timeout=30_000)


def main() -> None:
    web_site.WORKFLOWS.clear()
    web_site.WORKFLOWS.update(WORKFLOWS)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        site = Site(Path(home))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        live, failed = history(site)
        shoot(browser, site, "run", f"/runs/{live}", mid_build, **WIDE)
        site.finish(live)
        shoot(browser, site, "workflows", "/", **WIDE)
        shoot(browser, site, "agent", f"/runs/{live}?step=release_notes", **WIDE)
        shoot(browser, site, "start", "/workflows/release", **WIDE)
        shoot(browser, site, "edit", "/edit/draft", **WIDE)
        shoot(browser, site, "runs", "/runs", **WIDE)
        shoot(browser, site, "usage", "/usage", **WIDE)
        shoot(browser, site, "system", "/system", **WIDE)
        shoot(browser, site, "dark", f"/runs/{failed}", color_scheme="dark", **WIDE)
        shoot(browser, site, "phone", "/", **PHONE)
        shoot(browser, site, "phone-run", f"/runs/{failed}", color_scheme="dark", **PHONE)
        browser.close()
        site.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FOLDER = Path(sys.argv[1])
    FOLDER.mkdir(parents=True, exist_ok=True)
    main()
