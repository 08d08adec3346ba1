"""Makes the pictures of the HTML report in docs/images, with Chromium; the fonts are those of the machine it runs on.

Run it after a change of the report's form. Needs chromium, chromedriver and selenium.
"""

import base64
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMAGES = os.path.join(TOP, "docs", "images")
COMMAND = "check tests/boots/raspios-bookworm --board cm4 --board cm5 --format html --output"

#: Width and height in pixels of the style sheet, and how many of the picture's one of them is.
PICTURES = {"report-1280.png": (1280, 1480, 1.0), "report-390.png": (390, 1340, 1.5)}


def main() -> None:
    """Makes them all."""
    sys.path.insert(0, TOP)
    from tests.browser import Browser

    browser = Browser()
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "report.html")
            arguments = [sys.executable, "-m", "scmguard", *COMMAND.split(), page]
            subprocess.run(arguments, cwd=TOP, timeout=120, check=False)
            for name, (width, height, scale) in PICTURES.items():
                browser.open(page, width, height, scale=scale)
                data = browser.command("Page.captureScreenshot", format="png")["data"]
                with open(os.path.join(IMAGES, name), "wb") as stream:
                    stream.write(base64.b64decode(data))
    finally:
        browser.close()


if __name__ == "__main__":
    main()
