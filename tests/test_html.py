"""The page of a report: complete, escaped, and closed to everything outside it."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from rich.console import Console

from carleman_ssm.report.html import html_page, write_html
from carleman_ssm.report.sections import Grid, Note, Pairs, Picture, Section, Verbatim, print_sections

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Texts, tags and attributes of a page; complains where tags do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "one.png"
    image.imsave(path, np.linspace(0, 1, 12).reshape(3, 4))
    return Picture(path, 'a caption with "quotes" & <tags>')


def test_pictures_are_inside_the_page(picture, tmp_path):
    path = write_html(tmp_path / "page.html", "title", [Section("s", (picture,))])
    stored = picture.path.read_bytes()
    picture.path.unlink()
    found = re.search(r'src="data:image/png;base64,([^"]+)"', path.read_text(encoding="utf-8"))
    assert base64.b64decode(found.group(1)) == stored
    reader = read(path.read_text(encoding="utf-8"))
    assert ("img", "alt", picture.caption) in reader.attributes


def test_nothing_is_asked_from_elsewhere(picture):
    page = html_page("t", [Section("s", (picture, Note("https://example.org/x.js")))], lead="l")
    reader = read(page)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(reader.tags)
    for tag, name, value in reader.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "action", "srcset"):
            assert value.startswith(("data:image/png;base64,", "#section-"))
    policy = next(value for tag, name, value in reader.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "url(" not in page
    assert "@import" not in page


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30))
def test_every_text_arrives_as_it_was_and_never_as_markup(text):
    blocks = (Pairs({text: text}), Grid((text,), ((text,),)), Note(text), Verbatim(text), Verbatim(text, text))
    reader = read(html_page(text, [Section(text, blocks)], lead=text))
    assert reader.texts.count(text) == 13  # title, heading, lead, link, section, and the eight of the blocks
    known = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "nav", "a", "section", "table", "tbody"}
    known |= {"thead", "tr", "th", "td", "div", "pre", "details", "summary"}
    assert set(reader.tags) <= known


def test_a_page_with_unescaped_text_would_be_seen():
    twin = html_page("t", [Section("s", (Note("x"),))]).replace("<p>x</p>", "<p><b>x</p>")
    with pytest.raises(AssertionError):
        read(twin)


def test_the_terminal_prints_what_the_page_says_and_leaves_out_what_is_a_file(picture):
    sections = [
        Section("numbers", (Pairs({"[b]name[/b]": "value"}), Grid(("p", "q"), (("1", "[red]2"),)), picture)),
        Section("pictures", (picture,)),
        Section("folded", (Verbatim("the source", "open me"),)),
    ]
    out = io.StringIO()
    print_sections(sections, Console(file=out, width=80))
    text = out.getvalue()
    for word in ("numbers", "[b]name[/b]", "value", "[red]2"):
        assert word in text
    for word in ("pictures", "folded", "the source"):
        assert word not in text


def test_tables_are_rectangular():
    with pytest.raises(ValueError, match="row 1 of the table has 1 cells, its header 2"):
        Grid(("a", "b"), (("1", "2"), ("3",)))
