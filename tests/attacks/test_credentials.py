"""A foreign project and the caller's secrets: no address that the project chose, and no code of its own, gets one."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from grocker.digest import of
from grocker.errors import GrockerError, SettingsError
from grocker.lock.values import PythonFile
from grocker.python import (
    WheelTarget,
    build_wheel,
    find_sdist,
    find_uv,
    read_project,
    read_tree,
    resolve,
    resolve_build,
)
from grocker.python.credentials import foreign_credentials, public_environment, refuse_expansion
from grocker.store import Store
from tests.support.wheels import make_project, make_source, make_wheel, serve

pytestmark = pytest.mark.slow

SECRET = "hunter2"
ENCODED = base64.b64encode(f"me:{SECRET}".encode()).decode()
NAMED = {"UV_INDEX_CORP_USERNAME": "me", "UV_INDEX_CORP_PASSWORD": SECRET}
TARGET = WheelTarget("3.13", "amd64", (2, 41))


@contextmanager
def listener(*, wants: bool = True) -> Iterator[tuple[str, list[str]]]:
    """An address, and what was presented to it as credentials."""
    presented: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            presented.append(self.headers.get("Authorization", ""))
            self.send_response(401 if wants else 404)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple", presented
        server.shutdown()
        thread.join()


def ask(project: Path, work: Path, **environ: str) -> GrockerError:
    """What comes of resolving for a project, whose index refuses everybody."""
    work.mkdir(exist_ok=True)
    uv = find_uv({"HOME": str(work), "UV_HTTP_RETRIES": "0", **NAMED, **environ}, cache=work / "uv")
    with pytest.raises(GrockerError) as caught:
        resolve(["anything"], TARGET, uv, workspace=work, directory=project)
    return caught.value


def in_pyproject(address: str, name: str = "corp") -> dict[str, str]:
    return {"pyproject.toml": f'[[tool.uv.index]]\nname = "{name}"\nurl = "{address}"\n'}


def as_default(address: str) -> dict[str, str]:
    return {"pyproject.toml": f'[[tool.uv.index]]\nname = "corp"\nurl = "{address}"\ndefault = true\n'}


def in_uv_toml(address: str) -> dict[str, str]:
    return {"uv.toml": f'[[index]]\nname = "corp"\nurl = "{address}"\n'}


def above(address: str) -> dict[str, str]:
    return {"../uv.toml": f'[[index]]\nname = "corp"\nurl = "{address}"\n'}


def in_another_case(address: str) -> dict[str, str]:
    return in_pyproject(address, "Corp")


def after_another_name(address: str) -> dict[str, str]:
    return {
        "pyproject.toml": f'tool.uv.index = [{{name = "a", url = "{address}"}}, {{url = "{address}", name = "corp"}}]'
    }


@pytest.mark.parametrize("form", [in_pyproject, as_default, in_uv_toml, above, in_another_case, after_another_name])
@pytest.mark.parametrize("caller", ["names no index", "names another address"])
def test_credentials_by_name_go_to_no_address_that_the_project_chose(tmp_path: Path, form, caller: str) -> None:  # type: ignore[no-untyped-def]
    project = tmp_path / "checkout" / "project"
    project.mkdir(parents=True)
    with listener() as (foreign, presented), listener(wants=False) as (own, _):
        for name, text in form(foreign).items():
            (project / name).write_text(text)
        environ = {"UV_DEFAULT_INDEX": own}
        if caller == "names another address":
            home = tmp_path / "work" / ".config" / "uv"
            home.mkdir(parents=True)
            (home / "uv.toml").write_text(f'[[index]]\nname = "corp"\nurl = "{own}/team"\n')
        error = ask(project, tmp_path / "work", **environ)
        assert presented or form is as_default  # the caller's own default has precedence
        assert not any(presented)
        if error.status == 77:
            assert f"export UV_INDEX={'Corp' if form is in_another_case else 'corp'}={foreign}" in (error.hint or "")


def test_credentials_by_name_go_to_the_address_that_the_caller_named_too(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    with listener() as (address, presented):
        (project / "pyproject.toml").write_text(in_pyproject(address)["pyproject.toml"])
        ask(project, tmp_path / "work", UV_INDEX=f"corp={address}/", UV_DEFAULT_INDEX=address)
        assert f"Basic {ENCODED}" in presented


def test_nothing_is_withheld_when_the_caller_says_which_configuration_counts(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text(in_uv_toml("http://127.0.0.1:1/simple")["uv.toml"])
    assert len(foreign_credentials(tmp_path, NAMED, tmp_path)) == 1
    assert foreign_credentials(tmp_path, {**NAMED, "UV_NO_CONFIG": "1"}, tmp_path) == {}
    assert foreign_credentials(tmp_path, {"UV_INDEX_OTHER_PASSWORD": "x"}, tmp_path) == {}


def test_environment_of_foreign_code_has_no_secret() -> None:
    secret = {
        **NAMED,
        "UV_DEFAULT_INDEX": f"https://me:{SECRET}@example.com/simple",
        "UV_INDEX": f"a=https://me:{SECRET}@example.com/a b=https://{SECRET}@example.com/b",
        "UV_PUBLISH_TOKEN": SECRET,
        "UV_GITHUB_TOKEN": SECRET,
        "PIP_INDEX_URL": f"https://me:{SECRET}@example.com/simple",
        "HTTPS_PROXY": f"http://me:{SECRET}@example.com:3128",
        "UV_FIND_LINKS": f"https://me:{SECRET}/x@example.com/",
        "PATH": "/bin",
    }
    public = public_environment(secret)
    assert SECRET not in str(public)
    assert (public["PATH"], public["UV_DEFAULT_INDEX"]) == ("/bin", "https://example.com/simple")
    assert public_environment({"PATH": "/bin", "UV_OFFLINE": "1"}) == {"PATH": "/bin", "UV_OFFLINE": "1"}


SPY = (
    "here = os.getpid(); seen = [];\n"
    "    while here > 1:\n"
    "        try: seen.append(open(f'/proc/{here}/environ', 'rb').read())\n"
    "        except OSError: pass\n"
    "        try: here = int(open(f'/proc/{here}/stat').read().rpartition(')')[2].split()[1])\n"
    "        except OSError: break\n"
    "    pathlib.Path('demo/seen.bin').write_bytes(b''.join(seen))"
)
"""What a back end finds in the environments of the processes above it."""

PROGRAM = """
import sys
from pathlib import Path
from grocker.context import Context
from grocker.progress import Silent
from grocker.python import SdistBuilder, build_wheel, find_uv, read_project, read_tree, resolve_build
from grocker.store import Store
from grocker.web import Transport
import os
place, environ = Path(sys.argv[1]), {name: os.environ[name] for name in os.environ}
uv = find_uv(environ, cache=place / "uv")
project = read_project(place / "project")
tree = read_tree(place / "project", now=4 * 10**18)
(place / "work").mkdir()
with Store.open(place / "store") as store, Transport(environ=environ) as transport:
    context = Context(store, transport, Silent(), environ, 4e9)
    builder = SdistBuilder(context, uv, "here", place / "project", is_pure=True)
    about = {"store": store, "epoch": 315532800, "builder": lambda: builder}
    pins = ()
    if project.build_requires:
        (place / "pins").mkdir()
        named = {"workspace": place / "pins", "directory": place / "project", "builder": lambda: builder}
        pins = resolve_build(project.build_requires, uv, **named)
    print(build_wheel(project, tree, uv, workspace=place / "work", pins=pins, **about))
