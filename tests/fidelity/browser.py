"""A real browser for tests: found on PATH, driven headless, watched for errors and requests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium has no sandbox for root, under which containers run; the others keep it from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 15_000


def find_browser() -> str | None:
    """Path of a browser that can be driven, or None."""
    named = os.environ.get("SKDISTILL_BROWSER")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start the browser; where there is none the test is skipped, but in CI it fails."""
    path = find_browser()
    if path is None:
        reason = "no Chromium or Chrome on PATH to open the page in; `make browser` installs one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page that was opened from a file, and all that it did.

    Parameters
    ----------
    page : Page
        The page.
    complaints : list of str
        Errors and warnings of the console, and errors of the page.
    requests : list of str
        Addresses that it asked for beside its own and the data within it.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1280, height: int = 900, **look: str) -> Iterator[Opened]:
    """Open a file without a network and yield it with a list of all that went wrong."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **look)
    context.set_default_timeout(TIMEOUT_MS)
    try:
        shown = Opened(context.new_page())
        page, address = shown.page, path.as_uri()
        page.on("console", lambda message: shown.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (shown.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: request.url.startswith((address, "data:")) or shown.requests.append(request.url),
        )
        page.goto(address, wait_until="load")
        yield shown
    finally:
        context.close()
