"""The HTML report in a real Chromium: it fits, reads well, switches boards, and runs and fetches nothing."""

import os
from typing import Any, Dict, Iterator, List

import pytest

from scmguard.finding import TreeReport
from scmguard.text import printable
from tests.browser import Browser, needs_browser
from tests.html_pages import BOOK, boot_of, hostile_reports, page_of, reports_of
from tests.places import TOP

pytestmark = needs_browser

BOARDS = ["cm4", "cm5"]


def plain_reports() -> List[TreeReport]:
    """One with findings of all severities, readings, conditions, an include, overridden values and a long file."""
    with open(os.path.join(TOP, "tests", "boots", "raspios-bookworm", "config.txt"), encoding="utf-8") as stream:
        stock = stream.read()
    config = stock + "include more.txt\n[gpio4=1]\ngpu_mem=16\n[pi7]\notg_mode=1\n[all]\ngpu_mem=32\nkernel=a b # c\n"
    config += "dtoverlay=i2c3,pins_9_9\ndtoverlay=nothing-known\ninclude gone.txt\ndtoverlay=disable-bt-pi5\n"
    files = {
        "config.txt": config,
        "more.txt": "disable_splash=1\ndisable_splash=0\n",
        "cmdline.txt": 'console=serial0,115200 root=/dev/mmcblk0p2 rootwait "a b"\nmore\n',
        "tryboot.txt": "[all]\narm_64bit=0\n",
    }
    long = "".join("# line {}\n[cm5]\narm_freq={}\n[all]\n".format(n, 1000 + n) for n in range(1250)) + "otg_mode=1\n"
    return reports_of([boot_of(files, "boot"), boot_of({"config.txt": long}, "long")], BOARDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = Browser()
    yield found
    found.close()


@pytest.fixture(scope="module")
def reports() -> Dict[str, List[TreeReport]]:
    plain = plain_reports()
    return {"plain": plain, "short": plain[:1], "hostile": hostile_reports()}


@pytest.fixture(scope="module")
def pages(reports: Dict[str, List[TreeReport]], tmp_path_factory: Any) -> Dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, each in reports.items():
        found[name] = str(folder / (name + ".html"))
        errors = [("gone <b>", "no such file or folder")]
        text = page_of(each, BOARDS, errors=errors)
        with open(found[name], "w", encoding="utf-8") as stream:
            stream.write(text)
    return found


NAMES = ["plain", "hostile"]
OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; });"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_scrolling_to_the_side(browser: Browser, pages: Dict[str, str], name: str, width: int) -> None:
    browser.open(pages[name], width, 844)
    for script in ("", OPEN):
        browser.run(script)
        wide, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert window == width
        assert wide <= width
        outside = browser.run(
            "return [...document.querySelectorAll('body *')].filter(each => {"
            "  const box = each.getBoundingClientRect();"
            "  return box.width && box.right > innerWidth + 1 && getComputedStyle(each).position != 'absolute';"
            "}).map(each => each.outerHTML.slice(0, 200))"
        )
        assert outside == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched_or_run(browser: Browser, pages: Dict[str, str], name: str) -> None:
    browser.requested()
    browser.open(pages[name])
    browser.run(OPEN)
    assert browser.run("return window.pwned === undefined && document.scripts.length === 0") is True
    assert browser.logged() == []
    assert browser.requested() == ["file://" + pages[name]]


def test_the_policy_holds(browser: Browser, pages: Dict[str, str]) -> None:
    """What the page would do if something of a file had become markup: nothing, and the console says so."""
    browser.open(pages["plain"])
    assert browser.run("return getComputedStyle(document.querySelector('.code')).borderTopStyle") == "solid"
    browser.run(
        "window.pwned = 0;"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">"
        '<img src="http://127.0.0.1:9/" onerror="window.pwned=2"><p id=odd style="color: rgb(1, 2, 3)">x</p>\');'
        "const script = document.createElement('script');"
        "script.textContent = 'window.pwned = 3';"
        "document.body.append(script);"
    )
    assert browser.run("return window.pwned") == 0
    assert browser.run("return getComputedStyle(document.getElementById('odd')).color") != "rgb(1, 2, 3)"
    assert len([line for line in browser.logged() if "Content Security Policy" in line]) >= 4


