"""A headless Chromium for tests of pages, driven through chromedriver; and why there is none."""

import os
import shutil
import tempfile
import time
from typing import Any, Dict, List, Optional

import pytest

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    # Chromium's own first page would look for its maker's.
    "--host-resolver-rules=MAP * ~NOTFOUND",
]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_DRIVER = shutil.which("chromedriver")


def _why_not() -> Optional[str]:
    if os.environ.get("SCMGUARD_BROWSER") == "skip":
        return "SCMGUARD_BROWSER=skip"
    if _CHROMIUM is None or _DRIVER is None:
        return "chromium and chromedriver are not installed"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return None


needs_browser = pytest.mark.skipif(_why_not() is not None, reason=str(_why_not()))


class Browser:
    """One Chromium with a profile of its own, to be closed."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        self._profile = tempfile.mkdtemp(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = _CHROMIUM or ""
        for flag in [*_FLAGS, "--user-data-dir=" + self._profile]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
        self.driver.set_page_load_timeout(60)
        self.driver.get("about:blank")

    def close(self) -> None:
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def open(
        self, path: str, width: int = 1280, height: int = 900, dark: bool = False, script: bool = True, scale: float = 1
    ) -> None:
        """Shows a file. Without ``script`` the page has no JavaScript; what a test runs in it still does."""
        self.logged()
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command("Emulation.setScriptExecutionDisabled", value=not script)
        address = "file://" + os.path.abspath(path)
        self.driver.get(address)
        self._wait_for(address)

    def _wait_for(self, address: str) -> None:
        """Until the page is there to its last line: on a busy machine chromedriver has returned before that."""
        deadline = time.monotonic() + 60
        while self.run("return [document.URL, document.readyState]") != [address, "complete"]:
            assert time.monotonic() < deadline, "not loaded within 60 s: " + address
            time.sleep(0.05)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script that ends with ``return`` returns."""
        return self.driver.execute_script(script, *arguments)

    def logged(self) -> List[str]:
        """What the console was told since the last call, violations of the security policy among it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> List[str]:
        """The addresses that pages other than Chromium's own asked for since the last call, their own among them."""
        import json

        found = []
        for entry in self.driver.get_log("performance"):
            message: Dict[str, Any] = json.loads(entry["message"])["message"]
            if message["method"] != "Network.requestWillBeSent":
                continue
            if not message["params"]["documentURL"].startswith("chrome"):
                found.append(message["params"]["request"]["url"])
        return found
