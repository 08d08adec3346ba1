"""The pages of the rules are those that the YAML makes, and Markdown makes the words of the rules of them."""

import os
import re
from typing import Any, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard import rulebook
from scmguard.report.rule_page import linked, markdown, prose
from tests.places import TOP, docs_script

MarkdownIt = pytest.importorskip("markdown_it").MarkdownIt
SCRIPT = docs_script("update_rules")
PAGES = SCRIPT.pages()
RULES = rulebook.load().rules


def leaves(text: str) -> Iterator[Any]:
    for token in MarkdownIt().parse(text):
        yield token
        yield from token.children or ()


def words(text: str) -> str:
    """The text that a reader of Markdown sees."""
    return "".join(
        " " if token.type == "softbreak" else token.content
        for token in leaves(text)
        if token.type in ("text", "text_special", "code_inline", "softbreak", "html_inline", "html_block", "fence")
    )


def test_the_pages_are_up_to_date() -> None:
    assert sorted(os.listdir(SCRIPT.FOLDER)) == sorted(PAGES), "run docs/update_rules.py"
    for name, text in PAGES.items():
        with open(os.path.join(SCRIPT.FOLDER, name), encoding="utf-8") as stream:
            assert stream.read() == text, "{}: run docs/update_rules.py".format(name)


def test_a_stale_page_is_removed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(SCRIPT, "FOLDER", str(tmp_path / "rules"))
    SCRIPT.main()
    (tmp_path / "rules" / "old-rule.md").write_text("x")
    (tmp_path / "rules" / "README.md").write_text("x")
    SCRIPT.main()
    assert sorted(os.listdir(tmp_path / "rules")) == sorted(PAGES)
    assert (tmp_path / "rules" / "README.md").read_text(encoding="utf-8") == PAGES["README.md"]


def test_the_table_has_every_rule_once_and_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]*)\)", PAGES["README.md"])
    assert sorted(links) == sorted(id + ".md" for id in RULES)
    assert set(links) < set(PAGES)


@pytest.mark.parametrize("id", RULES)
def test_a_page_says_what_the_rule_says(id: str) -> None:
    rule = RULES[id]
    page = markdown(rule)
    assert page.startswith("# {}\n".format(id)) and page.endswith("\n") and not page.endswith("\n\n")
    assert all(line.isprintable() for line in page.split("\n"))
    tokens = MarkdownIt().parse(page)
    said = [words(token.content) for token in tokens if token.type == "inline"]
    plain = [" ".join(text.replace("`", "").split()) for text in said]
    for text in (rule.summary, rule.rationale, rule.recovery, rule.help, *rule.sources):
        if text.count("`") % 2 == 0:
            assert " ".join(text.replace("`", "").split()) in plain
    cases = rule.examples["bad"] + rule.examples["good"]
    fences = [token for token in tokens if token.type == "fence"]
    assert len(fences) == len(cases)
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len([token for token in headings if token.tag == "h3"]) == len(cases)
    assert [token.tag for token in headings if token.tag != "h3"] == ["h1"] + ["h2"] * 7
    assert not [token for token in leaves(page) if token.type in ("html_inline", "html_block", "image")]


@pytest.mark.parametrize("id", RULES)
def test_a_page_without_examples_is_the_beginning_of_the_page(id: str) -> None:
    short = markdown(RULES[id], examples=False)
    assert markdown(RULES[id]).startswith(short) and "examples" not in short.split("## Sources")[1]


@pytest.mark.parametrize(
    "source, links",
    [
        ("raspberrypi/linux#1172, #1004: x", ["raspberrypi/linux/issues/1172", "raspberrypi/linux/issues/1004"]),
        ("a-b/c.d#1 and #22; e/f#3: x", ["a-b/c.d/issues/1", "a-b/c.d/issues/22", "e/f/issues/3"]),
        ("Debian #1137437, #618862: x", ["https://bugs.debian.org/1137437", "https://bugs.debian.org/618862"]),
        ("run-parts(8), debianutils 5.7", ["https://manpages.debian.org/run-parts.8"]),
        ("Zymbit documentation, troubleshooting/scm: x", ["https://docs.zymbit.com/troubleshooting/scm/"]),
        ("Zymbit documentation, Python API: x", []),
        (
            "Raspberry Pi documentation, config_txt/boot.adoc: x",
            ["raspberrypi/documentation/blob/HEAD/documentation/asciidoc/computers/config_txt/boot.adoc"],
        ),
        ("Linux, init/version.c: the banner (#1 SMP)", []),
        ("issue #4 of nobody", []),
        ("copy_file() of hook-functions", []),
    ],
)  # fmt: skip
def test_sources_as_links(source: str, links: List[str]) -> None:
    text = linked(source)
    hrefs = [token.attrs["href"] for token in leaves(text) if token.type == "link_open"]
    assert [href.replace("https://github.com/", "") for href in hrefs] == links
    assert words(text) == source


@given(st.text(st.sampled_from("ab *_[]()<>`\\#-+1.!|&;\n~=\x1b"), max_size=30))
def test_prose_is_read_as_it_is_written(text: str) -> None:
    wanted = " ".join(text.split()).replace("\x1b", "\\x1b")
    got = words(prose(text))
    if wanted.count("`") == 0:
        assert got == wanted


def test_the_folder_is_where_the_readme_can_point_to() -> None:
    assert os.path.isfile(os.path.join(TOP, "docs", "rules", "README.md"))