SEEN = """
const words = text => text.replace(/\\s+/g, ' ').trim();
return [...document.querySelectorAll('[id^=finding-]')].map(each => {
  const box = each.getBoundingClientRect();
  return [words(each.innerText), box.width > 100 && box.height > 20];
})
"""


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_finding_is_seen(
    browser: Browser, pages: Dict[str, str], reports: Dict[str, List[TreeReport]], name: str, script: bool
) -> None:
    browser.open(pages[name], 390, 844, script=script)
    seen = browser.run(SEEN)
    findings = [finding for report in reports[name] for finding in report.findings]
    assert len(seen) == len({(finding.span, finding._replace(board=None)) for finding in findings})
    assert all(visible for _, visible in seen)
    texts = [text for text, _ in seen]
    for finding in findings:
        assert any(" ".join(printable(finding.message).split()) in text for text in texts), finding.message


@pytest.mark.parametrize("script", [True, False])
def test_the_choice_of_a_board(browser: Browser, pages: Dict[str, str], script: bool) -> None:
    browser.open(pages["plain"], 390, 844, script=script)
    shown = (
        "return [...document.querySelectorAll('.effects > h3')].filter(each => each.offsetParent)"
        ".map(each => each.innerText.split(' ')[3])"
    )
    colour = (
        "const lines = [...document.querySelectorAll('.line code')];"
        "const line = lines.find(each => each.innerText == 'dtoverlay=dwc2,dr_mode=host');"
        "const other = lines.find(each => each.innerText == 'otg_mode=1');"
        "return [getComputedStyle(line).color, getComputedStyle(other).color]"
    )
    assert browser.run(shown) == ["cm4", "cm4"]
    five, four = browser.run(colour)
    assert five != four
    browser.driver.find_element("css selector", "label[for=board-cm5]").click()
    assert browser.run(shown) == ["cm5", "cm5"]
    assert browser.run(colour) == [four, five]
    assert "usb" in browser.run("return document.querySelector('.effects[data-only=cm5]').innerText").lower()
    # With the keyboard alone: the choice is one stop, and the arrows go through it.
    browser.driver.find_element("id", "board-cm5").send_keys("\ue012")
    assert browser.run(shown) == ["cm4", "cm4"]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_what_can_be_seen(browser: Browser, pages: Dict[str, str], name: str) -> None:
    browser.open(pages[name])
    lost = browser.run(
        OPEN + "return [...document.querySelectorAll('a')].filter(each => {"
        "  const target = document.getElementById(decodeURIComponent(each.hash.slice(1)));"
        "  return !target || (!target.getClientRects().length && each.offsetParent);"
        "}).map(each => each.outerHTML)"
    )
    assert lost == []
    assert browser.run("return document.querySelectorAll('a').length") > 10


def test_a_link_jumps_to_its_line(browser: Browser, pages: Dict[str, str]) -> None:
    browser.open(pages["plain"], 390, 844)
    browser.run("document.querySelector('.effects .rows a[href*=L20]').click()")
    top = browser.run("return document.querySelector(location.hash).getBoundingClientRect().top")
    bar = browser.run("return document.querySelector('.switch').getBoundingClientRect().bottom")
    text = browser.run("return document.querySelector(location.hash + ' code').innerText")
    assert text == "otg_mode=1"
    assert bar <= top + 1 < 844


def test_a_link_into_a_folded_stretch_opens_it(browser: Browser, pages: Dict[str, str]) -> None:
    browser.open(pages["plain"])
    target = "document.querySelector('#tree2 ~ .columns .stretch li:nth-child(500)')"
    assert browser.run("return {0}.checkVisibility()".format(target)) is False
    browser.run("location.hash = {}.id".format(target))
    assert browser.run("return {0}.checkVisibility()".format(target)) is True


