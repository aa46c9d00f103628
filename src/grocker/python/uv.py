"""Run uv, and translate its errors. The only module that parses uv's messages."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker import command
from grocker.errors import (
    CorruptError,
    DeniedError,
    GrockerError,
    MissingError,
    SettingsError,
    StorageError,
    TryAgainError,
    UnavailableError,
)
from grocker.python.indexes import (
    add_credentials,
    find_place,
    find_places,
    find_uv_indexes,
    hide_credentials,
    read_pip_indexes,
)
from grocker.regex import regex

_PASSED = regex(
    r"(UV|PIP)_.*|SSL_CERT_(FILE|DIR)|SSL_CLIENT_CERT|REQUESTS_CA_BUNDLE|NETRC|RUST_LOG|NO_PROXY|no_proxy"
    r"|(HTTP|HTTPS|ALL|FTP)_PROXY|(http|https|all|ftp)_proxy"
)
_DROPPED = frozenset({"UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_FROZEN", "UV_LOCKED", "UV_TARGET"})
_NO_ANSWER = frozenset(
    {"UV_CACHE_DIR", "UV_KEYRING_PROVIDER", "UV_CONCURRENT_DOWNLOADS", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES"}
)
"""variables that change no answer"""
_PERSONAL = regex("USERNAME|PASSWORD|TOKEN|CREDENTIAL|PUBLISH")
_LISTS = {"UV_INDEX": " ", "UV_FIND_LINKS": ",", "UV_INSECURE_HOST": " "}
PATH = "/usr/local/bin:/usr/bin:/bin"
"""where programs of the host are found, by uv and by back ends"""


class Uv(msgspec.Struct, frozen=True):
    """The uv that comes with Grocker, and its environment."""

    environment: Mapping[str, str]
    python: Path
    """the host's interpreter for back ends"""
    from_pip: frozenset[str] = frozenset()
    """names in ``environment`` that pip's configuration gave, which uv's own overrides"""
    places: Mapping[str, str] = {}
    """where files of the project's name an index, for people, by its address without credentials"""

    @property
    def executable(self) -> Path:
        """The program. Raises UnavailableError when uv is not installed."""
        return _find_executable()

    def variables(self) -> list[tuple[str, str]]:
        """Return the variables that answers depend on, sorted; who asks and where files are kept is not among them."""
        named = {name: self.environment[name] for name in sorted(self.environment) if name.startswith("UV_")}
        if any("@" in value or _PERSONAL.search(name) for name, value in named.items()):
            from grocker.python.credentials import public_environment

            public = public_environment(named)
            named = {name: public[name] for name in named if name in public}
        return [(name, value) for name, value in named.items() if name not in _NO_ANSWER]

    def with_options(self, options: Mapping[str, str], places: Mapping[str, str]) -> Uv:
        """The same uv with variables that a requirement file sets: lists are appended to, others are replaced.

        As with pip, an index of the file counts instead of the host's. ``places``: where the addresses are named.
        """
        if not options:
            return self
        environment = dict(self.environment)
        for name, value in options.items():
            separator = _LISTS.get(name)
            former = environment.get(name, "")
            environment[name] = f"{former}{separator}{value}" if separator and former else value
        return replace(
            self, environment=environment, from_pip=self.from_pip - set(options), places={**self.places, **places}
        )

    def links_to(self, wheels: Path | None) -> dict[str, str]:
        """Return the variables with which it finds the wheels in that directory besides its own."""
        if wheels is None:
            return {}
        links = [self.environment.get("UV_FIND_LINKS", ""), wheels.absolute().as_uri()]
        return {"UV_FIND_LINKS": ",".join(filter(None, links))}

    def address(self, url: str) -> str:
        """``url`` for a request: with the credentials of its index, if any. Never store or show it."""
        return add_credentials(url, self.environment)


def find_uv(environ: Mapping[str, str], *, cache: Path | None = None) -> Uv:
    """The uv that comes with Grocker, for a caller with ``environ``.

    ``cache``: where uv keeps downloads when ``environ`` has no UV_CACHE_DIR.
    Raises SettingsError when pip's configuration is malformed.
    """
    home = environ.get("HOME") or "/nonexistent"
    pip = read_pip_indexes(environ)
    environment = {
        "PATH": PATH,
        "HOME": home,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "XDG_CONFIG_HOME": environ.get("XDG_CONFIG_HOME") or f"{home}/.config",
        "XDG_DATA_HOME": environ.get("XDG_DATA_HOME") or f"{home}/.local/share",
        "NETRC": f"{home}/.netrc",
        **{name: value for name, value in environ.items() if _PASSED.fullmatch(name) and name not in _DROPPED},
        **pip,
        "UV_LINK_MODE": "copy",  # what runs in an environment may write to its files, which are no links into the cache
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }
    if cache is not None:
        environment.setdefault("UV_CACHE_DIR", str(cache))
    return Uv(environment, Path(sys.executable), frozenset(pip) & {"UV_DEFAULT_INDEX", "UV_INDEX"})


