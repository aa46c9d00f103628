"""What setuptools is told of a flat project, in hints."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.python import flat_layout
from tests.python.test_git import git

CODE = ["mono/__init__.py", "web/__init__.py", "web/a.html"]


@pytest.mark.parametrize(
    "path", ["secrets/id_rsa", "secrets/token", "private/x.txt", "certs/server.crt", ".env", "keys/a.key", "a.pem"]
)
def test_table_never_proposes_directories_of_secrets(path: str) -> None:
    assert flat_layout.setuptools_table([*CODE, path]) == flat_layout.setuptools_table(CODE)


@pytest.mark.parametrize("name", ["server.key", "db.sqlite3", "service-account.json", ".env"])
def test_table_keeps_secrets_out_of_packages(name: str) -> None:
    more = f'[tool.setuptools.exclude-package-data]\n"*" = ["**/{name}", "{name}"]\n'
    assert flat_layout.setuptools_table([*CODE, f"mono/deep/{name}"]) == flat_layout.setuptools_table(CODE) + more
    assert flat_layout.data_table([f"src/mono/{name}"]) == flat_layout.data_table([]) + more


def test_table_proposes_a_package_that_is_called_as_secrets_are() -> None:
    assert 'include = ["secrets*"]' in flat_layout.setuptools_table(["secrets/__init__.py"])


def test_names_are_without_what_git_ignores(tmp_path: Path) -> None:
    for name in ("mono/__init__.py", "mono/local.py", "hidden/x.py", "a.py", "db.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text("hidden\nlocal.py\ndb.py\n")
    git("init", "-q", cwd=tmp_path)
    assert sorted(flat_layout.list_files(tmp_path)) == [".gitignore", "a.py", "mono/__init__.py"]
