from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import DeniedError, GrockerError, MissingError, SettingsError, UnavailableError
from grocker.python import Pin, Target, find_uv, resolve, resolve_locked, wanted
from grocker.python.project import read_project
from grocker.python.resolution import read_pylock
from tests.support.wheels import Index, make_sdist, make_wheel, serve

TARGET = Target("3.13", "amd64", (2, 41))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


def pins(index: Index, tmp_path: Path, *requirements: str, target: Target = TARGET, **more: str) -> tuple[Pin, ...]:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    uv = find_uv(index.environ(**more), cache=tmp_path / "uv")
    return resolve(requirements, target, uv, workspace=work)


def test_resolve_pins_file_with_size_and_digest_when_index_has_it(index: Index, tmp_path: Path) -> None:
    import hashlib

    make_wheel(index.directory, "app", requires=["dep>=1", 'win; sys_platform == "win32"'])
    dep = make_wheel(index.directory, "dep", "1.5")
    make_wheel(index.directory, "dep", "0.9")
    app, found = pins(index, tmp_path, "app")
    assert (app.name, app.version, app.file) == ("app", "1.0", "app-1.0-py3-none-any.whl")
    assert (found.name, found.version) == ("dep", "1.5")
    assert found.sha256 == "sha256:" + hashlib.sha256(dep.read_bytes()).hexdigest()
    assert found.size == dep.stat().st_size
    assert found.url.endswith("/files/dep-1.5-py3-none-any.whl")


