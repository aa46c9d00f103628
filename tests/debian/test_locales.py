"""Which files of the package with all locales an image gets."""

from __future__ import annotations

from tarfile import TarInfo

import pytest

from grocker.debian import choose_locales, deb
from grocker.debian.deb import UnpackedPackage
from grocker.errors import SettingsError
from tests.support.archive import Folder, Hard, Link, Package, Program

PLACE = "usr/lib/locale"
FILES: dict[str, bytes | str | Link | Hard | Folder | Program | TarInfo] = {
    f"{PLACE}/aa_DJ.utf8": Folder(),
    f"{PLACE}/aa_DJ.utf8/LC_CTYPE": "characters",
    f"{PLACE}/aa_DJ.utf8/LC_TIME": "other",
    f"{PLACE}/de_AT.utf8": Folder(),
    f"{PLACE}/de_AT.utf8/LC_CTYPE": Link("../aa_DJ.utf8/LC_CTYPE"),
    f"{PLACE}/de_DE.utf8": Folder(),
    f"{PLACE}/de_DE.utf8/LC_CTYPE": Link("../de_AT.utf8/LC_CTYPE"),
    f"{PLACE}/de_DE.utf8/LC_TIME": "Montag",
    f"{PLACE}/sr_RS@latin": Folder(),
    f"{PLACE}/sr_RS@latin/LC_TIME": "ponedeljak",
    "usr/share/doc/locales-all/copyright": "free",
}
SUMS = "".join(f"{'0' * 32}  {path}\n" for path, content in FILES.items() if isinstance(content, str))


def chosen(*names: str) -> UnpackedPackage:
    package = Package("locales-all", files=FILES, control={"md5sums": SUMS})
    return choose_locales(deb.unpack_bytes(package.deb(), name="locales-all"), names)


def below(paths: list[str] | tuple[str, ...]) -> list[str]:
    return [path.removeprefix(f"{PLACE}/") for path in paths if path.startswith(f"{PLACE}/")]


def test_locale_has_the_files_that_it_shares_with_others() -> None:
    found = chosen("de_DE.UTF-8")
    expected = ["aa_DJ.utf8", "aa_DJ.utf8/LC_CTYPE", "de_AT.utf8", "de_AT.utf8/LC_CTYPE"]
    expected += ["de_DE.utf8", "de_DE.utf8/LC_CTYPE", "de_DE.utf8/LC_TIME"]
    assert below([entry.path for entry in found.entries]) == expected
    assert below(found.facts.paths) == expected


def test_other_files_and_checksums_of_the_package_stay() -> None:
    found = chosen("sr_RS@latin")
    assert "usr/share/doc/locales-all/copyright" in [entry.path for entry in found.entries]
    assert [line[34:] for line in found.facts.md5sums.splitlines()] == [
        f"{PLACE}/sr_RS@latin/LC_TIME",
        "usr/share/doc/locales-all/copyright",
    ]


def test_codeset_may_be_written_as_glibc_takes_it() -> None:
    assert chosen("de_DE.utf8").entries == chosen("de_DE.UTF-8").entries


@pytest.mark.parametrize(
    ("name", "hint"), [("de_ED.UTF-8", "did you mean de_DE.UTF-8"), ("xx", "a locale is named like de_DE.UTF-8")]
)
def test_locale_that_there_is_not_is_refused(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match="has no locale") as caught:
        chosen(name)
    assert caught.value.hint is not None
    assert hint in caught.value.hint
