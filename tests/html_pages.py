"""Pages of the HTML report for tests: trees in memory in, the page out, as ``check`` makes it."""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.cli.check import Outcome
from scmguard.effective.board import BOARDS
from scmguard.finding import Edit, Finding, Fix, TreeReport, Waived
from scmguard.folder import MemoryFolder
from scmguard.lint import Job, run
from scmguard.report import html_report
from scmguard.report.session import Session, Style
from scmguard.text import Span

BOOK = rulebook.load()
Content = Union[str, bytes]


def boot_of(files: Mapping[str, Content], path: str = "boot", root: Optional[Mapping[str, Content]] = None) -> Boot:
    return Boot(MemoryFolder(_bytes(files), path), None if root is None else MemoryFolder(_bytes(root), "root"))


def _bytes(files: Mapping[str, Content]) -> Dict[str, bytes]:
    return {
        name: text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for name, text in files.items()
    }


def reports_of(boots: Iterable[Boot], boards: Sequence[str] = ("cm4",), profile: str = "scm") -> List[TreeReport]:
    about = BOOK.profiles[profile]
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile) and "transaction" not in rule.needs)
    job = Job(rules, tuple(BOARDS[name] for name in boards), profile, about.parameters, frozenset([about.board]))
    return [run(job, boot) for boot in boots]


def page_of(reports: Iterable[TreeReport], boards: Sequence[str] = ("cm4",), quiet: bool = False, **more: Any) -> str:
    outcome = Outcome()
    for path, reason in more.get("errors", ()):
        outcome.errors.append({"path": path, "reason": reason})
    session = Session("0.0.0", BOOK.rules, more.get("profile", "scm"), tuple(boards), Style(quiet=quiet), outcome.tail)
    text = "".join(html_report.render(outcome.watch(reports), session))
    assert text.isascii()
    return text


EVIL = (
    "</script><script>window.pwned=1</script>",
    "</style><script>window.pwned=2</script>",
    '"><img src=x onerror="window.pwned=3">',
    "'><svg onload='window.pwned=4'>",
    "<img src=http://192.0.2.1/beacon.png>",
    "<!-- <a href=javascript:window.pwned=5>x</a>",
    "]]>&lt;&#60;&notit;&",
    "\u202ednuora\u202c \u2066isolated\u2069 \u200b\ufeff\u00ad",
    "\x00\x1b[31mred\x07\x7f\x9b",
    "{} {0} %s %n {{",
)


def hostile_reports(boards: Sequence[str] = ("cm4", "cm5")) -> List[TreeReport]:
    """Trees that mean ill, and findings about them with all that a finding can have."""
    config = [
        "[{}]\n{}=1\ndtoverlay={}\ndtparam={}\ngpio={}\ninclude {}\nkernel={}".format(*[evil] * 7) for evil in EVIL
    ]
    config.append("[gpio4=1]\notg_mode=1 # " + EVIL[0] + "\n[all]\nmax_usb_current=1\nmax_usb_current=" + EVIL[2])
    config.append("dtoverlay=dwc2," + "x" * 20_000 + '=1,dr_mode="host"')
    config.append("a" * 5_000 + "\u0300" * 500)
    text = "\n".join(config) + "\n"
    files: Dict[str, Content] = {
        "config.txt": text.encode("utf-8", "surrogatepass") + b"\xff\xfe\x80raw=1\notg_mode=1\n",
        "cmdline.txt": " ".join(EVIL).replace("\n", "") + " root=/dev/" + EVIL[2] + "\nsecond " + EVIL[0] + "\n",
        EVIL[2]: "included=1\n" + EVIL[1] + "\n",
        "tryboot.txt": EVIL[0] + "\n[tryboot]\notg_mode=1\n",
        "autoboot.txt": "[all]\nboot_partition=" + EVIL[2] + "\n",
    }
    reports = reports_of([boot_of(files, "boot " + EVIL[2] + EVIL[7])], boards)
    report = reports[0]
    path = report.boot.files.label("config.txt") if report.boot is not None else ""
    extra = [
        Finding(
            "otg-mode-enabled", "no-boot", "possible", None, "message " + evil, Span(path, 1 + 7 * number, 1, 1, 3),
            when=("gpio=" + evil,), reading=("bom", "text"), help="help " + evil,
            fix=Fix("title " + evil, (Edit(path, 2, 3, "new=" + evil + "\n"),), bool(number % 2)),
        )
        for number, evil in enumerate(EVIL)
    ]  # fmt: skip
    extra += [
        Finding(
            "bad-encoding", "degraded", "certain", "cm4", evil, Span(evil, 3, 2, 3, 9), excerpt=evil,
            waived=Waived("because " + evil, "2031-12-31") if number % 2 else None,
        )
        for number, evil in enumerate(EVIL)
    ]  # fmt: skip
    extra.append(Finding("x", "hygiene", "certain", None, "of the tree", Span(report.path)))
    return [report._replace(findings=report.findings + extra, problems=((EVIL[0], EVIL[1]),), notes=EVIL)]
