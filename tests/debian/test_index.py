"""The ``Packages`` index."""

from __future__ import annotations

import pytest

from grocker.debian import index
from grocker.debian.index import Record

TEXT = b"""\
Package: dash
Version: 0.5.12-12
Essential: yes
Architecture: amd64
Depends: debianutils (>= 5.6-0.1),
 libc6
Pre-Depends: libc6 (>= 2.38)
Provides: sh, posix-sh (= 1.0)
Priority: required
Filename: pool/main/d/dash/dash_0.5.12-12_amd64.deb
Size: 98504
SHA256: a8902cb6d8650134764a25fb80aec8589d858ef71ece1680a62e84816c37bb04

Package: dash
Version: 0.5.13-1
Architecture: amd64
Filename: pool/x.deb
Size: 1
SHA256: 00

"""


def test_records_are_what_was_parsed_when_they_are_decoded() -> None:
    found = index.decode("trixie", index.parse(TEXT))
    first, second = found.records("dash")
    assert first == Record(
        name="dash",
        version="0.5.12-12",
        architecture="amd64",
        path="pool/main/d/dash/dash_0.5.12-12_amd64.deb",
        size=98504,
        sha256="a8902cb6d8650134764a25fb80aec8589d858ef71ece1680a62e84816c37bb04",
        depends="debianutils (>= 5.6-0.1),\n libc6",
        pre_depends="libc6 (>= 2.38)",
        provides="sh, posix-sh (= 1.0)",
        priority="required",
    )
    assert second.version == "0.5.13-1"
    assert found.providers("posix-sh") == ("dash",)
    assert found.records("bash") == ()
    assert found.providers("bash") == ()
    assert list(found.names()) == ["dash"]


def test_kept_form_is_the_same_when_it_is_made_twice() -> None:
    assert index.parse(TEXT) == index.parse(TEXT)


def test_index_is_empty_when_a_suite_has_no_packages() -> None:
    assert list(index.decode("trixie-updates", index.parse(b"")).names()) == []


@pytest.mark.parametrize("field", ["Version", "Filename", "Size", "SHA256", "Architecture"])
def test_index_is_refused_when_a_stanza_lacks_a_field(field: str) -> None:
    lines = [line for line in TEXT.split(b"\n\n")[0].split(b"\n") if not line.startswith(field.encode() + b":")]
    with pytest.raises(ValueError, match=f"the stanza of dash has no {field}"):
        index.parse(b"\n".join(lines))


def test_index_is_refused_when_a_size_is_no_number() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        index.parse(TEXT.replace(b"98504", b"big"))
