"""The crates that compiling Rust takes: fetched as ``Cargo.lock`` pins them, laid out for a cargo without a network.

Grocker fetches them itself: no foreign code runs with a network or sees a token.
Source: The Cargo Book, "Cargo.toml vs Cargo.lock", "Source Replacement" (directory sources), "Registry Index" (sparse).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from grocker import local_file
from grocker.context import Context
from grocker.decoding import decode_json, decode_toml
from grocker.digest import Digest
from grocker.errors import CorruptError, DeniedError, MissingError, UnavailableError
from grocker.python.cargo_config import CRATES_IO, CargoConfig, CrateSource, read_cargo_config
from grocker.python.sdist_archive import unpack_sdist
from grocker.python.source_tree import SourceTree
from grocker.regex import regex
from grocker.sandbox.sandbox import Bind
from grocker.store.fetch import fetch
from grocker.store.writing import storage
from grocker.tar.keys import cache_key
from grocker.web import Transport, redact_url

FORMAT = 1
"""goes into keys: raised when the same crates are laid out otherwise"""
LOCK = "Cargo.lock"
HOME = "cargo"
"""below the build's directory: CARGO_HOME"""
CONFIGURATION = "cargo/config.toml"
"""in it"""
VARIABLES = {
    "CARGO_HOME": f"/build/{HOME}",
    "CARGO_NET_OFFLINE": "true",
    "CARGO_TERM_COLOR": "never",
    "CARGO_TERM_PROGRESS_WHEN": "never",
    "MATURIN_NO_INSTALL_RUST": "1",
}
_PLACE = "/crates"
"""where crates are in the sandbox"""
_DEBIAN = "usr/share/cargo/registry"
"""where Debian's ``librust-*-dev`` install crates, a directory source"""
_CONFIGS = (".cargo/config.toml", ".cargo/config")
_WORKERS = 8
_NAME = regex(r"[A-Za-z0-9_-]{1,64}")
_VERSION = regex(r"[0-9A-Za-z.+-]{1,128}")
_CHECKSUM = regex(r"[0-9a-f]{64}")
_LINES = 8
"""of what cargo says, in an error"""
_LARGEST = 1 << 20
"""bytes of a registry's ``config.json``"""
VENDOR = "vendor them: run cargo vendor, and keep vendor/ and what it prints, in .cargo/config.toml, in the project"


class Crate(msgspec.Struct, frozen=True, order=True):
    """A crate of a registry, pinned."""

    registry: str
    """its address, without ``registry+``"""
    name: str
    version: str
    checksum: str
    """sha256 of its archive, hexadecimal"""

    @property
    def digest(self) -> Digest:
        """Of its archive."""
        return Digest(f"sha256:{self.checksum}")


class Cargo(msgspec.Struct, frozen=True):
    """What cargo gets in a sandbox."""

    config: str
    """``config.toml`` in CARGO_HOME"""
    binds: tuple[Bind, ...] = ()
    removed: tuple[str, ...] = ()
    """files of the source that it must not see"""


def prepare_cargo(context: Context, root: Path, tree: SourceTree, name: str) -> Cargo | None:
    """Return what cargo needs to build the source in ``tree``; None if ``root``, of the sandbox, has no cargo.

    ``name``: of what is built, for errors. Crates that are Debian packages in the root take the place of a lock; those
    in the source itself (``cargo vendor``) are left to it; else they are those of its locks, fetched unless the store
    has them.
    Raises CorruptError for a malformed lock or crate, MissingError for a crate that comes from git, SettingsError for
    this host's configuration of cargo, and what fetching raises.
    """
    if not (root / "usr/bin/cargo").exists():
        return None
    locks = _find_locks(tree)
    if (root / _DEBIAN).is_dir():
        return Cargo(_replaced({CRATES_IO: ("", f"/{_DEBIAN}")}), removed=locks)
    if _is_vendored(tree):
        return Cargo("")
    crates = sorted({crate for path in locks for crate in _read_lock(tree, path, name)})
    if not crates:
        return Cargo("")
    config = read_cargo_config(context.environ)
    registries = sorted({crate.registry for crate in crates})
    kept = _keep_crates(context, config, registries, crates, name)
    sources = {}
    for number, registry in enumerate(registries):
        own = CRATES_IO if config.is_default(registry) else f"registry-{number}"
        sources[own] = ("" if own == CRATES_IO else registry, f"{_PLACE}/{number}")
    named = {found: registry for registry in registries if (found := config.find_name(registry))}
    return Cargo(_replaced(sources, named), (Bind(kept, _PLACE),))


