"""Requirement files in pip's format, with the files that they include.

Source: pip documentation, "Requirements File Format".
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from grocker import local_file
from grocker.digest import Digest, from_hex
from grocker.errors import CorruptError, SettingsError
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.requirements import parse_requirement
from grocker.python.sources import SDIST_SUFFIXES, Source, parse_source
from grocker.regex import regex

if TYPE_CHECKING:
    from grocker.python.pylock import Pin

_INCLUDE = regex(r"\s*(?P<option>-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(?P<file>[^\s#]\S*)")
_COMMENT = regex(r"(^|\s+)#.*$")
_VARIABLE = regex(r"\$\{([A-Z0-9_]+)\}")
_OPTION = regex(r"\s(--hash|--config-settings?|-C|--global-option)(?=[=\s])")
_TAKES_VALUE = {
    "-i": "index",
    "--index-url": "index",
    "--pypi-url": "index",
    "--extra-index-url": "more",
    "-f": "links",
    "--find-links": "links",
    "--trusted-host": "trusted",
    "--no-binary": "ignored",
    "--only-binary": "ignored",
    "--use-feature": "ignored",
    "-e": "editable",
    "--editable": "editable",
}
_PLAIN = {"--no-index": "no-index", "--pre": "pre", "--require-hashes": "hashes", "--prefer-binary": "ignored"}
_WRITE = "write NAME, NAME==1.0, NAME @ ADDRESS, an option of pip, or the path of a directory or a wheel"


class ListedSource(msgspec.Struct, frozen=True):
    """A requirement that is a repository, an archive or a directory, and whose name is not said."""

    source: Source
    extras: tuple[str, ...] = ()
    marker: str = ""


class RequirementList(msgspec.Struct, frozen=True):
    """What requirement files say."""

    requirements: tuple[str, ...] = ()
    """PEP 508"""
    sources: tuple[ListedSource, ...] = ()
    constraints: tuple[str, ...] = ()
    """PEP 508"""
    hashes: Mapping[str, frozenset[Digest]] = {}
    """by normalised name: the files that are allowed"""
    index_options: Mapping[str, str] = {}
    """variables of uv, which may hold credentials"""
    places: Mapping[str, str] = {}
    """the file and line that names an index, by its address without credentials"""
    variables: frozenset[str] = frozenset()
    """names of environment variables that the files contain"""
    no_index: bool = False
    """whether packages come from ``find-links`` alone"""


def read_requirement_files(files: Iterable[Path]) -> Mapping[Path, bytes]:
    """Read requirement files and all that they include, by path. Raises SettingsError for one that cannot be read."""
    found: dict[Path, bytes] = {}
    for file in files:
        _read(file, found, ())
    return found


def _read(file: Path, found: dict[Path, bytes], above: tuple[Path, ...]) -> None:
    file = Path(os.path.normpath(file.absolute()))
    if file in above:
        if file == above[-1]:
            raise SettingsError(f"circular include: {file.name} includes itself", hint="remove that line")
        raise SettingsError(
            f"circular include: {above[-1].name} includes {file.name}, which includes {above[-1].name}",
            hint="remove one of the two includes",
        )
    if file in found:
        return
    try:
        found[file] = local_file.read(file)
    except OSError as error:
        by = f" (included by {above[-1].name})" if above else ""
        raise SettingsError(f"reading {file}{by}: {error.strerror}", hint="fix the name, or add the file") from error
    for line, _ in _lines(file, found[file]):
        match = _INCLUDE.match(line)
        if match and "://" not in match["file"]:
            _read(file.parent / match["file"], found, (*above, file))


def parse_requirement_files(
    files: Iterable[Path], contents: Mapping[Path, bytes], directory: Path, environ: Mapping[str, str]
) -> RequirementList:
    """Parse ``files``, whose bytes and those of the files that they include are ``contents``.

    ``directory``: the project's, which paths are relative to. ``environ``: the caller's, for ``${NAME}``.
    Raises SettingsError for lines that pip would not accept, and for variables that are not set.
    """
    parser = _Parser(contents, directory, environ)
    for file in files:
        parser.file(Path(os.path.normpath(file.absolute())), is_constraint=False)
    return parser.result()


def _lines(file: Path, data: bytes) -> Iterator[tuple[str, int]]:
    """Each logical line, without comments and continuations, with the number of its first physical line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"reading {file}: not UTF-8: byte {error.start}", hint="save the file as UTF-8") from error
    pending, first = "", 0
    for number, line in enumerate((*text.splitlines(), ""), start=1):
        if not pending:
            first = number
        if line.endswith("\\") and not _COMMENT.match(line):
            pending += line[:-1] + " "
            continue
        whole, pending = _COMMENT.sub("", pending + line).strip(), ""
        if whole:
            yield whole, first


