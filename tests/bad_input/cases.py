"""The table of bad input: what is wrong, what Grocker says, what it ends with.

A case's ``what`` is a line of docs/reference/exit-statuses.md. Words in capitals in ``arguments`` are places of
``tests.support.world``.
"""

from __future__ import annotations

import base64
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.bad_input.case import WHEEL, Arrange, Case
from tests.bad_input.dependency_cases import DEPENDENCIES
from tests.support.archive import Link, Package, signer
from tests.support.registry import Fault as RegistryFault
from tests.support.wheels import Files, make_project, make_source, make_wheel
from tests.support.world import Fault, World

PROJECT = ("build", "PROJECT", "--output", "store")
PUSH = ("build", "WHEEL", "--config", "CONFIG", "--push", "--tag", "REGISTRY/demo:1")


def _all(*steps: Arrange) -> Arrange:
    def arrange(world: World) -> None:
        for step in steps:
            step(world)

    return arrange


def _environ(**variables: str) -> Arrange:
    """Variables, in which ``PLACE`` is the world's directory."""

    def arrange(world: World) -> None:
        world.environ.update({name: value.replace("PLACE", str(world.place)) for name, value in variables.items()})

    return arrange


def _file(name: str, text: str) -> Arrange:
    """A file in the world's directory."""

    def arrange(world: World) -> None:
        (world.place / name).write_text(text, "utf-8")

    return arrange


# -- the command line -------------------------------------------------------------------------------------------------

_USAGE = (
    Case("no-command", "no command", 64, ("no command given",), ("grocker build",), arguments=(), is_quick=True),
    Case("unknown-command", "an unknown command", 64, ("bild",), ("--help",), arguments=("bild",), is_quick=True),
    Case(
        "unknown-option",
        "an unknown option",
        64,
        ("--outptu",),
        ("grocker build --help",),
        arguments=("build", "--outptu", "x"),
        is_quick=True,
    ),
    Case(
        "unknown-output",
        "an unknown output",
        64,
        ("unknown output 'tarball:x'",),
        ("oci:DIR",),
        arguments=("build", "WHEEL", "--output", "tarball:x"),
        is_quick=True,
    ),
    Case(
        "output-without-path",
        "an output without its path",
        64,
        ("output 'oci:' needs a path",),
        ("oci:DIR",),
        arguments=("build", "WHEEL", "--output", "oci:"),
        is_quick=True,
    ),
    Case(
        "unknown-platform",
        "an unsupported platform",
        64,
        ("windows/amd64",),
        ("linux/amd64",),
        arguments=(*WHEEL, "--platform", "windows/amd64"),
        is_quick=True,
    ),
    Case(
        "label-of-grocker",
        "a reserved label",
        64,
        ("org.grocker.contract=2", "are reserved"),
        ("another name",),
        arguments=(*WHEEL, "--label", "org.grocker.contract=2"),
        is_quick=True,
    ),
    Case(
        "bad-tag",
        "an invalid image name",
        64,
        ("Demo:1",),
        ("lower",),
        arguments=(*WHEEL, "--tag", "Demo:1"),
        is_quick=True,
    ),
)

# -- what is built ----------------------------------------------------------------------------------------------------


def _text(name: str, text: str) -> Arrange:
    return lambda world: world.write({name: text})


def _commands(text: str) -> Arrange:
    """A source tree with a build command and these settings of it."""
    head = '[project]\nname = "demo"\nversion = "1.0"\n[tool.grocker.build]\ncommands = ["make"]\n'
    return lambda world: world.write({"pyproject.toml": f"{head}{text}\n", "app.py": "x = 1\n"})


def _settings(text: str) -> Arrange:
    return lambda world: world.configure(text)


def _project(files: Files | None = None, **how: str) -> Arrange:
    def arrange(world: World) -> None:
        make_project(world.project, files, **how)

    return arrange


def _no_zip(world: World) -> None:
    world.wheel.write_bytes(b"this is no archive")


def _other_python(world: World) -> None:
    make_wheel(world.wheel.parent, metadata="Requires-Python: <3\n")


def _cut_wheel(world: World) -> None:
    world.wheel.write_bytes(world.wheel.read_bytes()[:-100])


def _escaping_wheel(world: World) -> None:
    make_wheel(world.wheel.parent, more=[(zipfile.ZipInfo("../../etc/passwd"), b"root::0:0")])


def _changed_wheel(world: World) -> None:
    make_wheel(world.wheel.parent, record={"demo/__init__.py": "sha256=" + "A" * 43})