def _find_locks(tree: SourceTree) -> tuple[str, ...]:
    """Return the paths of the locks that have none above them: further down are those of examples and fuzzers."""
    paths = [one.path for one in tree.files if one.path.rpartition("/")[2] == LOCK and one.target is None]
    above = {path.removesuffix(LOCK) for path in paths}
    return tuple(
        path for path in paths if not any(path.startswith(other) and f"{other}{LOCK}" != path for other in above)
    )


def _is_vendored(tree: SourceTree) -> bool:
    """Whether the source's own configuration of cargo replaces a source of crates."""
    for one in tree.files:
        if one.path in _CONFIGS:
            try:
                sources = decode_toml(local_file.read_text(one.source(tree.root))).get("source", {})
            except (OSError, ValueError):
                continue  # cargo says so
            if isinstance(sources, dict) and any("replace-with" in table for table in sources.values()):
                return True
    return False


def _read_lock(tree: SourceTree, path: str, name: str) -> list[Crate]:
    """Return the crates of a ``Cargo.lock`` that come from a registry. Format 1 has the checksums in a table."""
    [file] = [one for one in tree.files if one.path == path]
    hint = "run: cargo generate-lockfile"
    try:
        document = decode_toml(local_file.read_text(file.source(tree.root)))
    except (OSError, ValueError) as error:
        raise CorruptError(f"building {name}: {path}: {error}", hint=hint) from error
    packages, metadata = document.get("package", []), document.get("metadata", {})
    found = []
    for package in packages if isinstance(packages, list) else []:
        fields = [package.get(key, "") for key in ("name", "version", "source", "checksum")]
        crate, version, source, checksum = (one if isinstance(one, str) else "" for one in fields)
        if not source:
            continue  # of the same workspace
        if source.startswith("git+"):
            raise MissingError(
                f"building {name}: crate {crate} comes from git ({redact_url(source.removeprefix('git+'))}),"
                " and Grocker fetches crates only from registries",
                hint=VENDOR,
            )
        if not checksum and isinstance(metadata, dict):
            checksum = str(metadata.get(f"checksum {crate} {version} ({source})", ""))
        registry = source.removeprefix("registry+")
        is_sound = _NAME.fullmatch(crate) and _VERSION.fullmatch(version) and _CHECKSUM.fullmatch(checksum)
        if not is_sound or not registry.startswith(("https://", "http://", "sparse+http")):
            raise CorruptError(f"building {name}: {path}: crate {crate!r} {version!r} is not pinned", hint=hint)
        found.append(Crate(registry, crate, version, checksum))
    return found


