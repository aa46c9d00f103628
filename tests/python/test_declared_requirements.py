"""Requirements of poetry and pipenv, as PEP 508 has them."""

from __future__ import annotations

from typing import Any

import pytest

from grocker.errors import SettingsError
from grocker.python.declared_requirements import pipfile_requirements, poetry_requirements


@pytest.mark.parametrize(
    ("said", "requirement"),
    [
        ("*", "a"),
        ("^1.2.3", "a>=1.2.3,<2"),
        ("^0.3", "a>=0.3,<0.4"),
        ("^0.0.3", "a>=0.0.3,<0.0.4"),
        ("^0", "a>=0,<1"),
        ("~1.2.3", "a>=1.2.3,<1.3"),
        ("~1", "a>=1,<2"),
        ("1.2", "a==1.2"),
        ("1.*", "a==1.*"),
        (">=1.2, <3", "a>=1.2,<3"),
        ("~=1.4", "a~=1.4"),
        ({"version": "^2", "extras": ["b", "c"]}, "a[b,c]>=2,<3"),
        ({"version": "*", "markers": "sys_platform == 'linux'"}, "a ; sys_platform == 'linux'"),
    ],
)
def test_constraint_is_what_poetry_means(said: Any, requirement: str) -> None:
    assert poetry_requirements({"dependencies": {"python": "^3.11", "a": said}}) == (requirement,)


def test_optional_dependency_is_left_out_and_each_of_several_counts() -> None:
    table = {"a": {"version": "1", "optional": True}, "b": [{"version": "1", "markers": "x"}, {"version": "2"}]}
    assert poetry_requirements({"dependencies": table}) == ("b==1 ; x", "b==2")


def test_packages_of_a_pipfile_count_and_not_those_for_development() -> None:
    document = {"packages": {"a": "*", "b": "==1.0", "c": {"version": ">1"}}, "dev-packages": {"pytest": "*"}}
    assert pipfile_requirements(document) == ("a", "b==1.0", "c>1")


@pytest.mark.parametrize(
    ("said", "requirement"),
    [
        ({"git": "https://x.invalid/a.git", "rev": "abc"}, "a @ git+https://x.invalid/a.git@abc"),
        ({"git": "git@x.invalid:me/a.git", "tag": "v1"}, "a @ git+ssh://git@x.invalid/me/a.git@v1"),
        (
            {"git": "https://x.invalid/a", "subdirectory": "py", "extras": ["b"], "markers": "x"},
            "a[b] @ git+https://x.invalid/a#subdirectory=py ; x",
        ),
        ({"path": "../a", "develop": True}, "a @ file:../a"),
        ({"url": "https://x.invalid/a-1.0.tar.gz"}, "a @ https://x.invalid/a-1.0.tar.gz"),
        (
            {"version": "1", "python": "^3.9", "platform": "linux"},
            "a==1 ; python_full_version >= '3.9' and python_full_version < '4' and sys_platform == 'linux'",
        ),
    ],
)
def test_source_and_conditions_of_poetry_are_kept(said: Any, requirement: str) -> None:
    assert poetry_requirements({"dependencies": {"a": said}}) == (requirement,)


def test_repositories_other_than_gits_are_refused() -> None:
    with pytest.raises(SettingsError, match="a comes from hg; the only supported version control system is git"):
        poetry_requirements({"dependencies": {"a": {"hg": "somewhere"}}})
