"""Requirements become pinned wheel files, by uv, for a target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import DeniedError, GrockerError, MissingError, SettingsError, UnavailableError
from grocker.python import Pin, WheelTarget, find_uv, resolution, resolve
from grocker.python.requirement_files import parse_requirement_files, read_requirement_files
from tests.support.wheels import Index, make_sdist, make_wheel, serve

pytestmark = pytest.mark.slow

TARGET = WheelTarget("3.13", "amd64", (2, 41))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


def pins(
    index: Index, tmp_path: Path, *requirements: str, target: WheelTarget = TARGET, **more: str
) -> tuple[Pin, ...]:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    uv = find_uv(index.environ(**more), cache=tmp_path / "uv")
    return resolve(requirements, target, uv, workspace=work)


@pytest.mark.parametrize(
    "line",
    ["", "-e .", "app==1\n--index-url x", "app==1\r-e .", "app ; os_name == 'a\n-e .'", "app==1\ud800", "app\x0b"],
)
def test_requirement_that_would_be_another_line_for_uv_is_refused(line: str) -> None:
    with pytest.raises(SettingsError, match="not a requirement"):
        resolution.check_lines(["app==1.0 ; os_name == 'é'", "a\t>= 1", line])


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


@pytest.mark.parametrize("option", ["--extra-index-url", "--index-url", "--find-links", "[[tool.uv.index]]"])
def test_index_that_cannot_be_reached_is_an_error_that_names_the_projects_file(
    index: Index, tmp_path: Path, option: str
) -> None:
    make_wheel(index.directory, "app", "1.0")
    address = "http://me:hunter2@127.0.0.1:1/simple"
    file, project = tmp_path / "requirements.txt", tmp_path / "pyproject.toml"
    file.write_text("app\n")
    place = "requirements.txt, line 2"
    if option.startswith("["):
        project.write_text(f'{option}\nurl = "{address}"\n')
        place = "pyproject.toml [tool.uv]"
    else:
        file.write_text(f"app\n{option} {address}\n")
    listed = parse_requirement_files([file], read_requirement_files([file]), tmp_path, {})
    uv = find_uv(index.environ(UV_HTTP_RETRIES="0"), cache=tmp_path / "uv")
    (tmp_path / "work").mkdir()
    with pytest.raises(UnavailableError) as caught:
        resolve([], TARGET, uv, workspace=tmp_path / "work", directory=tmp_path, listed=listed)
    assert f"cannot reach the package index named in {place}: " in caught.value.message
    assert caught.value.hint == f"check the network, and the address in {place}"
    assert "hunter2" not in str(caught.value)


def test_host_is_told_of_an_index_of_its_own_that_cannot_be_reached(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(UnavailableError) as caught:
        resolve(["app"], TARGET, find_uv(environ, cache=tmp_path / "uv"), workspace=tmp_path)
    assert "UV_DEFAULT_INDEX" in str(caught.value.hint)


def test_resolve_asks_no_index_when_a_requirement_file_says_so(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "app", "2.0")
    (tmp_path / "links").mkdir()
    make_wheel(tmp_path / "links", "app", "1.0")
    file = tmp_path / "requirements.txt"
    file.write_text("--no-index\n--find-links links\napp\n")
    listed = parse_requirement_files([file], read_requirement_files([file]), tmp_path, {})
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    [found] = resolve([], TARGET, uv, workspace=tmp_path, listed=listed)
    assert found.version == "1.0"


@pytest.mark.parametrize(
    ("target", "file"),
    [
        (WheelTarget("3.13", "amd64", (2, 41)), "ext-1.0-cp313-cp313-manylinux_2_28_x86_64.whl"),
        (WheelTarget("3.13", "amd64", (2, 17)), "ext-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        (WheelTarget("3.13", "arm64", (2, 41)), "ext-1.0-cp313-cp313-manylinux_2_28_aarch64.whl"),
        (WheelTarget("3.11", "amd64", (2, 36)), "ext-1.0-cp310-abi3-manylinux_2_28_x86_64.whl"),
    ],
)
def test_resolve_chooses_file_for_the_target_and_not_the_host(
    index: Index, tmp_path: Path, target: WheelTarget, file: str
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


def test_resolve_says_package_platform_and_choices_when_it_cannot_build_the_sdist(index: Index, tmp_path: Path) -> None:
    make_sdist(index.directory, "compiled", "2.0")
    with pytest.raises(MissingError) as caught:
        pins(index, tmp_path, "compiled==2.0")
    assert "compiled" in caught.value.message
    assert "no wheel for Python 3.13 on amd64 (glibc 2.41)" in caught.value.message
    assert "choose a version that has one" in str(caught.value.hint)


def test_resolve_refuses_when_only_other_platforms_have_wheels(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "ext", tag="cp313-cp313-win_amd64")
    with pytest.raises(MissingError, match=r"^ext 1\.0: no wheel for Python 3\.13 on arm64"):
        pins(index, tmp_path, "ext", target=WheelTarget("3.13", "arm64"))


def test_resolve_says_which_package_is_unknown(index: Index, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="package nosuch not found") as caught:
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
    with pytest.raises(SettingsError, match="invalid requirement 'dep =='"):
        pins(index, tmp_path, "dep ==")
