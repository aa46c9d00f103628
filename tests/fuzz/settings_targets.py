"""Parsers of a project's own files, and of the host's configuration of pip."""

from __future__ import annotations

from grocker.config import files, positions
from grocker.config.script_metadata import read_script, read_settings
from grocker.config.services import DetectedApplication, find_services
from grocker.config.settings import Settings
from grocker.decoding import decode_toml
from grocker.draft.compose import translate_compose
from grocker.draft.image import translate_dockerfile
from grocker.errors import GrockerError
from grocker.inputs.created_paths import find_relative
from grocker.inputs.dockerfile_start import find_started
from grocker.inputs.front_end import find_front_ends, find_unbuilt
from grocker.inputs.front_end_build import draft_build
from grocker.inputs.made_directories import find_made_directories
from grocker.inputs.node import read_node_needs
from grocker.inputs.programs import find_run_packages
from grocker.inputs.tree_files import TreeFiles
from grocker.oci import platforms, reference
from grocker.python.indexes import find_uv_indexes, hide_credentials, read_pip_indexes
from grocker.python.named_paths import read_named_paths
from grocker.python.project import read_project
from grocker.python.source_tree import SourceFile, hash_tree
from grocker.python.uv_sources import check
from grocker.sandbox.host_network import read_host_network
from grocker.tar.entry import File
from tests.fuzz.lock_targets import PYPROJECT
from tests.fuzz.target import Target, empty_directory, join, parts, write

_SETTINGS = """\
extras = ["all"] # why
dependencies = ["libpq5", '''curl''']
[debian]
suite = "trixie"
[env]
A = "b\\n"
"C" = 'x'
[services.www]
wsgi = "demo.wsgi:application"
workers = 2
static = ["a/static"]
env = { X = "1", "Y" = "2" }
ready = "/health"
memory = 512
restart = { times = 3, seconds = 10 }
[services.worker]
command = ["a", "b", '''c''']
processes.side = "sleep 1"
"""


def _read_settings(data: bytes) -> None:
    path = write("grocker.toml", data)
    found = files.read_file(path)
    find_services(found.settings, None, DetectedApplication())
    lines = data.count(b"\n") + 1
    assert all(0 < origin.line <= lines for origin in found.origins.values())


def _find_positions(data: bytes) -> None:
    """Every key of the document is found, on the line where it begins."""
    text = data.decode("utf-8")
    table = decode_toml(text)
    found = positions.find_lines(text)
    rows = text.split("\n")
    left: list[tuple[positions.KeyPath, object]] = [((), table)]
    while left:
        path, value = left.pop()
        assert not path or path in found, path
        if path and isinstance(path[-1], str) and path[-1].isalnum() and path[-1].isascii():
            assert path[-1] in rows[found[path] - 1], path
        if isinstance(value, dict):
            left += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            left += [((*path, number), one) for number, one in enumerate(value)]


def _read_pyproject(data: bytes) -> None:
    place = empty_directory("project")
    (place / "pyproject.toml").write_bytes(data)
    project = read_project(place)
    read_named_paths(place)
    find_uv_indexes(place, {"HOME": "/nonexistent"}, place / "etc")
    check([project.name or "demo"], place, {}, {"os_name": "posix"})
    found = files.read(place)
    find_services(found.settings, None, DetectedApplication())


def _read_script(data: bytes) -> None:
    path = write("script.py", data)
    read_script(path)
    read_settings(path)


def _draft(data: bytes) -> None:
    """What ``grocker init`` reads."""
    dockerfile, compose = parts(data, 2)
    translate_dockerfile(dockerfile.decode("utf-8", "replace"), "Dockerfile")
    translate_compose(compose.decode("utf-8", "replace"), "compose.yaml")


def _find_front_ends(data: bytes) -> None:
    """A package.json and a configuration of Vite: outputs never lead out of the project."""
    package, configuration = parts(data, 2)
    root = empty_directory("front-end")
    names = ("package.json", "vite.config.js")
    for name, text in zip(names, (package, configuration), strict=True):
        (root / name).write_bytes(text)
    files = TreeFiles(root, tuple(SourceFile(name, "0" * 64) for name in names), hash_tree(()), (), (), (), ())
    found = find_front_ends(files)
    find_unbuilt(found, files)
    for one in found:
        draft_build(one, files)
        read_node_needs(one, files).count_unmet((20, 19, 2))
        assert not any(place.startswith("/") or place.partition("/")[0] == ".." for place in one.outputs)