class _Parser:
    def __init__(self, contents: Mapping[Path, bytes], directory: Path, environ: Mapping[str, str]) -> None:
        self._contents, self._directory, self._environ = contents, directory, environ
        self._requirements: list[str] = []
        self._sources: list[ListedSource] = []
        self._constraints: list[str] = []
        self._hashes: dict[str, set[Digest]] = {}
        self._unhashed: dict[str, str] = {}
        self._require_hashes = False
        self._index = ""
        self._more: list[str] = []
        self._links: list[str] = []
        self._trusted: list[str] = []
        self._places: dict[str, str] = {}
        self._flags: set[str] = set()
        self._variables: set[str] = set()
        self._seen: set[tuple[Path, bool]] = set()

    def result(self) -> RequirementList:
        if (self._hashes or self._require_hashes) and self._unhashed:
            name, where = next(iter(sorted(self._unhashed.items())))
            raise SettingsError(
                f"{where}: {name} has no hash, but other requirements have one, so each needs one",
                hint="add --hash=sha256:… to each requirement: pip-compile --generate-hashes, or uv pip compile"
                " --generate-hashes",
            )
        options = {
            "UV_DEFAULT_INDEX": self._index,
            "UV_INDEX": " ".join(self._more),
            "UV_FIND_LINKS": ",".join(self._links),
            "UV_INSECURE_HOST": " ".join(self._trusted),
            "UV_PRERELEASE": "allow" if "pre" in self._flags else "",
        }
        return RequirementList(
            tuple(self._requirements),
            tuple(self._sources),
            tuple(self._constraints),
            {name: frozenset(found) for name, found in self._hashes.items()},
            {name: value for name, value in options.items() if value},
            self._places,
            frozenset(self._variables),
            "no-index" in self._flags,
        )

    def file(self, file: Path, *, is_constraint: bool) -> None:
        if (file, is_constraint) in self._seen:
            return
        self._seen.add((file, is_constraint))
        for line, number in _lines(file, self._contents[file]):
            where = f"{self._shown(file)}, line {number}"
            match = _INCLUDE.match(line)
            if match is not None:
                if "://" in match["file"]:
                    raise SettingsError(
                        f"{where}: {hide_credentials(match['file'])} is not a file of the project",
                        hint="download it into the project, and include it from there",
                    )
                inner = Path(os.path.normpath(file.parent / match["file"]))
                self.file(inner, is_constraint=is_constraint or match["option"] in ("-c", "--constraint"))
            else:
                self._line(self._expand(line, where), where, file, is_constraint=is_constraint)

    def _line(self, line: str, where: str, file: Path, *, is_constraint: bool) -> None:
        option, value = _split_option(line)
        if option in _PLAIN:
            self._flag(_PLAIN[option])
        elif option in _TAKES_VALUE:
            if not value:
                raise SettingsError(f"{where}: {option} needs a value", hint="complete the line")
            self._option(_TAKES_VALUE[option], value, where, file, is_constraint=is_constraint)
        elif option:
            raise SettingsError(
                f"{where}: unknown option {option!r}",
                hint="remove it, or fix its spelling: Grocker reads the options that pip allows in the file",
            )
        else:
            self._requirement(line, where, file, is_constraint=is_constraint)

    def _flag(self, flag: str) -> None:
        if flag == "hashes":
            self._require_hashes = True
        self._flags.add(flag)

    def _option(self, kind: str, value: str, where: str, file: Path, *, is_constraint: bool) -> None:
        if kind in ("index", "more", "links"):
            self._places.setdefault(hide_credentials(value), where)
        if kind == "editable":
            self._requirement(value, where, file, is_constraint=is_constraint, is_editable=True)
        elif kind == "index":
            self._index = value
        elif kind == "more":
            self._more.append(value)
        elif kind == "trusted":
            self._trusted.append(value)
        elif kind == "links":
            local = file.parent / value
            self._links.append(value if "://" in value else str(local if local.exists() else self._directory / value))

    def _requirement(
        self, line: str, where: str, file: Path, *, is_constraint: bool, is_editable: bool = False
    ) -> None:
        text, *rest = _OPTION.split(line)
        hashes = frozenset(
            _digest(value.strip(" ="), where)
            for option, value in zip(rest[::2], rest[1::2], strict=True)
            if option == "--hash"
        )
        text = text.strip()
        source_text, extras, marker = self._address(text, file, is_editable=is_editable)
        if not source_text:
            try:
                requirement = parse_requirement(text)
            except SettingsError as error:
                raise SettingsError(f"{where}: {error.message}", hint=_WRITE) from error
            self._add(text, normalise_name(requirement.name), hashes, where, is_constraint=is_constraint)
            if requirement.url and "#sha256=" in requirement.url:
                self._unhashed.pop(normalise_name(requirement.name), None)
            return
        name = _name_in(source_text)
        source = parse_source(source_text, name=name, base=self._directory)
        own = f"[{','.join(extras)}]" if extras else ""
        if source is None:
            name = normalise_name(unquote(urlsplit(source_text).path).rpartition("/")[2].split("-")[0])
            url = source_text.partition("#egg=")[0]
            text = f"{name}{own} @ {url}" + (f" ; {marker}" if marker else "")
            self._add(text, name, hashes, where, is_constraint=is_constraint)
        elif is_constraint:
            raise SettingsError(f"{where}: a constraint needs a name", hint="write NAME @ ADDRESS")
        else:
            self._sources.append(ListedSource(source, extras, marker))

    def _add(self, text: str, name: str, hashes: frozenset[Digest], where: str, *, is_constraint: bool) -> None:
        (self._constraints if is_constraint else self._requirements).append(text)
        if hashes:
            self._hashes.setdefault(name, set()).update(hashes)
            self._unhashed.pop(name, None)
        elif not is_constraint and name not in self._hashes:
            self._unhashed[name] = where

    def _address(self, text: str, file: Path, *, is_editable: bool) -> tuple[str, tuple[str, ...], str]:
        """The address, extras and marker of a line that is an address or a path; empty for one that is a name."""
        head, _, marker = text.partition(" ; ") if " ; " in text else text.partition("; ")
        head = head.strip()
        if re.match(r"[a-z+]+://", head) or re.match(r"git\+\S+@\S+:", head):
            egg = re.search(r"egg=[\w.-]+\[([^]]*)\]", head)
            extras = egg[1] if egg else ""
            return head, _names(extras), marker.strip()
        match = re.fullmatch(r"(?P<path>[^\[\]@=<>!~;]+?)(?:\[(?P<extras>[^]]*)\])?", head)
        if match is None:
            return "", (), ""
        path = match["path"].removeprefix("file:").strip()
        looks = os.sep in path or path.startswith(".")
        places = (self._directory / path, file.parent / path)
        # Not Path's own, which raise OSError for names that are too long.
        place = next((one for one in places if os.path.exists(one)), places[0])
        if not is_editable and not looks and not (path.endswith((".whl", *SDIST_SUFFIXES)) and os.path.isfile(place)):
            return "", (), ""
        return Path(os.path.normpath(place.absolute())).as_uri(), _names(match["extras"] or ""), marker.strip()

    def _expand(self, line: str, where: str) -> str:
        def value(match: re.Match[str]) -> str:
            self._variables.add(match[1])
            found = self._environ.get(match[1])
            if found is None:
                raise SettingsError(f"{where}: the variable {match[1]} is not set", hint=f"export {match[1]}=…")
            return found

        return _VARIABLE.sub(value, line)

    def _shown(self, file: Path) -> str:
        return os.path.relpath(file, self._directory)