_SOURCES = (
    Case(
        "no-such-directory",
        "a missing directory",
        66,
        ("./nowhere does not exist",),
        ("project's directory",),
        arguments=("build", "./nowhere"),
    ),
    Case(
        "no-project",
        "a directory that holds no Python files",
        66,
        ("project", "no Python files"),
        ("application's code",),
        arguments=PROJECT,
    ),
    Case(
        "no-metadata",
        "a package without metadata",
        66,
        ("pyproject.toml",),
        ("[project]",),
        _text("pyproject.toml", '[tool.grocker]\ninstall = "package"\n'),
        arguments=PROJECT,
    ),
    Case(
        "no-version",
        "a package without a version",
        78,
        ("version",),
        (),
        _text("pyproject.toml", '[project]\nname = "demo"\n[build-system]\nrequires = ["flit_core"]\n'),
        arguments=PROJECT,
    ),
    Case(
        "failing-back-end",
        "a project whose build back end fails",
        65,
        ("building demo: its build back end failed",),
        (),
        _project(extra='raise SystemExit("the back end is out of order")'),
        arguments=PROJECT,
    ),
    Case(
        "foreign-project",
        "a project that must be compiled, and an archive without a compiler",
        66,
        ("resolving the packages of the build: no Debian package",),
        ("check the name",),
        _project(tag="py3-none-win_amd64"),
        arguments=PROJECT,
    ),
    Case(
        "absolute-output",
        "build commands whose outputs are outside the project",
        78,
        ("pyproject.toml:6: build.outputs[0]", "the path of a file inside the project"),
        (),
        _commands('outputs = ["/etc/site"]'),
        arguments=PROJECT,
        is_quick=True,
    ),
    Case(
        "no-outputs",
        "build commands without outputs",
        78,
        ("commands require outputs",),
        (),
        _commands("network = true"),
        arguments=PROJECT,
        is_quick=True,
    ),
    Case(
        "unmatched-input",
        "a pattern under `build.inputs` that matches no file",
        78,
        ("build.inputs: no file of the project matches 'front/**'",),
        ("fix the pattern",),
        _commands('outputs = ["dist"]\ninputs = ["front/**"]'),
        arguments=PROJECT,
    ),
    Case(
        "missing-build-package",
        "build commands, and an archive without their packages",
        66,
        ("resolving the packages of the build: no Debian package",),
        ("check the name",),
        _commands('outputs = ["dist"]'),
        arguments=PROJECT,
    ),
    Case(
        "other-python",
        "an application that requires another Python than the suite's",
        78,
        ("demo 1.0 requires Python <3", "the image has 3.13"),
        ("no Debian suite fits",),
        _other_python,
    ),
    Case("no-wheel", "a wheel that is not a zip archive", 65, ("demo-1.0-py3-none-any.whl",), (), _no_zip),
    Case("cut-wheel", "a truncated wheel", 65, ("demo-1.0-py3-none-any.whl",), (), _cut_wheel),
    Case(
        "escaping-wheel",
        "a wheel with a path that leaves its root",
        65,
        ("demo-1.0-py3-none-any.whl", "../../etc/passwd"),
        (),
        _escaping_wheel,
    ),
    Case(
        "changed-wheel",
        "a wheel with a file that does not match its RECORD, with `--strict`",
        65,
        ("demo-1.0-py3-none-any.whl", "demo/__init__.py"),
        (),
        _changed_wheel,
        arguments=(*WHEEL, "--strict"),
    ),
)

# -- source trees and scripts -----------------------------------------------------------------------------------------


def _tree(settings: str, **files: str) -> Arrange:
    """A source tree with ``app.py``, these settings and these files (``a__b_txt`` for ``a/b.txt``)."""
    named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    return lambda world: world.write({"app.py": "", "grocker.toml": settings, **named})


def _script(text: str) -> Arrange:
    return lambda world: world.write({"bot.py": text})


SCRIPT = ("build", "PROJECT/bot.py", "--output", "store")
_WORKER = '[services.worker]\ncommand = "true"\nworkdir = '