CONTRAST = (
    OPEN
    + """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = colour => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (front, back) => [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
const light = colour => {
  const parts = colour.map(each => each / 255);
  const [r, g, b] = parts.map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  if (!element) return rgba('Canvas');
  const own = rgba(getComputedStyle(element).backgroundColor);
  return own[3] == 1 ? own : over(own, behind(element.parentElement));
};
const poor = new Set();
let looked = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('.unseen, .skip')) continue;
  const style = getComputedStyle(element);
  let opacity = 1;
  for (let each = element; each; each = each.parentElement) opacity *= getComputedStyle(each).opacity;
  const back = behind(element), front = over(rgba(style.color), back);
  const [a, b] = [light(front), light(back)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  looked++;
  const said = [element.localName, element.className, ratio.toFixed(2), style.color].join(' ');
  if (ratio < 4.5 || opacity < 1) poor.add(said);
}
return [looked, [...poor]];
"""
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dark", [False, True])
def test_contrast(browser: Browser, pages: Dict[str, str], name: str, dark: bool) -> None:
    browser.open(pages[name], dark=dark)
    assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") is dark
    looked, poor = browser.run(CONTRAST)
    assert looked > 300
    assert poor == []
    body = browser.run("return getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, body[4:-1].split(","))) > 380
    assert light is not dark


def test_contrast_is_measured(browser: Browser, pages: Dict[str, str]) -> None:
    browser.open(pages["plain"])
    browser.run(
        "const sheet = new CSSStyleSheet(); sheet.replaceSync('h1 { color: #888 !important }');"
        "document.adoptedStyleSheets = [sheet];"
    )
    assert len(browser.run(CONTRAST)[1]) == 1


@pytest.mark.parametrize("severity", ["brick", "no-boot", "degraded", "hygiene"])
def test_severities_differ_without_colour(browser: Browser, pages: Dict[str, str], severity: str) -> None:
    browser.open(pages["plain"])
    texts, shapes = browser.run(
        "const found = [...document.querySelectorAll('.card .severity.' + arguments[0])];"
        "const shapes = found.map(each => each.querySelector('use').getAttribute('href'));"
        "return [found.map(each => each.innerText.trim()), shapes]",
        severity,
    )
    assert set(texts) == {severity}
    assert set(shapes) == {"#icon-" + severity}
    drawn = browser.run("return document.querySelector('.card .severity use').getBBox().width")
    assert drawn > 5


def test_all_severities_are_in_the_page(reports: Dict[str, List[TreeReport]]) -> None:
    found = {finding.severity for report in reports["plain"] for finding in report.findings}
    assert found >= {"brick", "degraded", "hygiene"}
    assert BOOK.rules["otg-mode-enabled"].severity == "brick"


@pytest.mark.parametrize("name", NAMES)
def test_headings_in_order(browser: Browser, pages: Dict[str, str], name: str) -> None:
    browser.open(pages[name])
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(each => each.offsetParent)"
        ".map(each => +each.localName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))


def test_keyboard_reaches_everything(browser: Browser, pages: Dict[str, str]) -> None:
    browser.open(pages["plain"])
    stops: List[str] = []
    body = browser.driver.find_element("tag name", "body")
    body.send_keys("\ue004")
    while len(stops) < 300 and "input board-cm4" not in stops:
        name = browser.run(
            "const at = document.activeElement;"
            "return at.localName + ' ' + (at.id || at.getAttribute('href') || at.parentElement.className)"
        )
        stops.append(name)
        browser.driver.switch_to.active_element.send_keys("\ue004")
    assert stops[0] == "a #details"
    assert "input board-cm4" in stops
    assert any(each.startswith("a #finding-1-") for each in stops)
    assert any(each.startswith("summary") and "not-checked" in each for each in stops)


def test_in_print_all_is_open_and_nothing_is_cut(browser: Browser, pages: Dict[str, str]) -> None:
    browser.open(pages["short"], 794, 1123)
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    hidden = browser.run(
        "return [...document.querySelectorAll('.not-checked li, .card details li')]"
        ".filter(each => !each.checkVisibility()).length"
    )
    assert hidden == 0
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth") is True
    data = browser.command("Page.printToPDF", printBackground=False)["data"]
    assert len(data) > 20_000
    browser.command("Emulation.setEmulatedMedia", media="", features=[])


def test_text_can_be_enlarged(browser: Browser, pages: Dict[str, str]) -> None:
    """Twice the size of letters on a phone: still no scrolling to the side (WCAG 1.4.4)."""
    browser.open(pages["plain"], 390, 844)
    browser.run(
        "const sheet = new CSSStyleSheet(); sheet.replaceSync('html { font-size: 200% }');"
        "document.adoptedStyleSheets = [sheet];"
    )
    assert browser.run("return document.documentElement.scrollWidth") <= 390


def test_what_is_pressed_is_large_enough(browser: Browser, pages: Dict[str, str]) -> None:
    """WCAG 2.5.8: 24 by 24 pixels for what is not a link in a text."""
    browser.open(pages["plain"], 390, 844)
    small = browser.run(
        "return [...document.querySelectorAll('summary, .switch label')].filter(each => each.checkVisibility() &&"
        " (each.getBoundingClientRect().height < 24 || each.getBoundingClientRect().width < 24))"
        ".map(each => each.outerHTML)"
    )
    assert small == []