@pytest.mark.parametrize(
    ("target", "file"),
    [
        (Target("3.13", "amd64", (2, 41)), "ext-1.0-cp313-cp313-manylinux_2_28_x86_64.whl"),
        (Target("3.13", "amd64", (2, 17)), "ext-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        (Target("3.13", "arm64", (2, 41)), "ext-1.0-cp313-cp313-manylinux_2_28_aarch64.whl"),
        (Target("3.11", "amd64", (2, 36)), "ext-1.0-cp310-abi3-manylinux_2_28_x86_64.whl"),
    ],
)
def test_resolve_chooses_file_for_the_target_and_not_the_host(
    index: Index, tmp_path: Path, target: Target, file: str
) -> None:
    for tag in (
        "cp313-cp313-manylinux_2_28_x86_64",
        "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp313-cp313-manylinux_2_28_aarch64",
        "cp313-cp313-musllinux_1_2_x86_64",
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp310-abi3-manylinux_2_28_x86_64",
        "cp313-cp313-macosx_11_0_arm64",
        "cp313-cp313-win_amd64",
    ):
        make_wheel(index.directory, "ext", tag=tag)
    assert [pin.file for pin in pins(index, tmp_path, "ext", target=target)] == [file]


def test_resolve_says_package_platform_and_choices_when_there_is_only_an_sdist(index: Index, tmp_path: Path) -> None:
    make_sdist(index.directory, "compiled", "2.0")
    with pytest.raises(MissingError) as caught:
        pins(index, tmp_path, "compiled==2.0")
    assert "compiled" in caught.value.message
    assert "no wheel for Python 3.13 on amd64 (glibc 2.41)" in caught.value.message
    assert "--wheel-dir wheels compiled==2.0, and find-links" in str(caught.value.hint)


def test_resolve_refuses_when_only_other_platforms_have_wheels(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "ext", tag="cp313-cp313-win_amd64")
    with pytest.raises(MissingError, match=r"^ext 1\.0: no wheel for Python 3\.13 on arm64"):
        pins(index, tmp_path, "ext", target=Target("3.13", "arm64"))


def test_resolve_says_which_package_is_unknown(index: Index, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no package nosuch") as caught:
        pins(index, tmp_path, "nosuch")
    assert "UV_INDEX" in str(caught.value.hint)


def test_resolve_says_which_version_is_missing(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "dep", "1.0")
    with pytest.raises(MissingError, match="dep==7"):
        pins(index, tmp_path, "dep==7")


def test_resolve_explains_when_requirements_contradict(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "app", requires=["dep<2"])
    make_wheel(index.directory, "dep", "1.0")
    make_wheel(index.directory, "dep", "2.0")
    with pytest.raises(SettingsError, match="app") as caught:
        pins(index, tmp_path, "app", "dep>=2")
    assert caught.value.status == 78


def test_resolve_is_unavailable_and_hides_credentials_when_index_is_unreachable(index: Index, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        pins(index, tmp_path, "dep", UV_DEFAULT_INDEX="http://joe:hunter2@127.0.0.1:9/simple")
    assert "127.0.0.1:9" in caught.value.message
    assert "hunter2" not in caught.value.message + str(caught.value.hint)


@pytest.mark.parametrize(("status", "exit_status"), [(401, 77), (403, 77), (429, 75), (500, 69), (503, 69)])
def test_resolve_tells_by_status_when_index_refuses(
    index: Index, tmp_path: Path, status: int, exit_status: int
) -> None:
    index.fail = status
    with pytest.raises(GrockerError) as caught:
        pins(index, tmp_path, "dep")
    assert caught.value.status == exit_status


def test_resolve_gives_credentials_of_pip_configuration(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "dep")
    index.password = "hunter2"
    conf = tmp_path / "pip.conf"
    conf.write_text(f"[global]\nindex-url = {index.url.replace('://', '://user:hunter2@')}\n")
    work = tmp_path / "w"
    work.mkdir()
    uv = find_uv({"HOME": "/nonexistent", "PIP_CONFIG_FILE": str(conf), "UV_HTTP_RETRIES": "0"}, cache=tmp_path / "uv")
    (pin,) = resolve(["dep"], TARGET, uv, workspace=work)
    assert "hunter2" not in pin.url
    assert uv.address(pin.url) == pin.url.replace("://", "://user:hunter2@")
    with pytest.raises(DeniedError) as caught:
        pins(index, tmp_path, "dep")
    assert "hunter2" not in caught.value.message


def test_resolve_asks_the_index_of_the_project_before_that_of_pip(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "dep")
    (tmp_path / "pyproject.toml").write_text(f'[[tool.uv.index]]\nurl = "{index.url}"\ndefault = true\n')
    environ = {"HOME": "/nonexistent", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    uv = find_uv({**environ, "PIP_CONFIG_FILE": "/dev/null"}, cache=tmp_path / "uv")
    (tmp_path / "w").mkdir()
    (pin,) = resolve(["dep"], TARGET, uv, workspace=tmp_path / "w", directory=tmp_path)
    assert pin.name == "dep"


@pytest.mark.parametrize(
    "requirement",
    [
        "dep @ git+https://example.invalid/dep.git",
        "dep @ file:///nowhere",
        "dep @ https://example.invalid/dep-1.tar.gz",
    ],
)
def test_resolve_refuses_address_that_is_no_wheel(index: Index, tmp_path: Path, requirement: str) -> None:
    with pytest.raises(SettingsError, match="only wheels can be installed"):
        pins(index, tmp_path, requirement)


def test_resolve_takes_wheel_by_address(index: Index, tmp_path: Path) -> None:
    wheel = make_wheel(index.directory, "dep")
    address = index.url.replace("/simple", f"/files/{wheel.name}")
    (pin,) = pins(index, tmp_path, f"dep @ {address}")
    assert (pin.name, pin.version, pin.url) == ("dep", "1.0", address)


def test_resolve_refuses_malformed_requirement(index: Index, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'dep ==' is no requirement"):
        pins(index, tmp_path, "dep ==")


def test_wanted_keeps_what_holds_for_target_and_extras() -> None:
    requirements = (
        "always>=1",
        'windows; sys_platform == "win32"',
        'arm; platform_machine == "aarch64"',
        'old; python_version < "3.13"',
        'postgres[binary]; extra == "db"',
        'dev; extra == "dev"',
    )
    assert wanted("app", requirements, ["DB"], TARGET) == ("always>=1", "postgres[binary]")
    assert wanted("app", requirements, [], Target("3.12", "arm64")) == ("always>=1", "arm", "old")


def test_wanted_takes_the_extras_that_an_extra_names_of_its_own_project() -> None:
    requirements = (
        'six; extra == "one"',
        'attrs; extra == "two"',
        'App_X[one]; extra == "most"',
        'app.x[most, two]; extra == "all"',
        'app-x[all]; extra == "all"',
    )
    assert wanted("app-x", requirements, ["all"], TARGET) == ("attrs", "six")
    assert wanted("app-x", requirements, ["most"], TARGET) == ("six",)


def test_wanted_refuses_a_marker_that_compares_what_cannot_be_compared() -> None:
    with pytest.raises(SettingsError, match="cannot be compared"):
        wanted("app", ['six; sys_platform ~= "linux"'], [], TARGET)


PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "ext"
version = "1.0"
{marker}
{source}
"""


@pytest.mark.parametrize(
    ("marker", "source", "words"),
    [
        ("", 'vcs = { type = "git", url = "https://example.invalid/x.git" }', "comes from a repository"),
        ("", 'directory = { path = "../ext" }', "comes from a directory"),
        ("", 'archive = { url = "https://example.invalid/ext-1.0.tar.gz" }', "comes from an archive"),
        (
            "",
            'wheels = [{ url = "https://example.invalid/ext-1.0-cp313-cp313-win_amd64.whl" }]',
            "ext 1.0: no wheel for",
        ),
        ("", 'wheels = [{ url = "https://example.invalid/ext-1.0-py3-none-any.whl" }]', "no sha256"),
        ('marker = "what"', "", "pylock.toml: ext"),
    ],
)
def test_pylock_is_refused_when_source_is_no_wheel(marker: str, source: str, words: str) -> None:
    with pytest.raises(GrockerError) as caught:
        read_pylock(PYLOCK.format(marker=marker, source=source).encode(), TARGET)
    assert words in caught.value.message


def test_pylock_package_is_left_out_when_marker_is_for_another_platform() -> None:
    text = PYLOCK.format(marker="marker = \"sys_platform == 'win32'\"", source="")
    assert read_pylock(text.encode(), TARGET) == ()


UV_LOCK = """version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "app"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "dep" }}]

[package.metadata]
requires-dist = [{{ name = "dep" }}]

[[package]]
name = "dep"
version = "1.0"
source = {{ registry = "{url}" }}
wheels = [{{ url = "{files}/dep-1.0-py3-none-any.whl", hash = "sha256:{hash}", size = {size} }}]
"""


def locked_project(index: Index, tmp_path: Path, dependencies: str = '["dep"]', python: str = ">=3.11") -> Path:
    import hashlib

    wheel = make_wheel(index.directory, "dep", "1.0")
    make_wheel(index.directory, "dep", "2.0")
    make_wheel(index.directory, "server", "3.0", requires=["dep"])
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1.0"\nrequires-python = "{python}"\ndependencies = {dependencies}\n'
    )
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    files = index.url.replace("/simple", "/files")
    lock = UV_LOCK.format(url=index.url, files=files, hash=digest, size=wheel.stat().st_size)
    (directory / "uv.lock").write_text(lock.replace(">=3.11", python))
    return directory


@pytest.mark.parametrize("python", [">=3.11", ">=3.99"])
def test_resolve_locked_takes_the_lock_pins_and_additions_follow_them(
    index: Index, tmp_path: Path, python: str
) -> None:
    project = read_project(locked_project(index, tmp_path, python=python))
    before = sorted(path.name for path in project.directory.iterdir())
    work = tmp_path / "work"
    work.mkdir()
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    found = resolve_locked(project, TARGET, uv, workspace=work, additions=["server"])
    assert [(pin.name, pin.version) for pin in found] == [("dep", "1.0"), ("server", "3.0")]
    assert sorted(path.name for path in project.directory.iterdir()) == before


@pytest.mark.parametrize("python", [">=3.11", ">=3.99"])
def test_resolve_locked_refuses_stale_lock(index: Index, tmp_path: Path, python: str) -> None:
    project = read_project(locked_project(index, tmp_path, '["dep>=2"]', python))
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    with pytest.raises(SettingsError, match="stale") as caught:
        resolve_locked(project, TARGET, uv, workspace=tmp_path)
    assert caught.value.hint == "run: uv lock"