def _replaced(sources: Mapping[str, tuple[str, str]], registries: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a configuration of cargo that replaces sources by directories.

    ``sources``: by name, the address, empty for one that cargo knows, and the directory. ``registries``: address by
    name.
    """
    lines = []
    for name, (address, directory) in sources.items():
        lines += [f"[source.{name}]", *([f"registry = {json.dumps(address)}"] if address else [])]
        lines += [f'replace-with = "{name}-crates"', f"[source.{name}-crates]", f"directory = {json.dumps(directory)}"]
    for name, address in registries.items():
        lines += [f"[registries.{json.dumps(name)}]", f"index = {json.dumps(address)}"]
    return "".join(f"{line}\n" for line in lines)


def _keep_crates(
    context: Context, config: CargoConfig, registries: Sequence[str], crates: Sequence[Crate], name: str
) -> Path:
    """Return a directory of the store with all crates, those of each registry in a directory of its own."""
    store = context.store
    places = [(registries.index(one.registry), one.name, one.version, one.checksum) for one in crates]
    key = cache_key("crates", FORMAT, places)
    with store.lock(f"tree-{key}"):
        tree = store.tree(key)
        if tree is None:
            archives = _fetch(context, config, crates, name)
            with store.new_tree(key) as new:
                for (number, crate, version, checksum), archive in zip(places, archives, strict=True):
                    place = new / str(number) / f"{crate}-{version}"
                    with storage("unpacking crates", place):
                        place.parent.mkdir(exist_ok=True)
                    unpack_sdist(archive, place, file=f"{crate}-{version}.crate")
                    about = json.dumps({"files": {}, "package": checksum})
                    with storage("unpacking crates", place):
                        (place / ".cargo-checksum.json").write_text(about)
            tree = store.tree(key)
    assert tree is not None
    return tree


def _fetch(context: Context, config: CargoConfig, crates: Sequence[Crate], name: str) -> list[Path]:
    """Return the archives of crates, from the store or the registries."""
    store = context.store
    missing = [one for one in crates if store.sound_download(one.digest) is None]
    what = f"fetching {len(missing)} crates of {name}"
    with ExitStack() as stack:
        transport = context.transport
        if config.network:
            transport = stack.enter_context(Transport(environ={**context.environ, **config.network}))
        pool = stack.enter_context(ThreadPoolExecutor(_WORKERS, thread_name_prefix="crates"))
        try:
            downloads = {
                registry: _Downloads(transport, config.find_source(registry), name)
                for registry in sorted({one.registry for one in missing})
            }
            with context.progress.task(what, len(crates)) as task:

                def fetch_one(crate: Crate) -> Path:
                    found = downloads.get(crate.registry)
                    url, headers = found.locate(crate) if found is not None else ("", {})
                    path = fetch(
                        *(store, transport, url),
                        digest=crate.digest,
                        size=None,
                        what=f"{crate.name} {crate.version}",
                        progress=context.progress,
                        headers=headers,
                    )
                    task.advance(1)
                    return path

                return list(pool.map(fetch_one, crates))
        except DeniedError as error:
            raise DeniedError(
                f"building {name}: fetching its crates: {error.message}",
                hint=f"put the token of the registry into {config.credentials}: cargo login",
            ) from error
        except (MissingError, UnavailableError) as error:
            raise UnavailableError(
                f"building {name}: fetching its crates: {error.message}",
                hint=f"set a mirror or proxy in {config.path}, and try it with cargo fetch; or use Debian's"
                ' crates: dependencies = ["librust-NAME-dev"] in [tool.grocker.build]',
            ) from error


class _Downloads:
    """Where a registry has its crates, as its index says."""

    def __init__(self, transport: Transport, source: CrateSource, name: str) -> None:
        self._template, self._headers = source.address + "{crate}-{version}.crate", {}
        if source.address.startswith("file:"):
            self._template = source.address + "/{crate}-{version}.crate"
            return
        action = f"reading the index of crates {redact_url(source.address)}"
        token = {"Authorization": source.token} if source.token else {}
        with transport.open("GET", f"{source.address}config.json", action=action, headers=token) as response:
            try:
                about = decode_json(response.read(_LARGEST))
                template, needs_token = about["dl"], bool(about.get("auth-required"))
                if urlsplit(template).scheme not in ("https", "http"):
                    raise ValueError("dl is not an address")
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise CorruptError(
                    f"building {name}: {action}: config.json is malformed",
                    hint="check the address of the registry, and any proxy in front of it",
                ) from error
        self._template = template if "{" in template else template.rstrip("/") + "/{crate}/{version}/download"
        self._headers = token if needs_token else {}

    def locate(self, crate: Crate) -> tuple[str, Mapping[str, str]]:
        """Return the URL of a crate's archive, and the headers of a request for it."""
        values = {
            "{crate}": crate.name,
            "{version}": crate.version,
            "{prefix}": _prefix(crate.name),
            "{lowerprefix}": _prefix(crate.name.lower()),
            "{sha256-checksum}": crate.checksum,
        }
        url = self._template
        for marker, value in values.items():
            url = url.replace(marker, value)
        return url, self._headers


def _prefix(name: str) -> str:
    if len(name) < 4:
        return str(len(name)) if len(name) < 3 else f"3/{name[0]}"
    return f"{name[:2]}/{name[2:4]}"


def explain_failure(said: str, name: str) -> MissingError | None:
    """Explain why cargo failed, if it was for want of a crate or of a newer Rust; ``said``: its output."""
    older = re.search(
        r"requires rustc \d\S*|[Cc]argo feature called `edition\w+`|lock file version \S+ was found", said
    )
    if older is not None or "does not understand this lock file" in said:
        return MissingError(
            f"building {name}: it needs a newer Rust than the image's suite has{_told(said)}",
            hint="choose a newer suite (suite in [tool.grocker.debian]), or a version that has a wheel",
        )
    lacking = re.search(
        r"no matching package named `(?P<a>[\w-]+)` found|failed to (?:get|download) `(?P<b>[\w-]+)[^`]*`"
        r"|failed to select a version for the requirement `(?P<c>[\w-]+)",
        said,
    )
    if lacking is not None:
        crate = lacking["a"] or lacking["b"] or lacking["c"]
        return MissingError(
            f"building {name}: cargo found no matching crate {crate!r}{_told(said)}",
            hint="keep a Cargo.lock with the sources (cargo generate-lockfile), or use Debian's crate: dependencies ="
            f' ["librust-{crate.replace("_", "-").lower()}-dev"] in [tool.grocker.build]',
        )
    return None


def _told(said: str) -> str:
    """Return what cargo says about its error, as further lines of a message."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if line.lstrip().startswith("error")), 0)
    return "".join(f"\n    {line}" for line in lines[first : first + _LINES])