_TREES = (
    Case(
        "workdir-outside",
        "a working directory that leads out of the application",
        78,
        ("grocker.toml:3: services.worker.workdir", "found '../other'"),
        (),
        _tree(_WORKER + '"../other"'),
        PROJECT,
        is_quick=True,
    ),
    Case(
        "workdir-missing",
        "a working directory that is not in the image",
        78,
        ("services.worker.workdir: the image has no directory /opt/app/jobs",),
        ("name a directory of the application",),
        _tree(_WORKER + '"jobs"'),
        PROJECT,
    ),
    Case(
        "workdir-of-a-wheel",
        "a relative working directory of a package",
        78,
        ("services.worker.workdir: 'jobs' is relative",),
        ('files = ["jobs"]', "absolute path"),
        _settings(_WORKER + '"jobs"'),
    ),
    Case(
        "files-missing",
        "files beside the application that the project does not have",
        78,
        ("files: the project has no file or directory 'alembic.ini'",),
        ("fix the path",),
        _tree('files = ["alembic.ini"]'),
        PROJECT,
    ),
    Case(
        "files-of-a-wheel",
        "files beside a wheel, which has no project",
        78,
        ("files: ", "is not a project directory, so there are no files to add"),
        ("build the project's directory",),
        _settings('files = ["CHANGELOG.md"]'),
    ),
    Case(
        "files-of-version-control",
        "files of version control, which may hold tokens",
        78,
        ("files: '.git/config' never goes into an image",),
        ("remove it",),
        _all(_tree('files = [".git/config"]'), _text(".git/config", "[url]\n")),
        PROJECT,
    ),
    Case(
        "writable-outside",
        "a writable path that leads out of the application",
        78,
        ("grocker.toml:1: writable[0]", "found '../data'"),
        (),
        _tree('writable = ["../data"]'),
        PROJECT,
        is_quick=True,
    ),
    Case(
        "writable-root",
        "the whole application as a writable path",
        78,
        ("writable: '.' is the whole application",),
        ("name directories that contain data",),
        _tree('writable = ["."]'),
        PROJECT,
    ),
    Case(
        "writable-nested",
        "a writable path in another one",
        78,
        ("writable: 'data/uploads' lies in 'data', which is writable too",),
        ("name directories that contain data, each once",),
        _tree('writable = ["data/uploads", "data"]'),
        PROJECT,
    ),
    Case(
        "writable-file",
        "a writable path that is a file",
        78,
        ("writable: 'words.txt' is a file",),
        ("name the directory",),
        _tree('writable = ["words.txt"]', words_txt="x"),
        PROJECT,
    ),
    Case(
        "writable-code",
        "a writable path with code in it",
        78,
        ("writable: 'shop' contains code (shop/a.py)",),
        ("a directory that contains only data",),
        _tree('writable = ["shop"]', shop__a_py=""),
        PROJECT,
    ),
    Case(
        "include-missing",
        "files to include that the project does not have",
        78,
        ("include: the project has no file or directory 'seed.sqlite3'",),
        ("fix the path",),
        _tree('include = ["seed.sqlite3"]'),
        PROJECT,
    ),
    Case(
        "tree-with-requirements-of-a-back-end",
        "a source tree with requirements that only a build back end reads",
        78,
        ("the requirements of the source tree are in setup.py",),
        ('install = "package"',),
        _tree('install = "tree"', setup_py="setup(install_requires=['flask'])"),
        PROJECT,
    ),
    Case(
        "script-missing",
        "a missing script",
        66,
        ("bot.py does not exist",),
        ("a script",),
        arguments=SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-without-metadata",
        "a script without inline metadata",
        66,
        ("bot.py has no inline metadata (PEP 723)",),
        ("grocker build", "# /// script"),
        _script("print(1)\n"),
        SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-without-end",
        "inline metadata without its end",
        78,
        ("bot.py:2: the block of inline metadata has no end",),
        ("# ///",),
        _script('#!/usr/bin/python3\n# /// script\n# dependencies = ["idna"]\nprint(1)\n'),
        SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-not-toml",
        "inline metadata that is not TOML",
        78,
        ("bot.py:3: not TOML",),
        ("fix the line",),
        _script("\n# /// script\n# dependencies = [\n# ///\n"),
        SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-with-unknown-key",
        "an unknown key of inline metadata",
        78,
        ("bot.py:2: dependancies",),
        ("did you mean dependencies?",),
        _script("# /// script\n# dependancies = []\n# ///\n"),
        SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-with-two-blocks",
        "two blocks of inline metadata",
        78,
        ("bot.py:3: a second block of inline metadata",),
        ("first block",),
        _script("# /// script\n# ///\n# /// script\n# ///\n"),
        SCRIPT,
        is_quick=True,
    ),
    Case(
        "script-with-bad-requirement",
        "inline metadata with an invalid requirement",
        78,
        ("bot.py: dependencies[0]: invalid requirement 'a b'",),
        ("NAME==1.0",),
        _script('# /// script\n# dependencies = ["a b"]\n# ///\n'),
        SCRIPT,
    ),
    Case(
        "script-with-bad-python",
        "inline metadata with an invalid `requires-python`",
        78,
        ("bot.py: requires-python: invalid specifier 'new'",),
        (">=3.11",),
        _script('# /// script\n# requires-python = "new"\n# ///\n'),
        SCRIPT,
    ),
    Case(
        "script-with-settings-of-uv",
        "inline metadata with settings of uv",
        78,
        ("bot.py: [tool.uv] in a script is not supported",),
        ("index-url",),
        _script("# /// script\n# [tool.uv]\n# exclude-newer = 2026-01-01\n# ///\n"),
        SCRIPT,
    ),
    Case(
        "script-with-lock",
        "a lock beside a script",
        78,
        ("bot.py.lock pins versions, but Grocker does not read it",),
        ("--ignore-lock",),
        _all(_script("# /// script\n# ///\n"), _text("bot.py.lock", "version = 1\n")),
        SCRIPT,
    ),
    Case(
        "script-with-extras",
        "a script with extras",
        64,
        ("a script has no extras",),
        ("grocker build",),
        _script("# /// script\n# ///\n"),
        ("build", "PROJECT/bot.py[fast]", "--output", "store"),
        is_quick=True,
    ),
)

