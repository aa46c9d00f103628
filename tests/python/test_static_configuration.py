"""Which configurations of a back end are known to be static, and which files it copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.digest import of
from grocker.lock.values import BuildRequirement
from grocker.python import WheelTemplate, find_template, read_project, read_tree
from grocker.python.pure_wheel import write_pure_wheel
from tests.support.back_ends import BACK_ENDS
from tests.support.wheels import Files, make_wheel

PROJECT = '[project]\nname = "shop"\nversion = "1.0"\n'
CODE = {"shop/__init__.py": '"""A shop."""\n__version__ = "1.0"\n', "shop/a.py": "x = 1\n", "shop/b.py": "x = 2\n"}


def template(
    place: Path,
    name: str,
    pyproject: str = PROJECT,
    files: Mapping[str, str] | None = None,
    *,
    pins: Mapping[str, str] | None = None,
    wheel: Files | None = None,
) -> WheelTemplate | None:
    """The template of a project with the code and ``files``; ``pins``: others; ``wheel``: what else is in the wheel."""
    root = place / "shop"
    back_end = BACK_ENDS[name]
    content = {"pyproject.toml": back_end.system() + pyproject, **CODE, **(files or {})}
    for path, text in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    more = tuple(BuildRequirement(*pin) for pin in (pins or {}).items())
    made = make_wheel(place / "made", "shop", files={**CODE, **(wheel or {})})
    pure = write_pure_wheel(made, place)
    assert pure is not None
    tree = read_tree(root, now=4 * 10**18)
    return find_template(read_project(root), tree, (*back_end.pins(), *more), pure, of(pure.read_bytes()))


@pytest.mark.parametrize("name", BACK_ENDS)
def test_every_module_is_a_copy_when_the_configuration_is_static(tmp_path: Path, name: str) -> None:
    found = template(tmp_path, name)
    assert found is not None
    assert found.members == {path: path for path in CODE}
    assert found.record == "shop-1.0.dist-info/RECORD"


DYNAMIC = '[project]\nname = "shop"\ndynamic = ["version"]\n'


@pytest.mark.parametrize(
    ("name", "pyproject", "files"),
    [
        ("setuptools", PROJECT, {"setup.py": ""}),
        ("setuptools", PROJECT, {"setup.cfg": "[flake8]\nx = 1\n [bdist_wheel]\npython_tag = cp3\n"}),
        ("setuptools", "", {"setup.cfg": "[metadata]\nname = shop\n"}),
        ("setuptools", PROJECT + '[tool.distutils.build_py]\ncompile = "1"\n', {}),
        ("setuptools", PROJECT + '[tool.setuptools.cmdclass]\nbuild_py = "shop.a.Build"\n', {}),
        ("setuptools", PROJECT + '[tool.setuptools.package-dir]\nshop = "lib"\n', {}),
        ("setuptools", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "shop.a.x.y"}\n', {}),
        ("setuptools", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "x"}\n', {}),
        (
            "setuptools",
            DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "shop.c.v"}\n',
            {"shop/c.py": "v = str(1)"},
        ),
        (
            "setuptools",
            DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "shop.c.v"}\n',
            {"shop/c.py": "import v"},
        ),
        ("setuptools", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {file = "shop/*.txt"}\n', {}),
        ("hatchling", PROJECT, {"hatch.toml": ""}),
        ("hatchling", PROJECT + '[tool.hatch.build.hooks.custom]\npath = "a"\n', {}),
        ("hatchling", PROJECT + "[tool.hatch.metadata.hooks.custom]\n", {}),
        ("hatchling", PROJECT + '[tool.hatch.build.targets.wheel.hooks.version]\npath = "a"\n', {}),
        ("hatchling", PROJECT + '[tool.hatch.build.targets.wheel.force-include]\n"a" = "b"\n', {}),
        ("hatchling", PROJECT + '[tool.hatch.build.targets.wheel.sources]\n"a" = "b"\n', {}),
        ("hatchling", DYNAMIC + '[tool.hatch.version]\nsource = "code"\npath = "shop/a.py"\n', {}),
        ("hatchling", DYNAMIC + '[tool.hatch.version]\nsource = "vcs"\n', {}),
        ("hatchling", DYNAMIC + "[tool.hatch.version]\n", {}),
        (
            "flit",
            '[project]\nname = "shop"\ndynamic = ["version", "description"]\n',
            {"shop/version.py": "__version__ = '2'"},
        ),
        ("flit", '[project]\nname = "shop"\ndynamic = ["version"]\n', {"src/shop/__init__.py": ""}),
        ("flit", PROJECT + '[tool.flit.external-data]\ndirectory = "data"\n', {}),
        ("poetry", PROJECT + '[tool.poetry.build]\nscript = "a.py"\n', {}),
        ("poetry", PROJECT + '[[tool.poetry.packages]]\ninclude = "shop"\nto = "other"\n', {}),
        ("pdm", PROJECT, {"pdm_build.py": ""}),
        ("pdm", PROJECT + '[tool.pdm.build]\ncustom-hook = "a.py"\n', {}),
        ("pdm", DYNAMIC + '[tool.pdm.version]\nsource = "scm"\n', {}),
        ("pdm", DYNAMIC + '[tool.pdm.version]\nsource = "call"\ngetter = "shop:f"\n', {}),
        ("uv", PROJECT + '[tool.uv.build-backend.data]\nscripts = "bin"\n', {}),
    ],
)
def test_configuration_is_dynamic_when_code_or_names_may_change_the_wheel(
    tmp_path: Path, name: str, pyproject: str, files: Mapping[str, str]
) -> None:
    assert template(tmp_path, name, pyproject, files) is None


@pytest.mark.parametrize("plug_in", ["setuptools-scm", "hatch-vcs", "unknown"])
@pytest.mark.parametrize("name", BACK_ENDS)
def test_configuration_is_dynamic_when_a_plug_in_is_installed(tmp_path: Path, name: str, plug_in: str) -> None:
    assert template(tmp_path, name, pins={plug_in: "1.0"}) is None


def test_configuration_is_dynamic_when_the_back_end_is_in_the_project(tmp_path: Path) -> None:
    assert template(tmp_path, "flit", 'backend-path = ["."]\n' + PROJECT) is None
    assert template(tmp_path / "other", "flit", f"{PROJECT}[tool.x]\n", {"pyproject.toml": PROJECT}) is None


@pytest.mark.parametrize(
    ("name", "pyproject", "read"),
    [
        ("setuptools", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "shop.__version__"}\n', {"__init__"}),
        ("setuptools", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {file = ["./shop/a.py"]}\n', {"a"}),
        ("setuptools", DYNAMIC + "[tool.setuptools.dynamic.optional-dependencies]\nb = {file = 'shop/b.py'}\n", {"b"}),
        ("hatchling", DYNAMIC + '[tool.hatch.version]\npath = "shop/a.py"\n', {"a"}),
        ("flit", '[project]\nname = "shop"\ndynamic = ["version", "description"]\n', {"__init__"}),
        ("pdm", DYNAMIC + '[tool.pdm.version]\nsource = "file"\npath = "shop/b.py"\n', {"b"}),
        ("uv", PROJECT + 'readme = "shop/a.py"\n', {"a"}),
        ("poetry", PROJECT + 'license = {file = "shop/b.py"}\n', {"b"}),
    ],
)
def test_file_is_no_copy_when_metadata_are_read_from_it(
    tmp_path: Path, name: str, pyproject: str, read: set[str]
) -> None:
    found = template(tmp_path, name, pyproject)
    assert found is not None
    assert {*CODE} - {*found.members} == {f"shop/{one}.py" for one in read}


@pytest.mark.parametrize(
    "wheel",
    [
        {"shop/_version.py": "version = 1\n"},
        {"shop/__pycache__/a.cpython-311.pyc": "x"},
        {"other/a.py": "x = 3\n"},
        {"shop-1.0.data/scripts/a": "x = 1\n"},
        {"shop/copy.py": "x = 1\n"},
    ],
)
def test_configuration_is_dynamic_when_a_member_is_no_file_of_the_project(tmp_path: Path, wheel: Files) -> None:
    assert template(tmp_path, "flit", wheel=wheel) is None


def test_file_is_no_copy_when_it_may_be_two_members_or_one_of_two(tmp_path: Path) -> None:
    files = {"lib/shop/a.py": CODE["shop/a.py"], "lib/shop/b.py": "other\n", "shop/LICENSE": "MIT", "shop/.x": "1"}
    wheel = {"shop/LICENSE": "MIT", "shop-1.0.dist-info/licenses/LICENSE": "MIT", "shop/.x": "1"}
    found = template(tmp_path, "flit", files=files, wheel=wheel)
    assert found is not None
    assert found.members == {name: name for name in ("shop/__init__.py", "shop/b.py")}
