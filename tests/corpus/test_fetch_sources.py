"""The list of sources, and addresses: read, checked, never asked."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiyou_tui.corpus.fetch.failures import FetchError
from xiyou_tui.corpus.fetch.sources import encode_address, load_sources, readable, source_from_address
from xiyou_tui.storage.places import Places


def write(places: Places, text: str) -> None:
    (places.config / "sources.toml").write_text(text, "utf-8")


def test_what_ships(places: Places) -> None:
    known = load_sources(places)
    assert [source.id for source in known.sources] == ["wikisource", "gutenberg"] and not known.warnings
    wiki, book = known.sources
    assert len(wiki.pages) == 100 and wiki.pages[6].name == "第007回.txt" and wiki.pause >= 1
    assert wiki.pages[6].addresses == (
        "https://zh.wikisource.org/w/index.php?title=%E8%A5%BF%E9%81%8A%E8%A8%98/%E7%AC%AC007%E5%9B%9E&action=raw",
    )
    assert [unquote(address) for address in book.pages[0].addresses] == list(book.addresses)
    assert all(urlsplit(address).scheme == "https" for source in known.sources for page in source.pages for address in page.addresses)


def test_the_user_lays_over(places: Places) -> None:
    write(
        places,
        """
contact = "reader@example.org"
[[source]]
id = "wikisource"
mirror = "http://mirror.test:8080/zh/"
[[source]]
id = "gutenberg"
hidden = true
[[source]]
id = "mine"
addresses = ["http://127.0.0.1/{chapter}.txt", "http://127.0.0.1/{chinese}.txt"]
chapters = "1-2, 27"
pause = 0
""",
    )
    known = load_sources(places)
    assert [source.id for source in known.sources] == ["wikisource", "mine"] and known.contact == "reader@example.org" and not known.warnings
    assert readable(known.sources[0].pages[0].addresses[0]) == "http://mirror.test:8080/zh/w/index.php?title=西遊記/第001回&action=raw"
    mine = known.sources[1]
    assert [page.chapter for page in mine.pages] == [1, 2, 27]
    assert [readable(address) for address in mine.pages[2].addresses] == ["http://127.0.0.1/27.txt", "http://127.0.0.1/二十七.txt"]
    assert known.find("").id == "wikisource" and known.find("mine").id == "mine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[source]\nid=", "读不懂"),
        ('[[source]]\nname = "无"', "id"),
        ('[[source]]\nid = "x"', "addresses"),
        ('[[source]]\nid = "x"\naddresses = ["ftp://a/b"]', "不是能取的网址"),
        ('[[source]]\nid = "x"\naddresses = ["http://a/{chapter}", "http://a/b"]', "chapter"),
        ('[[source]]\nid = "x"\naddresses = ["http://a/{chapter}"]\nchapters = "一到三"', "chapters"),
        ('[[source]]\nid = "x"\naddresses = ["http://a/b"]\npause = -1', "pause"),
        ('[[source]]\nid = "x"\naddresses = ["http://a/b"]\nformat = "pdf"', "format"),
        ('[[source]]\nid = "x"\naddresses = ["http://a/b"]\nmirror = "not an address"', "不是能取的网址"),
        ('[[source]]\nid = "wikisource"\ncolour = "red"', "colour"),
        ("source = 3", ""),
    ],
)
def test_mistakes_are_named_and_never_fatal(places: Places, text: str, told: str) -> None:
    write(places, text)
    known = load_sources(places)
    assert {"wikisource", "gutenberg"} <= {source.id for source in known.sources}
    assert told in "".join(known.warnings)
    assert (places.config / "sources.toml").read_text("utf-8") == text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.fixed_dictionaries(
            {},
            optional={
                name: st.one_of(st.integers(), st.text(max_size=12), st.booleans(), st.lists(st.text(max_size=8), max_size=2))
                for name in ("id", "name", "addresses", "chapters", "format", "pause", "mirror", "hidden", "about")
            },
        ),
    )
)
def test_no_file_breaks_the_list(places: Places, content: bytes | dict[str, object]) -> None:
    import tomli_w

    path = places.config / "sources.toml"
    path.write_bytes(content if isinstance(content, bytes) else tomli_w.dumps({"source": [content]}).encode())
    assert {"wikisource", "gutenberg"} <= {source.id for source in load_sources(places).sources}


@pytest.mark.parametrize(
    "text",
    ["", "file:///etc/passwd", "ftp://a.test/b", "javascript:alert(1)", "http://", "http:///x", "http://u:p@a.test/", "http://a.test/a b", "http://a.test:99999/", "http://a.test/\nHost: b", "http://[::1", "data:text/plain,x"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(FetchError) as caught:
        encode_address(text)
    assert caught.value.code == "bad-address" and caught.value.next_step


def test_addresses_with_chinese() -> None:
    assert encode_address("http://中文.test/西游?q=回#尾") == "http://xn--fiq228c.test/%E8%A5%BF%E6%B8%B8?q=%E5%9B%9E"
    assert encode_address("https://a.test/%E8%A5%BF") == "https://a.test/%E8%A5%BF"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=30))
def test_encoding_is_ascii_and_settles(path: str) -> None:
    try:
        once = encode_address(f"http://a.test/{path}")
    except FetchError:
        return
    assert once.isascii() and encode_address(once) == once and urlsplit(once).hostname == "a.test"


def test_a_typed_address_is_a_source(places: Places) -> None:
    known = load_sources(places)
    one = known.find("example.org/book/西游记.txt")
    assert one.addresses == ("https://example.org/book/西游记.txt",) and one.pages[0].name == "西游记.txt"
    assert len(known.find("https://example.org/{chapter:03}.html").pages) == 100
    assert source_from_address("http://a.test/x").id != source_from_address("http://a.test/y").id
    assert source_from_address("http://a.test/../../etc/passwd").pages[0].name == "passwd.txt"
    assert source_from_address("http://a.test/.part?x=1").pages[0].name == "part.txt"
    with pytest.raises(FetchError, match="没有「nowhere」"):
        known.find("nowhere")