# -- settings ---------------------------------------------------------------------------------------------------------

_SEVERAL = """\
[services.www]
wsgi = "demo"
[services.ops]
[services.ws]
comand = "x"
"""

_SETTINGS = (
    Case(
        "malformed-settings",
        "settings that are not TOML",
        78,
        ("pyproject.toml:2: not TOML",),
        ("fix the line",),
        _text("pyproject.toml", "[tool.grocker]\nextras = [\n"),
        PROJECT,
        is_quick=True,
    ),
    Case(
        "unknown-setting",
        "an unknown setting",
        78,
        ("grocker.toml:1: dependancies: unknown setting",),
        ("did you mean dependencies?",),
        _settings('dependancies = ["x"]'),
        is_quick=True,
    ),
    Case(
        "wrong-setting",
        "a setting of the wrong type",
        78,
        ("grocker.toml:1: dependencies: expected a list, found text",),
        ("help settings",),
        _settings('dependencies = "libpq5"'),
        is_quick=True,
    ),
    Case(
        "several-wrong-services",
        "several invalid services: the error names all",
        78,
        (
            "grocker.toml:2: services.www.wsgi: expected MODULE:ATTRIBUTE",
            "grocker.toml:5: services.ws.comand: unknown setting",
        ),
        ("help settings",),
        _settings(_SEVERAL),
        is_quick=True,
    ),
    Case(
        "two-settings-files",
        "settings in two files",
        78,
        ("grocker.toml and pyproject.toml:1",),
        ("move the settings",),
        lambda world: world.write({"grocker.toml": "", "pyproject.toml": "[tool.grocker]\n"}),
        PROJECT,
        is_quick=True,
    ),
    Case(
        "no-settings-file",
        "a missing settings file",
        66,
        ("nowhere.toml",),
        (),
        arguments=("build", "WHEEL", "--config", "nowhere.toml"),
        is_quick=True,
    ),
    Case(
        "bad-epoch",
        "a `SOURCE_DATE_EPOCH` that is not a number",
        78,
        ("invalid SOURCE_DATE_EPOCH 'today'",),
        ("seconds since 1970",),
        _environ(SOURCE_DATE_EPOCH="today"),
        is_quick=True,
    ),
    Case(
        "malformed-procfile",
        "a `Procfile` with a line that is not a process type",
        78,
        ("Procfile:2: expected NAME: COMMAND",),
        ("web: gunicorn",),
        _project({"Procfile": "web: x\nworker\n"}),
        PROJECT,
    ),
    Case(
        "procfile-in-latin-1",
        "a `Procfile` that is not UTF-8",
        78,
        ("Procfile:1: not UTF-8",),
        ("UTF-8",),
        _project({"Procfile": b"web: caf\xe9\n"}),
        PROJECT,
    ),
    Case(
        "no-base-config",
        "a missing `base-config`",
        78,
        ("base-config", "nowhere.ini"),
        ("inside the project",),
        _project({"grocker.toml": 'base-config = "nowhere.ini"\n'}),
        PROJECT,
    ),
    Case(
        "malformed-base-config",
        "a `base-config` that is not an INI file",
        78,
        ("base.ini", "line"),
        ("fix the INI file",),
        _project({"grocker.toml": 'base-config = "base.ini"\n', "base.ini": "[a]\nb\n"}),
        PROJECT,
    ),
    Case(
        "unknown-suite",
        "an unknown suite",
        78,
        ("grocker.toml:1: debian.suite: expected one of bookworm, forky, trixie, found 'sid'",),
        (),
        _file("grocker.toml", 'debian.suite = "sid"\n'),
        is_quick=True,
    ),
    Case(
        "unknown-python",
        "a Python that neither Debian nor uv has",
        66,
        ("[tool.grocker] python: no Python 3.7 is available",),
        ("3.13 (trixie)", "standalone", "3.12"),
        _file("grocker.toml", 'python = "3.7"\n'),
        is_quick=True,
    ),
    Case(
        "python-without-server",
        "the archive of a standalone Python on a server that is unreachable",
        69,
        ("fetching Python 3.12.",),
        ("UV_PYTHON_INSTALL_MIRROR", 'python = "3.13"'),
        _all(
            _file("grocker.toml", 'python = "3.12"\n'),
            _environ(UV_PYTHON_INSTALL_MIRROR="http://127.0.0.1:9"),
        ),
    ),
    Case(
        "unknown-suite-option",
        "an unknown suite on the command line",
        78,
        ("sid",),
        ("trixie",),
        arguments=(*WHEEL, "--debian", "sid"),
        is_quick=True,
    ),
)