def _read_modules(data: bytes) -> None:
    """What the modules of a tree make and start: two of them, which import each other."""
    first, second = parts(data, 2)
    texts = {f"opt/app/{name}.py": text.decode("utf-8", "replace") for name, text in (("a", first), ("b", second))}
    for place in find_made_directories(texts, ["opt/app"], start="opt/app"):
        assert not place.startswith("/"), place
        assert ".." not in place.split("/"), place
    for text in texts.values():
        for place, _ in find_relative(text):
            assert place.isprintable(), place
    find_run_packages(["django", "psycopg"], [File("opt/app/a.py", first), File("opt/app/b.py", second)], "opt/app")


def _find_started(data: bytes) -> None:
    found = find_started(data.decode("utf-8", "replace"), ["app.py", "demo/__init__.py", "demo/__main__.py", "run.sh"])
    for command in found.commands.values():
        assert command
        assert all("$" not in word for word in command)


def _read_npmrc(data: bytes) -> None:
    """No password of an npmrc is in a file of the sandbox."""
    path = write(".npmrc", data)
    network = read_host_network({"HOME": str(path.parent)}, [path], path.parent)
    written = b"".join(network.files.values()).decode("utf-8", "replace")
    lines = [line.partition("=")[::2] for line in written.splitlines()]
    given = [value for key, value in lines if key.endswith((":_authToken", ":_password"))]
    assert all(value.startswith("${GROCKER_NPM_") for value in given), given


_SCRIPT = """\
#!/usr/bin/env python
# /// script
# requires-python = ">=3.11"
# dependencies = ["demo>=1"]
# [tool.grocker]
# dependencies = ["libpq5"]
# ///
import demo
"""
_DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG VERSION=3.12
FROM python:${VERSION}-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends libpq5=15.* \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=build --chown=1:1 ["a b", "/x"]
ENV A=1 B="c d" \\
    C='e'
RUN <<EOF
pip install -r requirements.txt
EOF
USER app
HEALTHCHECK --interval=5s CMD curl -f http://localhost/
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "demo.wsgi:application"]
"""
_MODULE = """\
import os, subprocess
from pathlib import Path
import b
BASE = Path(__file__).resolve().parent
DATA = os.environ.get("DATA", BASE / "data")
if not os.path.exists("instance"):
    os.mkdir("instance")
(BASE / "files").mkdir(parents=True, exist_ok=True)
logging.basicConfig(filename="var/app.log")
def version():
    return subprocess.check_output(["git", "describe"]) + subprocess.run("pandoc -v", shell=True).stdout
"""
_COMPOSE = """\
services:
  web: &a
    build: .
    command: gunicorn demo.wsgi
    environment: [A=1]
  worker: {build: {context: .}, command: ["celery", "-A", "demo", "worker"]}
  db:
    image: postgres:15
"""


def _read_procfile(data: bytes) -> None:
    found = find_services(Settings(), data.decode("utf-8", "replace"), DetectedApplication())
    for service in found.table.values():
        assert isinstance(service.command, str)
        assert "\0" not in service.command
        assert service.command.strip()


def _read_pip(data: bytes) -> None:
    path = write("pip.conf", data)
    for value in read_pip_indexes({"PIP_CONFIG_FILE": str(path), "HOME": "/nonexistent"}, path.parent / "etc").values():
        hide_credentials(value)


def _read_names(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        platforms.parse(text)
    except GrockerError:
        pass
    found = reference.parse(text)
    assert reference.parse(str(found)) == found
    reference.parse(found.full)


_TOML = (
    *(b"\n[services.www]\n", b"[[a.b]]\n", b"a.b = ", b'"""', b"'''", b"= {", b"= [", b"]\n", b"# c\n", b"1979-05-27"),
    *(b"command = ", b"wsgi = ", b"= -1\n", b"= 18446744073709551616\n", b"= inf\n", b'"\\u0000"', b'"\\"'),
)