"""


def build(place: Path, environ: Mapping[str, str], program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    """Build the project in a process that has ``environ``, and whose root may not trace what is not its own."""
    drop = ["setpriv", "--bounding-set=-sys_ptrace,-sys_admin,-perfmon"] if os.geteuid() == 0 else []
    whole = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(place), **environ}
    arguments = [*drop, sys.executable, "-c", program, str(place)]
    return subprocess.run(arguments, env=whole, capture_output=True, text=True, check=False)


def sdist(place: Path, directory: Path, extra: str) -> None:
    """An sdist of ``late`` that runs ``extra`` when it is built."""
    made = make_project(
        place / "late-1.0", {"PKG-INFO": "Metadata-Version: 2.1\nName: late\nVersion: 1.0\n"}, name="late", extra=extra
    )
    with tarfile.open(directory / "late-1.0.tar.gz", "w:gz") as archive:
        archive.add(made, "late-1.0")


def late(project: Path) -> None:
    with (project / "backend.py").open("a") as stream:
        stream.write("\ndef get_requires_for_build_wheel(config_settings=None):\n    return ['late>=1']\n")


@pytest.mark.parametrize("more", ["nothing", "a requirement", "a requirement that is built"])
def test_back_end_finds_no_secret_in_a_process_above_it(tmp_path: Path, more: str) -> None:
    project = make_project(tmp_path / "project", extra=SPY)
    with serve(tmp_path / "index") as index:
        index.password = SECRET
        address = index.url.replace("://", f"://user:{SECRET}@")
        environ = {"UV_DEFAULT_INDEX": address, "UV_HTTP_RETRIES": "0", **NAMED}
        if more != "nothing":
            late(project)
            if more == "a requirement":
                make_wheel(index.directory, "late", files={"late.py": ""})
            else:
                sdist(tmp_path, index.directory, "pass")
        done = build(tmp_path, environ)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(done.stdout.strip()) as wheel:
        seen = wheel.read("demo/seen.bin")
    assert b"HOME=" in seen
    assert SECRET.encode() not in seen


def test_requirement_that_is_built_sees_no_secret_while_it_is_built(tmp_path: Path) -> None:
    """An sdist among the build requirements runs its back end below uv."""
    project = make_project(tmp_path / "project")
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("requires = []", 'requires = ["late"]'))
    with serve(tmp_path / "index") as index:
        sdist(tmp_path, index.directory, SPY.replace("demo/", "late/"))
        index.password = SECRET
        address = index.url.replace("://", f"://user:{SECRET}@")
        done = build(tmp_path, {"UV_DEFAULT_INDEX": address, "UV_HTTP_RETRIES": "0", **NAMED})
    assert done.returncode == 0, done.stderr
    [seen] = (tmp_path / "store").glob("**/site-packages/late/seen.bin")
    assert b"HOME=" in seen.read_bytes()
    assert SECRET.encode() not in seen.read_bytes()


@pytest.mark.parametrize(
    "text", ["late @ file:///etc/passwd", "late\n--index-url http://127.0.0.1:1", "-r /etc/passwd"]
)
def test_back_end_asks_for_requirements_and_nothing_else(tmp_path: Path, text: str) -> None:
    project = make_project(tmp_path / "project")
    with (project / "backend.py").open("a") as stream:
        stream.write(f"\ndef get_requires_for_build_wheel(config_settings=None):\n    return [{text!r}]\n")
    (tmp_path / "work").mkdir()
    uv = find_uv({"HOME": "/nonexistent", "UV_OFFLINE": "1"}, cache=tmp_path / "uv")
    with Store.open(tmp_path / "store") as store, pytest.raises(GrockerError) as caught:
        tree = read_tree(project, now=4 * 10**18)
        build_wheel(read_project(project), tree, uv, workspace=tmp_path / "work", epoch=315532800, store=store)
    assert caught.value.status in (65, 66, 78)


def test_address_that_a_back_end_asks_for_is_not_fetched(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    with serve(tmp_path / "index") as index, Store.open(tmp_path / "store") as store:
        asked = f"late @ {index.url}/what-it-read.whl"
        with (project / "backend.py").open("a") as stream:
            stream.write(f"\ndef get_requires_for_build_wheel(config_settings=None):\n    return [{asked!r}]\n")
        (tmp_path / "work").mkdir()
        tree, uv = read_tree(project, now=4 * 10**18), find_uv(index.environ(), cache=tmp_path / "uv")
        with pytest.raises(SettingsError, match="is not a pinned package"):
            build_wheel(read_project(project), tree, uv, workspace=tmp_path / "work", epoch=315532800, store=store)
        assert not [one for one in index.requests if "what-it-read" in one]


RESOLVE = """
import os, sys
from pathlib import Path
from grocker.context import Context
from grocker.progress import Silent
from grocker.python import SdistBuilder, WheelTarget, find_uv, resolve
from grocker.store import Store
from grocker.web import Transport
place = Path(sys.argv[1])
uv = find_uv(dict(os.environ), cache=place / "uv")
with Store.open(place / "store") as store, Transport(environ=os.environ) as transport, store.scratch() as scratch:
    builder = SdistBuilder(Context(store, transport, Silent(), os.environ, 4e9), uv, "here", place / "project")
    [pin] = resolve(["demo"], WheelTarget("3.13"), uv, workspace=scratch, directory=place / "project", builder=builder)
    print(pin.url)
