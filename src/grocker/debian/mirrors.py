"""The mirrors of Debian's archive: from the settings, else the environment, else the host's apt sources.

Source: sources.list(5), apt.conf(5), apt-transport-mirror(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from grocker import local_file
from grocker.debian import control
from grocker.errors import SettingsError
from grocker.platforms.suites import SUITES
from grocker.regex import regex

_OTHER_SUITES = ("bullseye", "buster", "forky", "duke", "sid", "(?:old){0,2}stable", "testing", "unstable")
"""Further suites that apt sources of hosts may name: their mirror has the image's suite too."""
_SUITE = regex(
    rf"(?:{'|'.join((*SUITES, *_OTHER_SUITES))})"
    r"(?P<pocket>-updates|-security|-backports|-proposed-updates)?\Z"
)
_SCHEMES = ("http", "https")


class Mirrors(msgspec.Struct, frozen=True):
    """Addresses to try, the most likely first; the first with a valid release wins. Each without a trailing slash."""

    archive: tuple[str, ...]
    """for the release and its updates"""
    security: tuple[str, ...]
    """for the security suite"""
    explicit: bool = True
    """whether the user configured the address, so that a wrong one is an error instead of skipped"""
    check_valid_until: bool = True


class _Source(msgspec.Struct, frozen=True):
    uri: str
    suite: str
    components: tuple[str, ...]
    check_valid_until: bool = True


def find_mirrors(
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
    Raises SettingsError when there is no address.
    """
    mirror = mirror or environ.get("GROCKER_DEBIAN_MIRROR") or None
    security_mirror = security_mirror or environ.get("GROCKER_DEBIAN_SECURITY_MIRROR") or None
    for name, address in (("mirror", mirror), ("security-mirror", security_mirror)):
        if address is not None and _scheme(address) not in _SCHEMES:
            raise SettingsError(
                f"debian.{name}: expected an http or https address",
                hint="give the root of the archive, which contains dists/ and pool/",
            )
    host = tuple(_host_sources(root)) if mirror is None or security_mirror is None else ()
    security = _addresses(host, security=True) if security_mirror is None else (security_mirror.rstrip("/"),)
    archive = _addresses(host, security=False) if mirror is None else (mirror.rstrip("/"),)
    for addresses, setting in ((archive, "mirror"), (security, "security-mirror")):
        if not addresses:
            variable = "GROCKER_DEBIAN_" + setting.replace("-", "_").upper()
            raise SettingsError(
                f"no mirror of Debian's {'security ' if setting != 'mirror' else ''}archive configured: "
                f"none in the settings, none in apt's sources in {root}",
                hint=f"set debian.{setting} or {variable} to the address of a mirror",
            )
    if check_valid_until is None:
        check_valid_until = apt_checks_valid_until(root) and all(source.check_valid_until for source in host)
    return Mirrors(archive, security, mirror is not None, check_valid_until)


def source_files(root: Path = Path("/etc/apt")) -> tuple[Path, ...]:
    """Return the files and directories of apt's configuration that ``locate`` reads, whether they are there or not."""
    directories = [root / name for name in ("sources.list.d", "apt.conf.d", "mirrors")]
    inside = [path for directory in directories for path in sorted(directory.glob("*"))]
    return (root / "sources.list", root / "apt.conf", *directories, *inside)


def _addresses(sources: tuple[_Source, ...], *, security: bool) -> tuple[str, ...]:
    """Addresses that may be Debian's, the most likely first: other archives use its suite names too (``stable``).

    Debian's has the component ``main``, usually appears with several suites, and usually ends in ``/debian``.
    """
    found: dict[str, set[str]] = {}
    for source in sources:
        match = _SUITE.match(source.suite)
        if match is not None and (match["pocket"] == "-security") is security and "main" in source.components:
            found.setdefault(source.uri.rstrip("/"), set()).add(source.suite)
    return tuple(sorted(found, key=lambda uri: (-len(found[uri]), "/debian" not in uri)))


def _host_sources(root: Path) -> Iterator[_Source]:
    """The host's binary sources, in apt's order; unreadable and malformed files are skipped."""
    main = root / "sources.list"
    if main.is_file():
        yield from _expanded(_list_sources(_text(main)), root)
    directory = root / "sources.list.d"
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError:
        return
    for name in names:
        if name.endswith(".list"):
            yield from _expanded(_list_sources(_text(directory / name)), root)
        elif name.endswith(".sources"):
            yield from _expanded(_deb822_sources(_text(directory / name)), root)


def _expanded(found: Iterator[_Source], root: Path) -> Iterator[_Source]:
    """The sources, with each list of mirrors (``mirror+file:``, as on cloud images) replaced by its mirrors."""
    for source in found:
        scheme = _scheme(source.uri)
        if scheme in _SCHEMES:
            yield source
        elif scheme == "mirror+file":
            path = urlsplit(source.uri).path.removeprefix("/etc/apt/")
            for line in _text(root / path).splitlines():
                uri = line.partition("#")[0].split()[:1]
                if uri and _scheme(uri[0]) in _SCHEMES:
                    yield replace(source, uri=uri[0])


def _scheme(uri: str) -> str:
    """The scheme of an address; empty when it has none, or is malformed."""
    try:
        return urlsplit(uri).scheme
    except ValueError:
        return ""


def _text(path: Path) -> str:
    try:
        return local_file.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _list_sources(text: str) -> Iterator[_Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>[^#]*)", line)
        if match is None:
            continue
        options = dict(option.partition("=")[::2] for option in (match["options"] or "").lower().split())
        components = tuple(match["rest"].split())
        yield _Source(match["uri"], match["suite"], components, not _is_false(options.get("check-valid-until", "")))


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
        components = tuple(lower.get("components", "").split())
        for uri in lower.get("uris", "").split():
            for suite in lower.get("suites", "").split():
                yield _Source(uri, suite, components, check)


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


_TOKEN = regex(r'//[^\n]*|/\*.*?\*/|#[^\n]*|"(?P<string>[^"\n]*)"|(?P<mark>[{};])|(?P<word>[^\s{};"]+)', re.DOTALL)


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
