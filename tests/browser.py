"""A real browser without a window, for what only a browser can tell."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.waiting import eventually

PROGRAMS = ("chromium", "chromedriver")
PACKAGES = ("chromium", "chromium-driver")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""No window, and nothing that the browser would fetch for itself."""


def lacking() -> str | None:
    """Why there is no browser here, or None where there is one."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return None
    return f"no {' and no '.join(missing)} here; Debian has them in the packages {' and '.join(PACKAGES)}"


@contextmanager
def browser(folder: Path) -> Iterator[Chrome]:
    """A browser that knows nothing yet; what it remembers is in ``folder``."""
    chromium, chromedriver = (shutil.which(program) for program in PROGRAMS)
    options = ChromeOptions()
    options.binary_location = str(chromium)
    for argument in (*QUIET, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(chromedriver)))
    try:
        yield driver
    finally:
        driver.quit()


def fetched(driver: Chrome) -> list[str]:
    """The addresses that pages asked for since this was last asked, answered or not."""
    messages: list[dict[str, Any]] = [
        json.loads(entry["message"])["message"] for entry in driver.get_log("performance")
    ]
    asked = (message["params"] for message in messages if message["method"] == "Network.requestWillBeSent")
    return [params["request"]["url"] for params in asked]


def complaints(driver: Chrome) -> list[str]:
    """What the console says since this was last asked, such as what the page's policy has forbidden."""
    return [entry["message"] for entry in driver.get_log("browser")]


def emulate(driver: Chrome, *, scheme: str = "light", width: int = 1280) -> None:
    """As if the reader's system preferred ``light`` or ``dark``, and the window were so many pixels wide."""
    preference = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    seen = "return innerWidth === arguments[0] && matchMedia(`(prefers-color-scheme: ${arguments[1]})`).matches"
    eventually(lambda: driver.execute_script(seen, width, scheme))
