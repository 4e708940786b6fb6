"""A real browser without a window."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.support.debian import remedy
from tests.support.waiting import eventually

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names of the browser's program, in order of preference."""
DRIVER = "chromedriver"
PACKAGES = ("chromium", "chromium-driver")
UBUNTU_PACKAGES = ("chromium-browser", "chromium-chromedriver")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Options for no window, and no requests of the browser itself."""


def lacking() -> str | None:
    """Return the missing programs and the command that installs them, or None."""
    missing = [name for name, path in (("chromium", _found(BROWSERS)), (DRIVER, _found([DRIVER]))) if path is None]
    if not missing:
        return None
    command = remedy(PACKAGES, UBUNTU_PACKAGES)
    return f"no {' and no '.join(missing)} on the path{f'; `{command}` brings both' if command else ''}"


def _found(names: Iterable[str]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def browser(folder: Path) -> Iterator[Chrome]:
    """Yield a browser with a new profile in ``folder``."""
    options = ChromeOptions()
    options.binary_location = str(_found(BROWSERS))
    for argument in (*QUIET, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(_found([DRIVER]))))
    try:
        yield driver
    finally:
        driver.quit()


def fetched(driver: Chrome) -> list[str]:
    """Return the addresses requested by pages since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in _log(driver, "performance")]
    sent = (message["params"] for message in messages if message["method"] == "Network.requestWillBeSent")
    return [params["request"]["url"] for params in sent]


def complaints(driver: Chrome) -> list[str]:
    """Return the console's messages since the last call, such as policy violations."""
    return [entry["message"] for entry in _log(driver, "browser")]


def _log(driver: Chrome, kind: str) -> Any:
    return driver.get_log(kind)  # type: ignore[no-untyped-call]


def emulate(driver: Chrome, *, scheme: str = "light", width: int = 1280) -> None:
    """Emulate a ``light`` or ``dark`` system, and a window's width in pixels."""
    preference = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    is_applied = "return innerWidth === arguments[0] && matchMedia(`(prefers-color-scheme: ${arguments[1]})`).matches"
    eventually(lambda: driver.execute_script(is_applied, width, scheme))
