"""Where Debian's archive is: explicit settings, else the environment, else the host's own apt sources.

Source: sources.list(5), apt.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from grocker.debian import control
from grocker.errors import SettingsError
from grocker.web import public

_SUITE = re.compile(
    r"(?:trixie|bookworm|bullseye|buster|forky|duke|sid|(?:old){0,2}stable|testing|unstable)"
    r"(?P<pocket>-updates|-security|-backports|-proposed-updates)?\Z"
)
_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Addresses to try, the first that serves what it should wins; each without a slash at its end."""

    archive: tuple[str, ...]
    """for the release and its updates"""
    security: tuple[str, ...]
    """for the security suite"""
    explicit: bool = True
    """whether the user named the archive's address, so that a wrong one is an error rather than passed over"""
    check_valid_until: bool = True


@dataclass(frozen=True, slots=True)
class _Source:
    uri: str
    suite: str
    check_valid_until: bool = True


def locate(
    *,
    mirror: str | None = None,
    security_mirror: str | None = None,
    check_valid_until: bool | None = None,
    environ: Mapping[str, str],
    root: Path = Path("/etc/apt"),
) -> Mirrors:
    """The addresses of Debian's archive for this build.

    ``mirror``, ``security_mirror``, ``check_valid_until``: the settings, None when they are not set.
    ``root``: the directory of apt's configuration; it need not exist.
    Raises SettingsError when an address is known from nowhere.
    """
    mirror = mirror or environ.get("GROCKER_DEBIAN_MIRROR") or None
    security_mirror = security_mirror or environ.get("GROCKER_DEBIAN_SECURITY_MIRROR") or None
    for name, address in (("mirror", mirror), ("security-mirror", security_mirror)):
        if address is not None and urlsplit(address).scheme not in _SCHEMES:
            raise SettingsError(
                f"debian.{name}: {public(address)!r} is not an http or https address",
                hint="give the archive's root, the directory that has dists/ and pool/",
            )
    host = tuple(_host_sources(root)) if mirror is None or security_mirror is None else ()
    security = _addresses(host, security=True) if security_mirror is None else (security_mirror.rstrip("/"),)
    archive = _addresses(host, security=False) if mirror is None else (mirror.rstrip("/"),)
    for addresses, setting in ((archive, "mirror"), (security, "security-mirror")):
        if not addresses:
            variable = "GROCKER_DEBIAN_" + setting.replace("-", "_").upper()
            raise SettingsError(
                f"no address of Debian's {'security ' if setting != 'mirror' else ''}archive is known: "
                f"neither a setting nor apt's sources in {root} name one",
                hint=f"set debian.{setting} or {variable} to the address of a mirror",
            )
    if check_valid_until is None:
        check_valid_until = apt_checks_valid_until(root) and all(source.check_valid_until for source in host)
    return Mirrors(archive, security, mirror is not None, check_valid_until)


def _addresses(sources: tuple[_Source, ...], *, security: bool) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for source in sources:
        match = _SUITE.match(source.suite)
        if match is not None and (match["pocket"] == "-security") is security:
            found[source.uri.rstrip("/")] = None
    return tuple(found)


def _host_sources(root: Path) -> Iterator[_Source]:
    """The host's binary sources, in apt's order; what cannot be read or is malformed is passed over."""
    main = root / "sources.list"
    if main.is_file():
        yield from _list_sources(_text(main))
    directory = root / "sources.list.d"
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError:
        return
    for name in names:
        if name.endswith(".list"):
            yield from _list_sources(_text(directory / name))
        elif name.endswith(".sources"):
            yield from _deb822_sources(_text(directory / name))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _list_sources(text: str) -> Iterator[_Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)", line)
        if match is None or urlsplit(match["uri"]).scheme not in _SCHEMES:
            continue
        options = dict(option.partition("=")[::2] for option in (match["options"] or "").lower().split())
        yield _Source(match["uri"], match["suite"], not _is_false(options.get("check-valid-until", "")))


def _deb822_sources(text: str) -> Iterator[_Source]:
    try:
        found = list(control.stanzas(text))
    except ValueError:
        return
    for fields in found:
        lower = {name.lower(): value for name, value in fields.items()}
        if "deb" not in lower.get("types", "").split() or _is_false(lower.get("enabled", "")):
            continue
        check = not _is_false(lower.get("check-valid-until", ""))
        for uri in lower.get("uris", "").split():
            if urlsplit(uri).scheme in _SCHEMES:
                for suite in lower.get("suites", "").split():
                    yield _Source(uri, suite, check)


def _is_false(text: str) -> bool:
    return text.strip().strip('"').lower() in ("no", "false", "without", "off", "disable", "0")


def apt_checks_valid_until(root: Path) -> bool:
    """Whether apt's configuration in ``root`` leaves ``Acquire::Check-Valid-Until`` on, as it is by default."""
    files: list[Path] = []
    try:
        files = sorted(
            path
            for path in (root / "apt.conf.d").iterdir()
            if re.fullmatch(r"[A-Za-z0-9_.-]+", path.name) and (path.suffix == ".conf" or not path.suffix)
        )
    except OSError:
        pass
    value = ""
    for path in (*files, root / "apt.conf"):
        for name, text in _settings(_text(path)):
            if name.lower() == "acquire::check-valid-until":
                value = text
    return not _is_false(value)


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|#[^\n]*|"(?P<string>[^"\n]*)"|(?P<mark>[{};])|(?P<word>[^\s{};"]+)', re.DOTALL)


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings of an apt.conf file: ``A::B "value";`` and ``A { B "value"; };`` alike."""
    scope: list[str] = []
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["mark"] == "{":
            scope.append(words[0] if words else "")
            words = []
        elif match["mark"] in (";", "}"):
            if len(words) >= 2:
                yield "::".join((*scope, words[0])), words[1]
            words = []
            if match["mark"] == "}" and scope:
                scope.pop()
        elif match["string"] is not None:
            words.append(match["string"])
        elif match["word"] is not None:
            words.append(match["word"])