@cache
def _find_executable() -> Path:
    """Find the program, when uv is first run: most rebuilds never do."""
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise UnavailableError("resolving Python packages: uv is not installed", hint="reinstall Grocker") from error


def run(
    uv: Uv,
    arguments: Sequence[str | Path],
    *,
    action: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> command.Output:
    """Run uv until it exits. The caller checks the status.

    ``directory``: where it runs; its configuration files and its parents' count. ``environment`` overrides uv's own.
    Credentials of an index of the caller's stay here when the project has given the index's name to another address.
    """
    from grocker.python.credentials import foreign_credentials

    settled = find_uv_indexes(directory, uv.environment) if directory and uv.from_pip else frozenset()
    own = {name: value for name, value in uv.environment.items() if name not in uv.from_pip & settled}
    withheld = foreign_credentials(directory, own) if directory else {}
    for names in withheld.values():
        for name in names:
            del own[name]
    output = command.run(
        [uv.executable, *arguments],
        action=action,
        environment={**own, **(environment or {})},
        directory=directory,
        hint="reinstall Grocker",
    )
    if output.status == 0:
        return output
    notes = "".join(f"\n{_NOTE}{index.name} {index.address}" for index in withheld)
    if _is_unreachable(output.stderr):
        places = {**(find_places(directory, own) if directory else {}), **uv.places}
        place = find_place(output.stderr, places)
        notes += f"\n{_PLACE_NOTE}{place}" if place else ""
    return replace(output, stderr=output.stderr + notes)


_PLACE_NOTE = "warning: index named in "
_PLACE = regex(rf"^{_PLACE_NOTE}(?P<place>.+)$", re.MULTILINE)
_NOTE = "warning: credentials withheld from index "
_WITHHELD = regex(rf"^{_NOTE}(?P<name>\S+) (?P<address>\S+)$", re.MULTILINE)
_UNREACHABLE = regex(r"error sending request|[Cc]ould not connect|Network connectivity|dns error|timed out|offline")
_STATUS = regex(r"HTTP status (?:client|server) error \((\d{3})|\b(40[13]|429|5\d\d) (?:Unauthorized|Forbidden|Too)")
_NO_WHEEL = regex(
    r"(?<![\w.=<>!~-])(?P<name>[A-Za-z][\w.-]*?)(?:==(?P<version>[^\s,]+))? has no (?:usable wheels|wheels)"
)
_MARKER = regex(r"(?<=[\w\]])\{[^{}\n]*\}")
"""``psycopg-c{implementation_name != 'pypy'}==3.3.4``"""
_ALL_NO_WHEEL = regex(r"all versions of (?P<name>[\w.-]+) have no (?:usable wheels|wheels)")
_REQUIRED_WHEEL = regex(r"Wheels are required for `(?P<name>[^`]+)`")
_OTHER_PYTHON = regex(r"requested Python version \([^)]*\) does not\s+satisfy")
_UNKNOWN = regex(r"(?P<name>[\w.-]+) was not found in the (?:package registry|cache|provided package locations)")
_NO_VERSION = regex(
    r"there (?:is|are) no versions? of|only [\w.-]+(?:\[[^]]*\])?(?:[<>=!~][^ ]*| .*)? (?:is|are) available"
)

BINARIES = {"psycopg2": "psycopg2-binary", "psycopg-c": "psycopg[binary]"}
"""packages without wheels, and the names under which their authors publish wheels"""


def translate_error(output: command.Output, *, action: str, platform: str) -> GrockerError:
    """The error for a failed uv, without credentials.

    ``platform``: the target, for "has no wheel for PLATFORM".
    """
    from grocker.python.stale_lock import StaleLockError

    text = _MARKER.sub("", hide_credentials(output.stderr.strip()))
    words = summarise_error(text)
    code = http_status(text)
    if re.search(r"No space left on device|Disk quota exceeded", text):
        return StorageError(
            f"{action}: {words}", hint="free disk space, or set GROCKER_CACHE to a directory on a larger disk"
        )
    withheld = _WITHHELD.search(text)
    if code in (401, 403) and withheld:
        return DeniedError(
            f"{action}: the package index denies access: {words}",
            hint=f"the project, not you, names the index {withheld['name']} ({withheld['address']}), so Grocker sends "
            f"it no credentials; to trust it, run: export UV_INDEX={withheld['name']}={withheld['address']}",
        )
    if code in (401, 403):
        return DeniedError(
            f"{action}: the package index denies access: {words}", hint="set credentials in UV_INDEX or ~/.netrc"
        )
    if code == 429:
        return TryAgainError(f"{action}: rate limited by the package index: {words}", hint="try again later")
    if _is_unreachable(text):
        place = _PLACE.search(text)
        if place:
            return UnavailableError(
                f"{action}: cannot reach the package index named in {place['place']}: {words}",
                hint=f"check the network, and the address in {place['place']}",
            )
        return UnavailableError(
            f"{action}: cannot reach the package index: {words}",
            hint="check the network and the index (UV_DEFAULT_INDEX, or index-url in pip's configuration)",
        )
    lacking = _without_wheels(text)
    if lacking:
        missing = tuple(_missing_wheel(name, version, words) for name, version in sorted(lacking.items()))
        named = ", ".join(f"{one} {lacking[one]}" if lacking[one] else one for one in sorted(lacking))
        return no_wheel_error(named, None, platform, missing)
    if _OTHER_PYTHON.search(text):
        return NoWheelError(
            f"{action}: {words}", hint="choose versions that support this Python, or a suite whose Python they support"
        )
    unknown = _UNKNOWN.search(text)
    if unknown:
        asked = f"you require {unknown['name']}" in words  # then uv's message adds nothing
        return MissingError(
            f"{action}: package {unknown['name']} not found on the index{'' if asked else f': {words}'}",
            hint="check the spelling; for a private package, add its index (UV_INDEX, or pip's extra-index-url)",
        )
    if _NO_VERSION.search(text):
        where = " in [build-system] requires" if "build requirements" in action else ""
        return MissingError(f"{action}: {words}", hint=f"choose a version that exists{where}")
    if "No solution found" in text:
        return SettingsError(f"{action}: {words}", hint="relax one of the requirements")
    if "needs to be updated" in text and "lock" in text:
        return StaleLockError(f"{action}: uv.lock is stale", hint="run: uv lock")
    if re.search(r"hash mismatch", text, re.IGNORECASE):
        return CorruptError(
            f"{action}: {words}", hint="check the index: it serves a different file than the pinned one"
        )
    return SettingsError(f"{action}: uv: {words}", hint="fix what uv reports, and build again")


def _is_unreachable(text: str) -> bool:
    return http_status(text) >= 500 or _UNREACHABLE.search(text) is not None


def http_status(text: str) -> int:
    """The status with which a server refused, in uv's stderr; 0 if none did."""
    status = _STATUS.search(text)
    return int(status[1] or status[2]) if status else 0


def _without_wheels(text: str) -> dict[str, str | None]:
    """Each package that uv would have had to build, with its version if uv says which."""
    versions = {match["name"]: match["version"] for match in _NO_WHEEL.finditer(text)}
    names = {*versions, *(m["name"] for m in (*_ALL_NO_WHEEL.finditer(text), *_REQUIRED_WHEEL.finditer(text)))}
    return {name: versions.get(name) for name in names}


class MissingWheel(msgspec.Struct, frozen=True):
    """A package that has no usable wheel in the versions that are required."""

    name: str
    """normalised"""
    specifier: str
    """versions that uv's message says are required (PEP 440); empty for any"""
    required_by: str
    """the distribution that requires it, if uv's message says so; else empty"""


class NoWheelError(MissingError):
    """Packages have no wheel for the platform; they may have one for another Python."""

    def __init__(self, message: str, *, hint: str | None = None, missing: tuple[MissingWheel, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.missing = missing


def _missing_wheel(name: str, version: str | None, words: str) -> MissingWheel:
    asked = rf"(?:depends? on|requires?|and) {re.escape(name)}(?:\[[^]]*\])?"
    specifiers = re.findall(asked + r"((?:(?:===?|[<>~!]=?)[\w.*+!-]+,?)+)", words)
    who = re.search(
        rf"(?P<name>[A-Za-z][\w.-]*)(?:\[[^]]*\])?(?:[<>=!~]\S*)? depends? on {re.escape(name)}(?![\w-])", words
    )
    specifier = f"=={version}" if version else ",".join(dict.fromkeys(one.rstrip(",.") for one in specifiers))
    return MissingWheel(name, specifier, who["name"] if who else "")


def no_wheel_error(
    name: str, version: str | None, platform: str, missing: tuple[MissingWheel, ...] = ()
) -> NoWheelError:
    """The error for a package without a compatible wheel."""
    binary = BINARIES.get(name.partition(" ")[0])
    return NoWheelError(
        f"{name}{' ' + version if version else ''}: no wheel for {platform}, and no sdist to build one from",
        hint=f"depend on {binary}, which has wheels"
        if binary
        else "choose a version that has one, or serve one for that platform from an index (UV_INDEX, or find-links in"
        " [tool.uv])",
        missing=missing,
    )


def unreachable_host(text: str) -> str:
    """Return the host that uv's stderr says could not be reached; empty for another error."""
    match = re.search(r"https?://(?:[^/@`\s]*@)?(?P<host>[^/:`)\s]+)", text) if _UNREACHABLE.search(text) else None
    return match["host"] if match else ""


def summarise_error(text: str, limit: int = 600) -> str:
    """The error and causes in uv's stderr as one line, warnings left out, at most ``limit`` characters."""
    lines: list[str] = []
    wanted = True
    for line in text.splitlines():
        stripped = line.strip()
        if line.startswith(("warning:", "hint:", "Using ", "Resolved ")):
            wanted = False
        elif line.startswith(("error:", "  × ", "× ")):
            wanted = True
        if wanted and stripped:
            lines.append(re.sub(r"^(error:|cause:|× |╰─▶ |├─▶ |│ )\s*", "", stripped))
    joined = " ".join(dict.fromkeys(lines)) or "no reason given"
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"