# -- Debian -----------------------------------------------------------------------------------------------------------


def _fault(path: str, **how: object) -> Arrange:
    return lambda world: world.faults.append(Fault(path, **how))  # type: ignore[arg-type]


def _archive(**how: object) -> Arrange:
    def arrange(world: World) -> None:
        for name, value in how.items():
            setattr(world.archive, name, value)

    return arrange


def _asked(package: Package) -> Arrange:
    """The settings ask for a package, which the archive has."""

    def arrange(world: World) -> None:
        world.archive.add(package)
        world.configure(f'dependencies = ["{package.name}"]')

    return arrange


class _Cut(Package):
    """A package that was cut before it was published: its hash is right."""

    def deb(self) -> bytes:
        return super().deb()[:-200]


def _flip(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def _stranger(world: World) -> None:
    world.archive.signed_by = ("stranger",)
    world.signers = {suite: (signer(),) for suite in world.archive.packages}


_DEBIAN = (
    Case(
        "unknown-package",
        "an unknown Debian package",
        66,
        ("nosuch",),
        (),
        _settings('dependencies = ["nosuch"]'),
    ),
    Case(
        "unknown-version",
        "an unknown version of a Debian package",
        66,
        ("bash", "9.9"),
        ("1.0-1",),
        _settings('dependencies = ["bash=9.9"]'),
    ),
    Case(
        "conflicting-packages",
        "conflicting Debian packages",
        78,
        ("one", "bash"),
        (),
        _asked(Package("one", fields={"Conflicts": "bash"})),
    ),
    Case(
        "archive-unreachable",
        "an unreachable Debian archive",
        69,
        ("trixie", "127.0.0.1:9", "connection refused"),
        (),
        _environ(GROCKER_DEBIAN_MIRROR="http://127.0.0.1:9", GROCKER_DEBIAN_SECURITY_MIRROR="http://127.0.0.1:9"),
    ),
    Case(
        "archive-empty",
        "a suite that the archive does not have",
        66,
        ("suite trixie not found",),
        ("mirror",),
        _fault("InRelease", status=404),
    ),
    Case(
        "archive-down", "a Debian archive that answers 503", 69, ("trixie", "503"), (), _fault("InRelease", status=503)
    ),
    Case(
        "archive-cut",
        "a Debian archive that cuts every connection",
        69,
        ("bash 1.0-1",),
        (),
        _fault(r"/bash_", cut=True),
    ),
    Case(
        "changed-release",
        "a Debian index with a bad signature",
        65,
        ("trixie", "signature"),
        (),
        _fault("trixie/InRelease", change=lambda data: data.replace(b"Origin: Debian", b"Origin: Debiam")),
    ),
    Case("unsigned-release", "a Debian index without a signature", 65, ("trixie",), (), _archive(signed_by=())),
    Case("unpinned-signer", "a Debian index signed by an untrusted key", 65, ("trixie", "sign"), (), _stranger),
    Case(
        "expired-release",
        "an expired Debian index",
        65,
        ("trixie", "expired"),
        ("check-valid-until",),
        _archive(valid_until=datetime.now(UTC) - timedelta(days=1)),
    ),
    Case(
        "other-release",
        "a Debian index of another suite",
        65,
        ("trixie", "bookworm"),
        (),
        _archive(codenames={"trixie": "bookworm"}),
    ),
    Case(
        "changed-index",
        "a package list with the wrong hash",
        65,
        ("trixie", ", got sha256:"),
        ("mirror",),
        _fault(r"trixie/main/.*(Packages|SHA256)", change=_flip),
    ),
    Case(
        "changed-package",
        "a `.deb` with the wrong hash",
        65,
        ("bash 1.0-1: expected sha256:",),
        ("mirror",),
        _fault("/bash_", change=_flip),
    ),
    Case(
        "cut-package",
        "a truncated `.deb`",
        65,
        ("bash 1.0-1", "bytes, got "),
        ("mirror",),
        _fault("/bash_", change=lambda data: data[:-10]),
    ),
    Case(
        "malformed-package",
        "a `.deb` published truncated",
        65,
        ("broken 1.0-1", "truncated"),
        (),
        _asked(_Cut("broken", files={"usr/bin/x": "x"})),
    ),
    Case(
        "escaping-package",
        "a `.deb` with a path that leaves its root",
        65,
        ("evil 1.0-1", "../", "leaves the root"),
        (),
        _asked(Package("evil", files={"../etc/passwd": "root::0:0"})),
    ),
    Case(
        "escaping-link",
        "a `.deb` with a file below a link that leaves its root",
        65,
        ("evil 1.0-1",),
        (),
        _asked(Package("evil", files={"opt/a": Link("../../../etc"), "opt/a/passwd": "root::0:0"})),
    ),
    Case(
        "twice-packaged",
        "a file that two Debian packages contain",
        65,
        ("one 1.0-1 and other 1.0-1 both contain /opt/x",),
        (),
        _all(
            lambda world: world.archive.packages["trixie"].extend(
                (
                    Package("one", files={"opt/x": "1"}),
                    Package("other", files={"opt/x": "2"}, fields={"Depends": "one"}),
                )
            ),
            _settings('dependencies = ["other"]'),
        ),
    ),
    Case(
        "missing-package",
        "a `.deb` that has left the archive",
        69,
        ("bash 1.0-1",),
        (),
        _fault("/bash_", status=404),
    ),
)

# -- the package index ------------------------------------------------------------------------------------------------


def _needs(name: str, **how: object) -> Arrange:
    """The application needs ``name`` 2.0, which the index has."""

    def arrange(world: World) -> None:
        make_wheel(world.index.directory, name, "2.0", **how)  # type: ignore[arg-type]
        world.require(name)

    return arrange


def _requires(*requirements: str) -> Arrange:
    return lambda world: world.require(*requirements)


def _needs_and(fault: Fault) -> Arrange:
    def arrange(world: World) -> None:
        _needs("lib")(world)
        world.faults.append(fault)

    return arrange


def _needs_sdist(extra: str = "pass", **how: object) -> Arrange:
    """The application needs ``lib``, which has an sdist alone."""

    def arrange(world: World) -> None:
        make_source(world.index.directory, "lib", "2.0", extra=extra, **how)  # type: ignore[arg-type]
        world.require("lib")

    return arrange


def _needs_escaping_sdist(world: World) -> None:
    path = make_source(world.index.directory, "lib", "2.0")
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("lib-2.0/../../../escaped"))
    world.require("lib")