TARGETS = (
    Target("settings", _read_settings, (GrockerError,), lambda: [_SETTINGS.encode()], _TOML, 2_750),
    Target(
        "positions",
        _find_positions,
        (ValueError,),
        lambda: [_SETTINGS.encode(), PYPROJECT.encode(), b'a = """\n"\\"""" \n[b]\n[[c]]\nd = [[1], {e = 2}]\n[[c]]\n'],
        _TOML,
        6_750,
    ),
    Target(
        "pyproject",
        _read_pyproject,
        (GrockerError,),
        lambda: [PYPROJECT.encode(), PYPROJECT.encode() + b'[tool.grocker.services.www]\nwsgi = "a:b"\n'],
        (*_TOML, b"[tool.uv.sources]\n", b"dynamic = ", b"[[tool.uv.index]]\n", b"marker = "),
        2_000,
    ),
    Target(
        "script",
        _read_script,
        (GrockerError,),
        lambda: [_SCRIPT.encode()],
        (b"# /// script\n", b"\n# ///\n", b"\n# ", *_TOML),
        2_500,
    ),
    Target(
        "dockerfile",
        _draft,
        (GrockerError,),
        lambda: [join(_DOCKERFILE, _COMPOSE)],
        (
            b"\nRUN ",
            b"\nARG VERSION=$VERSION$VERSION",
            b"${VERSION:-",
            b"\nFROM ",
            b"\nENV ",
            b"\nCMD [",
            b"\\\n",
            b"<<EOF\n",
            b"&a",
            b"*a",
            b"<<: *a",
            b"\n  - ",
            b"!!python/name:x",
        ),
        350,
    ),
    Target(
        "front-end",
        _find_front_ends,
        (),
        lambda: [
            join(
                b'{"scripts": {"build": "esbuild a.js --outdir=static/js"}, "devDependencies": {"vite": "6"}}',
                b'root: "ui", build: { outDir: path.resolve(__dirname, "..", "static") }',
            )
        ],
        (b'"scripts"', b'"build"', b"--outdir=", b"../", b"outDir: '", b"resolve(__dirname, '"),
        350,
    ),
    Target(
        "modules",
        _read_modules,
        (),
        lambda: [
            join(_MODULE, "from a import BASE as B\nimport os\nos.makedirs(os.path.join(B, 'logs'), exist_ok=True)\n")
        ],
        (
            b"os.makedirs(",
            b"Path(__file__).parent",
            b" / 'a'",
            b"'../..'",
            b"\nfrom b import C\n",
            b"\nclass A:\n ",
            b"f'{A}/b'",
        ),
        350,
    ),
    Target(
        "dockerfile-start",
        _find_started,
        (GrockerError,),
        lambda: [
            _DOCKERFILE.encode(),
            b'FROM python\nWORKDIR /app\nENTRYPOINT ["tini", "--"]\nCMD ["python", "-m", "demo"]\n',
        ],
        (
            b"\nENTRYPOINT ",
            b"\nCMD [",
            b'"sh", "-c", ',
            b"\nWORKDIR /a",
            b"\nEXPOSE 8000\n",
            b"exec ",
            b"uvicorn app:app",
            b"$PORT",
        ),
        350,
    ),
    Target(
        "npmrc",
        _read_npmrc,
        (),
        lambda: [
            (
                b"registry=https://me:secret@npm.example/a/\n//npm.example/:_authToken=abcdef\n"
                b"//b.example/:_password=Zm9v\nproxy=http://me:secret@proxy.example:3128/\ncafile=/x\n"
            )
        ],
        (b"\n//a/:_authToken=", b"${HOME}", b":_password=", b"https://", b"@", b"\nca="),
        350,
    ),
    Target(
        "procfile",
        _read_procfile,
        (GrockerError,),
        lambda: [b"web: gunicorn x.wsgi --bind :$PORT\n# c\nworker: python -m work\nrelease: ./migrate\n"],
        (b"\nweb: ", b": ", b"www", b"\n"),
        10_000,
    ),
    Target(
        "pip.conf",
        _read_pip,
        (GrockerError,),
        lambda: [
            b"[global]\nindex-url = https://user:secret@example.com/simple\nextra-index-url =\n  https://example.org/\n"
        ],
        (b"[install]\n", b"trusted-host = ", b"cert = ", b"\n ", b"%(a)s"),
        1_450,
    ),
    Target(
        "names-of-images",
        _read_names,
        (GrockerError,),
        lambda: [b"registry.example.com:5000/team/polls:1.0", b"polls@sha256:" + b"0a" * 32, b"linux/arm/v7"],
        (b"docker.io/", b"index.docker.io/", b"localhost/", b"[::1]", b"__", b"library/"),
        10_000,
    ),
)
