"""Message catalogs, compiled as msgfmt compiles them."""

from __future__ import annotations

import gettext
import io
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.python.message_catalog import CatalogError, compile_catalog

HEADER = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"POT-Creation-Date: 2020-01-01 00:00+0000\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""
CATALOG = f"""\
# a comment
{HEADER}
#: shop/views.py:3
msgid "Hello"
msgstr "Gruß"

msgctxt "month"
msgid "May"
msgstr "Mai"

#, python-format
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] ""
"%d "
"Dateien"

#, fuzzy
msgid "Guess"
msgstr "Vermutung"

msgid "Nothing"
msgstr ""

msgid "tab\\t\\"quoted\\" \\\\ \\101\\x42"
msgstr "ok"
#~ msgid "Old"
#~ msgstr "Alt"
"""


def translations(data: bytes) -> gettext.GNUTranslations:
    return gettext.GNUTranslations(io.BytesIO(data))


def test_messages_are_those_that_gettext_finds() -> None:
    found = translations(compile_catalog(CATALOG.encode()))
    assert found.gettext("Hello") == "Gruß"
    assert found.pgettext("month", "May") == "Mai"
    assert [found.ngettext("%d file", "%d files", n) for n in (1, 2)] == ["%d Datei", "%d Dateien"]
    assert [found.gettext(text) for text in ("Guess", "Nothing", "Old")] == ["Guess", "Nothing", "Old"]
    assert found.gettext('tab\t"quoted" \\ AB') == "ok"
    assert found.info() == {"content-type": "text/plain; charset=UTF-8", "plural-forms": "nplurals=2; plural=(n != 1);"}


def test_file_has_the_layout_of_gnu_with_its_hash_table() -> None:
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\nmsgid "a"\nmsgstr "b"\n'
    header = b"Content-Type: text/plain; charset=UTF-8\n"
    words = [0x950412DE, 0, 2, 28, 44, 5, 60, 0, 80, 1, 81, len(header), 83, 1, 124, 1, 0, 2, 0, 0]
    data = b"".join(word.to_bytes(4, "little") for word in words) + b"\0a\0" + header + b"\0b\0"
    assert compile_catalog(text.encode()) == data


def test_charset_of_the_catalog_counts() -> None:
    text = CATALOG.replace("UTF-8", "ISO-8859-1").encode("iso-8859-1")
    assert translations(compile_catalog(text)).gettext("Hello") == "Gruß"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "line 1: expected msgid, msgstr or a comment"),
        ('msgid "a"\nmsgstr "b', "line 2: malformed string"),
        ('msgid "a"\nmsgstr "b" "c"', "line 2: malformed string"),
        ('msgstr "b"', "line 1: msgstr without msgid"),
        ('msgid "a"\n', "line 1: a message without msgstr"),
        ('msgid ""\nmsgstr "charset=NO-SUCH\\n"\n', "unknown charset NO-SUCH"),
        ('msgid ""\nmsgstr "charset=hex\\n"\n', "unknown charset hex"),
        ("\udcff", "not utf-8"),
    ],
)
def test_malformed_catalog_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        compile_catalog(text.encode("utf-8", "surrogateescape"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt is not installed")
@pytest.mark.slow
@given(st.dictionaries(WORDS, WORDS, max_size=60))
def test_bytes_are_those_of_msgfmt(messages: dict[str, str]) -> None:
    text = HEADER + "".join(f"\nmsgid {_quoted(key)}\nmsgstr {_quoted(value)}\n" for key, value in messages.items())
    done = subprocess.run(["msgfmt", "-o", "-", "-"], input=text.encode(), capture_output=True, check=True)
    assert compile_catalog(text.encode()) == done.stdout


@given(st.binary(max_size=200) | st.text(alphabet='msgidtr" \\n#[]0123\n', max_size=200).map(str.encode))
def test_any_bytes_are_compiled_or_refused(data: bytes) -> None:
    try:
        compile_catalog(data)
    except CatalogError:
        pass


def test_line_ends_of_windows_change_nothing() -> None:
    assert compile_catalog(CATALOG.encode()) == compile_catalog(CATALOG.replace("\n", "\r\n").encode())