def _split_option(line: str) -> tuple[str, str]:
    """The option that a line begins with, and its value; empty when it begins with none."""
    if not line.startswith("-"):
        return "", ""
    if not line.startswith("--") and len(line) > 2 and line[2] not in " =":
        return line[:2], line[2:].strip()
    match = re.match(r"(?P<option>-{1,2}[\w-]+)(?:\s*=\s*|\s+|$)(?P<value>.*)", line)
    if match is None:
        return line, ""
    try:
        words = shlex.split(match["value"])
    except ValueError:
        words = [match["value"]]
    value = match["value"].strip() if len(words) != 1 else words[0]
    return match["option"], value


def _digest(text: str, where: str) -> Digest:
    algorithm, _, digits = text.strip("\"'").partition(":")
    if algorithm != "sha256":
        raise SettingsError(
            f"{where}: unsupported hash {algorithm!r}", hint="use sha256: pip-compile --generate-hashes"
        )
    try:
        return from_hex(digits)
    except ValueError as error:
        raise SettingsError(f"{where}: malformed hash: {error}", hint="write --hash=sha256:HEX") from error


def _name_in(text: str) -> str:
    """The name that the fragment of an address says (``#egg=NAME``); empty if it says none."""
    egg = parse_qs(text.partition("#")[2]).get("egg", [""])[0]
    return normalise_name(re.split(r"[\[<>=!~]", egg)[0]) if egg else ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted(normalise_name(one.strip()) for one in text.split(",") if one.strip()))


def as_constraints(listed: RequirementList) -> RequirementList:
    """Return the versions that ``listed`` pins, and their hashes, as bounds for what something else requires."""
    pins = []
    for text in listed.requirements:
        requirement = parse_requirement(text)
        if any(one.operator in ("==", "===") for one in requirement.specifier) and requirement.url is None:
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            pins.append(f"{requirement.name}{requirement.specifier}{marker}")
    return RequirementList(constraints=(*listed.constraints, *pins), hashes=listed.hashes)


def check_hashes(pins: Iterable[Pin], listed: RequirementList) -> None:
    """Check the wheels against the hashes of the requirement files, if there are any.

    Raises CorruptError for another file, SettingsError for a package that is not listed.
    """
    for pin in pins if listed.hashes else ():
        allowed = listed.hashes.get(pin.name)
        if allowed is None:
            if pin.source:
                continue  # a repository or a directory has no hash
            raise SettingsError(
                f"the requirement files have hashes, but none for {pin.name} {pin.version}",
                hint="list everything that is installed: uv pip compile --generate-hashes, or pip-compile"
                " --generate-hashes",
            )
        if (pin.sdist or pin.sha256) not in allowed:
            raise CorruptError(
                f"the index serves {pin.file} with a sha256 that is not in the requirement files",
                hint="check the index; if the file was replaced on purpose, generate the hashes again",
            )
