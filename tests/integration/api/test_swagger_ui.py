"""Swagger UI as a person uses it: open it, try a request, see the answer; nothing is asked of another host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import ARTEFACTS
from tests.integration.api.conftest import Served

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT_S = 30
SCREENSHOT = ARTEFACTS / "swagger-ui.png"
SWITCHES = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little of it
    "--no-sandbox",  # it cannot be had as root; the page is our own
    "--window-size=1400,1500",
]

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for switch in [*SWITCHES, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield started
    started.quit()


def test_a_request_is_tried_out_and_no_other_host_is_asked(
    browser: webdriver.Chrome, serve: Callable[..., Served]
) -> None:
    served = serve()
    browser.get(f"{served.url}/docs")
    operation = find(browser, "#operations-Weather-get_api_weather")
    click(browser, find(operation, ".opblock-summary-control"))
    for name, value in (("station_id", "USC00300002"), ("date", "1999-12-30")):
        box = find(operation, f"tr[data-param-name='{name}'] input")
        box.clear()
        box.send_keys(value)
    click(browser, find(operation, ".execute"))
    answer = find(operation, ".live-responses-table .response")
    body = wait(browser, lambda: shown(answer))
    assert find(answer, ".response-col_status").text.startswith("200")
    assert [item["date"] for item in body["data"]] == ["1999-12-30"]
    assert body["data"][0]["station_id"] == "USC00300002"
    browser.execute_script("arguments[0].scrollIntoView()", find(operation, ".responses-wrapper"))
    SCREENSHOT.parent.mkdir(exist_ok=True)
    assert browser.save_screenshot(str(SCREENSHOT))
    assert requested(browser) == {urlsplit(served.url).netloc}
    # The page's policy forbids nothing that the page needs, and no file is missing.
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def find(within: webdriver.Chrome | WebElement, selector: str) -> WebElement:
    """The first element of this selector, waited for."""
    browser = within if isinstance(within, webdriver.Chrome) else within.parent
    found: WebElement = wait(browser, lambda: next(iter(within.find_elements(By.CSS_SELECTOR, selector)), None))
    return found


def wait(browser: webdriver.Chrome, ready: Callable[[], Any]) -> Any:
    """What `ready` gives as soon as it gives something."""
    return WebDriverWait(browser, WAIT_S).until(lambda _browser: ready())


def click(browser: webdriver.Chrome, element: WebElement) -> None:
    """Click on an element that may be outside the window."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def shown(answer: WebElement) -> Any:
    """The JSON document that an answer shows, None while it shows none."""
    text = "".join(each.text for each in answer.find_elements(By.CSS_SELECTOR, ".highlight-code code"))
    try:
        return json.loads(text)
    except ValueError:
        return None


def requested(browser: webdriver.Chrome) -> set[str]:
    """The host and port of every request that the browser has made over the network."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert urls
    inner = {"data", "blob", "chrome", "chrome-untrusted"}  # within the browser: its own new tab page among them
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme not in inner}
