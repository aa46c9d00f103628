"""The ``Packages`` index."""

from __future__ import annotations

import pytest

from grocker.debian.index import PackageIndex, PackageRecord
from grocker.errors import CorruptError

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


FOLDED = b"""\
Version: 2
Package: mawk
Architecture: amd64
Filename: pool/y.deb
Size: 2
SHA256: 01
Provides: awk,
 posix-awk (= 1)"""


def test_records_are_what_the_text_says_when_they_are_asked_for() -> None:
    found = PackageIndex("trixie", TEXT)
    first, second = found.records("dash")
    assert first == PackageRecord(
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
        essential="yes",
    )
    assert second.version == "0.5.13-1"
    assert found.records("bash") == ()
    assert list(found.names()) == ["dash"]


@pytest.mark.parametrize("text", [TEXT + FOLDED, FOLDED + b"\n\n" + TEXT, TEXT + b"\n\n" + FOLDED + b"\n"])
def test_stanza_is_found_when_it_stands_at_either_end_or_does_not_begin_with_its_name(text: bytes) -> None:
    found = PackageIndex("trixie", text)
    assert [record.version for record in found.records("mawk")] == ["2"]
    assert len(found.records("dash")) == 2


@pytest.mark.parametrize(
    ("name", "provider"), [("sh", "dash"), ("posix-sh", "dash"), ("awk", "mawk"), ("posix-awk", "mawk"), ("posix", "")]
)
def test_provider_is_found_when_the_whole_name_is_among_what_it_provides(name: str, provider: str) -> None:
    for text in (TEXT + FOLDED, FOLDED + b"\n\n" + TEXT):
        assert PackageIndex("trixie", text).providers(name) == ((provider,) if provider else ())


@pytest.mark.parametrize("text", [b"", b"\n", b"no stanza"])
def test_index_is_empty_when_a_suite_has_no_packages(text: bytes) -> None:
    found = PackageIndex("trixie-updates", text)
    assert list(found.names()) == []
    assert found.providers("sh") == ()


@pytest.mark.parametrize("field", ["Version", "Filename", "Size", "SHA256", "Architecture"])
def test_package_is_refused_when_its_stanza_lacks_a_field(field: str) -> None:
    lines = [line for line in TEXT.split(b"\n\n")[0].split(b"\n") if not line.startswith(field.encode() + b":")]
    with pytest.raises(CorruptError, match=f"the index of trixie: the stanza of dash has no {field}"):
        PackageIndex("trixie", b"\n".join(lines)).records("dash")


def test_package_is_refused_when_a_size_is_no_number() -> None:
    with pytest.raises(CorruptError, match="the stanza of dash cannot be read: invalid literal"):
        PackageIndex("trixie", TEXT.replace(b"98504", b"big")).records("dash")