def _needs_cut(world: World) -> None:
    path = make_wheel(world.index.directory, "lib", "2.0", {"lib/__init__.py": "x = 1\n" * 1000})
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(data)
    world.require("lib")


_PYTHON = (
    Case("unknown-release", "an unknown release", 66, ("nosuch",), (), arguments=("build", "nosuch==1.0")),
    Case(
        "mistyped-directory",
        "a word that is neither a directory nor a release",
        66,
        ("directory nosuch not found", "index"),
        ("spelling",),
        arguments=("build", "nosuch"),
    ),
    Case(
        "mistyped-script",
        "a word that is neither a script nor a release",
        66,
        ("script nosuch.py not found", "index"),
        ("spelling",),
        arguments=("build", "nosuch.py"),
    ),
    Case("unknown-dependency", "an unknown dependency", 66, ("nosuch",), (), _requires("nosuch")),
    Case(
        "unknown-dependency-version",
        "an unknown version of a dependency",
        66,
        ("lib>=3",),
        (),
        _all(_needs("lib"), _requires("lib>=3")),
    ),
    Case(
        "foreign-dependency",
        "a dependency without a wheel for the platform",
        66,
        ("lib",),
        (),
        _needs("lib", tag="cp313-cp313-win_amd64"),
    ),
    Case(
        "source-dependency",
        "a dependency that must be compiled, and an archive without a compiler",
        66,
        ("building lib 2.0 from its sdist: resolving the packages of the build: no Debian package",),
        ("check the name",),
        _needs_sdist("import subprocess; subprocess.run([os.environ['CC'], 'x.c'], check=True)"),
    ),
    Case(
        "broken-sdist",
        "a dependency whose sdist does not build",
        65,
        ("lib 2.0", "its build back end failed"),
        ("wheel",),
        _needs_sdist("raise SystemExit('no way')"),
    ),
    Case(
        "sdist-requires-nothing-known",
        "an sdist whose build requirement does not exist",
        66,
        ("lib 2.0", "nosuch"),
        (),
        _needs_sdist(build_requires=["nosuch"]),
    ),
    Case(
        "escaping-sdist", "an sdist with a file outside of its directory", 65, ("lib-2.0",), (), _needs_escaping_sdist
    ),
    Case(
        "changed-sdist",
        "an sdist that is not what the index says",
        65,
        ("lib 2.0",),
        (),
        _all(_needs_sdist(), _fault(r"lib-2.0\.tar\.gz", change=lambda data: data[:-1] + b"x")),
    ),
    Case(
        "index-unreachable",
        "an unreachable package index",
        69,
        ("127.0.0.1:9",),
        (),
        _all(_requires("lib"), _environ(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")),
    ),
    Case(
        "index-denied",
        "a package index that wants credentials",
        77,
        ("the package index denies access",),
        ("credentials",),
        _needs_and(Fault("/simple/lib", status=401)),
    ),
    Case(
        "index-down", "a package index that answers 500", 69, ("500",), (), _needs_and(Fault("/simple/lib", status=500))
    ),
    Case(
        "changed-dependency",
        "a wheel with the wrong hash",
        65,
        ("lib", ", got sha256:"),
        (),
        _needs_and(Fault("/files/lib", change=_flip)),
    ),
    Case(
        "cut-dependency",
        "a package index that cuts every connection",
        69,
        ("lib",),
        (),
        _needs_and(Fault("/files/lib", after=1, cut=True)),
    ),
    Case(
        "malformed-dependency",
        "a wheel published damaged",
        66,
        ("lib==2.0 has an invalid package format",),
        (),
        _needs_cut,
    ),
    Case(
        "escaping-dependency",
        "a dependency with a path that leaves its root",
        65,
        ("lib", "../../etc/passwd"),
        (),
        _needs("lib", more=[(zipfile.ZipInfo("../../etc/passwd"), b"x")]),
    ),
    Case(
        "twice-installed",
        "a file that two wheels contain with different content",
        78,
        ("bil 2.0 and lib 2.0 both install", "shared"),
        ('prefer = ["bil" or "lib"]',),
        _all(_needs("lib", files={"shared.py": "1"}), _needs("bil", files={"shared.py": "2"}), _requires("lib", "bil")),
    ),
)

# -- cache and outputs ------------------------------------------------------------------------------------------------


def _spoil_member(world: World) -> None:
    """The largest member has a flipped bit, and the layers are gone."""
    for room in ("blobs/sha256", "refs"):
        for path in (world.cache / "v1" / room).iterdir():
            path.unlink()
    largest = max((world.cache / "v1" / "members").glob("*.gz"), key=lambda path: path.stat().st_size)
    largest.write_bytes(_flip(largest.read_bytes()))
    for path in (world.cache / "v1" / "steps").glob("replay-*"):
        path.unlink()


def _spoil_blob(change: Callable[[bytes], bytes]) -> Arrange:
    """The largest blob has other bytes."""

    def arrange(world: World) -> None:
        largest = max((world.cache / "v1" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
        largest.write_bytes(change(largest.read_bytes()))

    return arrange


_STORAGE = (
    Case(
        "cut-blob",
        "a truncated blob in the cache: it is removed, and the next build restores it",
        66,
        ("layer sha256:", "is no longer in Grocker's store"),
        ("build again",),
        _spoil_blob(lambda data: data[:-10]),
        ("push", "demo:1.0", "REGISTRY/demo:1.0"),
        warm=True,
    ),
    Case(
        "changed-blob",
        "a damaged blob in the cache: it is removed, and the next build restores it",
        65,
        ("the cached layer sha256:", "is damaged"),
        ("build again",),
        _spoil_blob(_flip),
        ("push", "demo:1.0", "REGISTRY/demo:1.0"),
        warm=True,
    ),
    Case(
        "not-built",
        "pushing an image that was not built",
        66,
        ("Grocker's store has no image nowhere:1",),
        (),
        arguments=("push", "nowhere:1", "REGISTRY/nowhere:1"),
        is_quick=True,
    ),
    Case(
        "no-layout",
        "inspecting a directory that is not an image",
        65,
        ("is not an OCI layout",),
        (),
        lambda world: world.out.mkdir(),
        ("inspect", "oci:OUT"),
        is_quick=True,
        allowed=("out",),
    ),
    Case(
        "cache-is-a-file",
        "a cache that is a file",
        73,
        ("opening the cache", "a-file"),
        ("GROCKER_CACHE",),
        _all(_file("a-file", ""), _environ(GROCKER_CACHE="PLACE/a-file")),
        is_quick=True,
    ),
    Case(
        "cache-unwritable",
        "a cache that is not writable",
        73,
        ("opening the cache /sys/grocker",),
        ("GROCKER_CACHE",),
        _environ(GROCKER_CACHE="/sys/grocker"),
        is_quick=True,
    ),
    Case(
        "cache-limited",
        "a file size limit on the cache",
        74,
        ("writing to the cache", "File too large"),
        ("GROCKER_CACHE",),
        lambda w: setattr(w, "largest_file", 20_000),
        needs=("prlimit",),
    ),
    Case(
        "cache-full",
        "a full disk under the cache",
        74,
        ("No space left on device",),
        ("free space",),
        mount="cache",
    ),
    Case(
        "spoilt-member",
        "a damaged part of a layer in the cache: it is removed, and the next build restores it",
        65,
        ("from the cache", "does not match its checksum"),
        ("build again",),
        _spoil_member,
        warm=True,
    ),
    Case(
        "output-is-a-directory",
        "an output archive that is a directory",
        73,
        ("out", "directory"),
        ("archive:FILE",),
        lambda w: w.out.mkdir(),
        (*WHEEL[:-1], "archive:OUT"),
        allowed=("out",),
    ),
    Case(
        "output-is-a-file",
        "an output directory that is a file",
        73,
        ("out",),
        (),
        _file("out", ""),
        (*WHEEL[:-1], "oci:OUT"),
        allowed=("out",),
    ),
    Case(
        "output-unwritable",
        "an output directory that is not writable",
        73,
        ("/sys/out",),
        (),
        arguments=(*WHEEL[:-1], "oci:/sys/out"),
    ),
    Case(
        "archive-unwritable",
        "an output archive that is not writable",
        73,
        ("/sys/out.tar",),
        (),
        arguments=(*WHEEL[:-1], "archive:/sys/out.tar"),
    ),
    Case(
        "output-full",
        "a full disk under the output",
        74,
        ("No space left on device",),
        ("free space",),
        arguments=(*WHEEL[:-1], "archive:DISK/out.tar"),
        mount="disk",
    ),
    Case(
        "layout-full",
        "a full disk under a layout",
        74,
        ("No space left on device",),
        ("free space",),
        arguments=(*WHEEL[:-1], "oci:DISK/out"),
        mount="disk",
    ),
    Case(
        "no-engine",
        "an engine that is not running",
        69,
        ("docker", "no-engine.sock"),
        (),
        arguments=(*WHEEL[:-1], "docker"),
    ),
    Case(
        "no-podman",
        "podman that is not installed",
        69,
        ("podman",),
        ("install",),
        _environ(PATH="PLACE"),
        (*WHEEL[:-1], "podman"),
    ),
)

# -- registries -------------------------------------------------------------------------------------------------------


def _refusing(status: int, method: str = "POST", path: str = "uploads", **how: object) -> Arrange:
    def arrange(world: World) -> None:
        fault = RegistryFault(method, path, status=status, times=99)
        for name, value in how.items():
            setattr(fault, name, value)
        world.registry.faults.append(fault)

    return arrange


def _login(world: World) -> None:
    world.registry.users["me"] = "right"
    config = world.place / "docker"
    config.mkdir()
    auth = base64.b64encode(b"me:wrong-secret").decode()
    (config / "config.json").write_text(f'{{"auths": {{"{world.registry.host}": {{"auth": "{auth}"}}}}}}')
    world.environ["DOCKER_CONFIG"] = str(config)


_REGISTRIES = (
    Case(
        "registry-login",
        "a registry that wants credentials when there are none",
        77,
        ("REGISTRY", "401"),
        ("login",),
        lambda w: w.registry.users.update(me="right"),
        PUSH,
    ),
    Case("registry-denied", "a registry that refuses the credentials", 77, ("REGISTRY", "401"), (), _login, PUSH),
    Case("registry-forbidden", "a registry that answers 403", 77, ("REGISTRY/demo", "403"), (), _refusing(403), PUSH),
    Case(
        "registry-missing",
        "a registry that does not have the repository",
        66,
        ("REGISTRY/demo", "404"),
        (),
        _refusing(404),
        PUSH,
    ),
    Case(
        "registry-immutable",
        "a tag that the registry does not let change",
        73,
        ("REGISTRY/demo:1: 400", "immutable"),
        ("under a new tag",),
        _refusing(
            400, "PUT", "manifests", body=b'{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}'
        ),
        PUSH,
    ),
    Case(
        "registry-types",
        "a registry that refuses the manifest with the media types of OCI and with Docker's",
        73,
        ("REGISTRY/demo:1: 415",),
        ("media types",),
        _refusing(415, "PUT", "manifests"),
        PUSH,
    ),
    Case(
        "registry-refuses",
        "a registry that refuses a request for good, with any other 4xx",
        73,
        ("REGISTRY/demo", "405"),
        ("accepts pushes",),
        _refusing(405),
        PUSH,
    ),
    Case("registry-busy", "a registry that always answers 429", 75, ("REGISTRY/demo", "429"), (), _refusing(429), PUSH),
    Case("registry-down", "a registry that always answers 500", 69, ("REGISTRY/demo", "500"), (), _refusing(500), PUSH),
    Case(
        "registry-cut",
        "a registry that cuts every connection",
        69,
        ("REGISTRY/demo",),
        (),
        _refusing(0, "PUT", "uploads", kind="cut"),
        PUSH,
    ),
    Case(
        "registry-unreachable",
        "an unreachable registry",
        69,
        ("127.0.0.1:9", "connection refused"),
        (),
        arguments=(*PUSH[:-1], "127.0.0.1:9/demo:1"),
    ),
    Case(
        "registry-lie",
        "a registry that reports other content than was sent",
        65,
        ("REGISTRY/demo",),
        (),
        _refusing(0, "PUT", "manifests", kind="lie"),
        PUSH,
    ),
)

CASES: tuple[Case, ...] = (
    *_USAGE,
    *_SOURCES,
    *_TREES,
    *_SETTINGS,
    *_DEBIAN,
    *_PYTHON,
    *DEPENDENCIES,
    *_STORAGE,
    *_REGISTRIES,
)
