"""Where Debian's archive is."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.debian import mirrors
from grocker.debian.mirrors import Mirrors, find_mirrors
from grocker.errors import SettingsError

LIST = """\
# deb http://commented.example.invalid/debian trixie main
deb [arch=amd64 signed-by=/x.gpg] http://list.example.invalid/debian/ bookworm main contrib
deb-src http://source.example.invalid/debian bookworm main
deb http://list.example.invalid/debian bookworm-updates main
deb http://list.example.invalid/security bookworm-security main
deb mirror+file:/etc/apt/mirrors.txt bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://[broken bookworm main
deb http://other.example.invalid/apt nodistro main
deb http://engine.example.invalid/linux/debian bookworm stable
deb http://ubuntu.example.invalid/ubuntu noble main
"""
SOURCES = """\
# a comment
Types: deb deb-src
URIs: http://one.example.invalid/debian https://two.example.invalid/debian
Suites: trixie trixie-updates trixie-backports
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 xyz

Types: deb
URIs: http://one.example.invalid/debian-security
Suites: trixie-security
Components: main

Types: deb
Enabled: no
URIs: http://disabled.example.invalid/debian
Suites: trixie

Types: deb-src
URIs: http://source.example.invalid/debian
Suites: trixie
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "apt.conf.d").mkdir()
    return tmp_path


def test_settings_win_when_everything_is_set(root: Path) -> None:
    (root / "sources.list").write_text(LIST)
    environ = {
        "GROCKER_DEBIAN_MIRROR": "http://e.example.invalid",
        "GROCKER_DEBIAN_SECURITY_MIRROR": "http://s.invalid",
    }
    found = find_mirrors(mirror="http://m.example.invalid/debian/", environ=environ, root=root)
    assert found == Mirrors(("http://m.example.invalid/debian",), ("http://s.invalid",), True, True)


def test_hosts_sources_are_used_when_nothing_is_set(root: Path) -> None:
    (root / "sources.list.d/debian.sources").write_text(SOURCES)
    (root / "sources.list.d/ignored.sources.disabled").write_text(SOURCES.replace("one", "ignored"))
    found = find_mirrors(environ={}, root=root)
    assert found.archive == ("http://one.example.invalid/debian", "https://two.example.invalid/debian")
    assert found.security == ("http://one.example.invalid/debian-security",)
    assert not found.explicit


def test_sources_of_the_old_form_are_read_when_the_host_has_them(root: Path) -> None:
    (root / "sources.list").write_text(LIST)
    found = find_mirrors(environ={}, root=root)
    assert found.archive == ("http://list.example.invalid/debian",)
    assert found.security == ("http://list.example.invalid/security",)


def test_malformed_sources_are_passed_over_when_others_are_good(root: Path) -> None:
    (root / "sources.list").write_text(LIST)
    (root / "sources.list.d/broken.sources").write_text("what is this")
    (root / "sources.list.d/broken.list").write_bytes(b"deb\n\xff\n deb http://x.example.invalid\n")
    assert find_mirrors(environ={}, root=root).archive == ("http://list.example.invalid/debian",)


@pytest.mark.parametrize(
    ("mirror", "setting", "variable"),
    [
        (None, "debian.mirror", "GROCKER_DEBIAN_MIRROR"),
        ("http://m.example.invalid", "debian.security-mirror", "GROCKER_DEBIAN_SECURITY_MIRROR"),
    ],
)
def test_missing_address_is_a_settings_error_when_the_host_has_no_debian(
    mirror: str | None, setting: str, variable: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        find_mirrors(mirror=mirror, environ={}, root=tmp_path / "nothing")
    assert caught.value.status == 78
    assert "archive configured" in caught.value.message
    assert setting in (caught.value.hint or "")
    assert variable in (caught.value.hint or "")


@pytest.mark.parametrize("address", ["ftp://me:hush@example.invalid/debian", "me:hush@example.invalid", "http://[hush"])
def test_address_is_refused_and_its_password_hidden_when_it_is_not_http(address: str) -> None:
    with pytest.raises(SettingsError, match=r"debian\.mirror") as caught:
        find_mirrors(mirror=address, environ={})
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("", True),
        ('Acquire::Check-Valid-Until "false";', False),
        ('acquire::check-valid-until "0";', False),
        ('Acquire::Check-Valid-Until "true";', True),
        ('Acquire { Check-Valid-Until "no"; Retries "3"; };', False),
        ('Acquire {\n  // Check-Valid-Until "no";\n  http { Proxy "x"; };\n};', True),
        ('# Acquire::Check-Valid-Until "false";\n/* Acquire::Check-Valid-Until "false"; */', True),
        ('Acquire { http { Check-Valid-Until "false"; }; };', True),
        ('}; ; "x', True),
    ],
)
def test_expiry_is_checked_unless_apts_configuration_turns_it_off(text: str, checked: bool, root: Path) -> None:
    (root / "apt.conf.d/99x").write_text(text)
    assert mirrors.apt_checks_valid_until(root) is checked


def test_apts_last_word_counts_when_files_differ(root: Path) -> None:
    (root / "apt.conf.d/10a").write_text('Acquire::Check-Valid-Until "false";')
    (root / "apt.conf.d/20b.conf").write_text('Acquire::Check-Valid-Until "true";')
    (root / "apt.conf.d/30c.dpkg-old").write_text('Acquire::Check-Valid-Until "false";')
    assert mirrors.apt_checks_valid_until(root)


@pytest.mark.parametrize("form", ["list", "sources"])
def test_expiry_is_not_checked_when_the_used_source_says_so(form: str, root: Path) -> None:
    if form == "list":
        (root / "sources.list").write_text(LIST.replace("[arch", "[check-valid-until=no arch"))
    else:
        text = SOURCES.replace("Components: main", "Components: main\nCheck-Valid-Until: no")
        (root / "sources.list.d/debian.sources").write_text(text)
    assert not find_mirrors(environ={}, root=root).check_valid_until


@pytest.mark.parametrize("setting", [True, False])
def test_setting_decides_when_apt_says_otherwise(setting: bool, root: Path) -> None:
    (root / "sources.list").write_text(LIST)
    (root / "apt.conf.d/99x").write_text(f'Acquire::Check-Valid-Until "{str(not setting).lower()}";')
    assert find_mirrors(check_valid_until=setting, environ={}, root=root).check_valid_until is setting


def test_debians_mirror_comes_first_when_others_use_its_suites_names(root: Path) -> None:
    (root / "sources.list").write_text(
        "deb http://browser.example.invalid/chrome/deb stable main\n"
        "deb http://engine.example.invalid/linux/debian bookworm stable\n" + LIST
    )
    assert find_mirrors(environ={}, root=root).archive == (
        "http://list.example.invalid/debian",
        "http://browser.example.invalid/chrome/deb",
    )


@pytest.mark.parametrize(
    "uri", ["mirror+file:///etc/apt/mirrors/debian.list", "mirror+file:/etc/apt/mirrors/debian.list"]
)
def test_mirrors_of_a_list_are_used_when_the_hosts_source_is_one(uri: str, root: Path) -> None:
    (root / "mirrors").mkdir()
    (root / "mirrors/debian.list").write_text(
        "# near\nhttps://near.example.invalid/debian/\tpriority:1\n\nhttp://far.example.invalid/debian\nftp://x/\n"
    )
    (root / "sources.list.d/debian.sources").write_text(
        SOURCES.replace("http://one.example.invalid/debian https://two.example.invalid/debian", uri)
    )
    assert find_mirrors(environ={}, root=root).archive == (
        "https://near.example.invalid/debian",
        "http://far.example.invalid/debian",
    )