"""

HOMES = (
    "pathlib.Path('demo/home.txt').write_text(repr([dict(os.environ), os.path.expanduser('~'), "
    "[open(os.path.expanduser(f)).read() for f in ('~/.netrc', '~/.config/pip/pip.conf', '~/.config/uv/uv.toml') "
    "if os.path.exists(os.path.expanduser(f))]]))"
)


def test_sdist_of_a_dependency_sees_no_secret_of_the_caller_while_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    with serve(tmp_path / "index") as index:
        index.password = SECRET
        address = index.url.replace("://", f"://user:{SECRET}@")
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
        for name in ("pip/pip.conf", "uv/uv.toml"):
            path = tmp_path / ".config" / name
            path.parent.mkdir(parents=True)
            path.write_text(f"# {SECRET}\n")
        make_source(index.directory, "demo", extra=f"{SPY}\n    {HOMES}")
        (tmp_path / "project" / "pyproject.toml").write_text(f'[[tool.uv.index]]\nname = "corp"\nurl = "{index.url}"\n')
        environ = {"UV_DEFAULT_INDEX": address, "UV_HTTP_RETRIES": "0", "AWS_SECRET_ACCESS_KEY": SECRET, **NAMED}
        done = build(tmp_path, environ, RESOLVE)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    with zipfile.ZipFile(done.stdout.strip().removeprefix("file://")) as wheel:
        for name in ("demo/seen.bin", "demo/home.txt"):
            seen = wheel.read(name)
            assert b"HOME" in seen
            assert SECRET.encode() not in seen


def test_uv_runs_nothing_of_an_sdist_when_it_is_asked_for_its_address(tmp_path: Path) -> None:
    """Not its back end, whatever its metadata lack: uv has the credentials."""
    mark = tmp_path / "ran"
    with serve(tmp_path / "index") as index:
        make_source(index.directory, "late", extra=f"open({str(mark)!r}, 'w')")
        with tarfile.open(index.directory / "old-1.0.tar.gz", "w:gz") as archive:
            data = f"open({str(mark)!r}, 'w')\nfrom setuptools import setup; setup(name='old', version='1.0')".encode()
            about = tarfile.TarInfo("old-1.0/setup.py")
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
        uv = find_uv(index.environ(), cache=tmp_path / "uv")
        for name in ("late", "old"):
            work = tmp_path / name
            work.mkdir()
            file = PythonFile(name, "1.0", f"{name}-1.0-py3-none-any.whl", "sdist", 1, of(b""))
            assert find_sdist(file, TARGET, uv, workspace=work).version == "1.0"
    assert not mark.exists()


EXPANSIONS = (
    "x @ ADDRESS/${UV_INDEX_CORP_PASSWORD}/x-1.0-py3-none-any.whl",
    "x @ ADDRESS/x-1.0-py3-none-any.whl?${UV_INDEX_CORP_USERNAME}",
    "x @ ADDRESS/${UV_DEFAULT_INDEX}/x-1.0-py3-none-any.whl",
)


@pytest.mark.parametrize("text", EXPANSIONS)
@pytest.mark.parametrize("what", ["dependencies", "constraints", "build requirements"])
def test_requirement_sends_no_secret_by_its_address(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "work").mkdir()
    with listener(wants=False) as (address, presented):
        environ = {"HOME": "/nonexistent", "UV_DEFAULT_INDEX": address.replace("://", f"://me:{SECRET}@"), **NAMED}
        uv = find_uv(environ, cache=tmp_path / "uv")
        text = text.replace("ADDRESS", address)
        with pytest.raises(GrockerError, match="one of your secrets") as caught:
            if what == "dependencies":
                resolve([text], TARGET, uv, workspace=tmp_path / "work")
            elif what == "constraints":
                resolve(["y"], TARGET, uv, workspace=tmp_path / "work", constraints=[text])
            else:
                resolve_build([text], uv, workspace=tmp_path / "work")
    assert presented == []
    assert SECRET not in caught.value.message


def test_requirement_files_send_no_secret_either() -> None:
    environ = {**NAMED, "HOME": "/home/me"}
    with pytest.raises(GrockerError, match="UV_INDEX_CORP_PASSWORD"):
        refuse_expansion(["a\n--index-url https://${UV_INDEX_CORP_PASSWORD}@example.com"], environ, what="it")
    refuse_expansion(["--index-url https://${OTHER}:${HOME}@example.com"], environ, what="it")
