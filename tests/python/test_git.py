"""A project's repository: what its version depends on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from grocker.errors import StorageError
from grocker.python.git import Repository, find_repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.invalid", *arguments],
        cwd=cwd,
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
    )


def found(root: Path) -> Repository:
    repository = find_repository(root)
    assert repository is not None
    return repository


def read_state(root: Path) -> bytes:
    return found(root).read_state()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = tmp_path / "r"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "naïve name").touch()
    git("init", "-q", "-b", "main", cwd=root)
    git("add", ".", cwd=root)
    git("commit", "-q", "-m", "one", cwd=root)
    return root


def test_repository_is_none_when_there_is_none(tmp_path: Path) -> None:
    assert find_repository(tmp_path) is None


def test_state_is_the_same_when_only_times_changed(root: Path) -> None:
    first = read_state(root)
    os.utime(root / "pyproject.toml", (1, 1))
    git("status", cwd=root)
    assert read_state(root) == first


def test_state_is_the_same_in_a_clone(root: Path, tmp_path: Path) -> None:
    git("clone", "-q", str(root), str(tmp_path / "clone"), cwd=tmp_path)
    assert read_state(tmp_path / "clone") == read_state(root)


@pytest.mark.parametrize(
    "command",
    [
        ("tag", "v1"),
        ("tag", "-m", "one", "v1"),
        ("commit", "-q", "--allow-empty", "-m", "two"),
        ("checkout", "-q", "-b", "other"),
        ("rm", "-q", "--cached", "pyproject.toml"),
    ],
    ids=" ".join,
)
def test_state_is_another_after(root: Path, command: tuple[str, ...]) -> None:
    first = read_state(root)
    git(*command, cwd=root)
    assert read_state(root) != first


def test_state_is_read_when_nothing_is_committed(tmp_path: Path) -> None:
    git("init", "-q", "-b", "main", cwd=tmp_path)
    assert b"refs/heads/main" in read_state(tmp_path)


def test_state_is_read_when_the_index_is_truncated(root: Path) -> None:
    first = read_state(root)
    index = root / ".git" / "index"
    index.write_bytes(index.read_bytes()[:76])
    assert read_state(root) != first


def test_state_is_read_in_a_linked_work_tree(root: Path, tmp_path: Path) -> None:
    git("worktree", "add", "-q", str(tmp_path / "w"), cwd=root)
    assert b"naive" not in read_state(tmp_path / "w")
    assert b"pyproject.toml" in read_state(tmp_path / "w")


def test_state_is_an_error_when_the_repository_has_no_head(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(StorageError, match="HEAD"):
        read_state(tmp_path)


def test_repository_is_none_when_dot_git_is_another_file(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("x\n")
    assert find_repository(tmp_path) is None


def test_repository_is_not_asked_to_run_programs(root: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program), cwd=root)
    read_state(root)
    assert not (tmp_path / "ran").exists()


def test_copy_is_a_work_tree_of_the_repository_when_it_is_shared(root: Path, tmp_path: Path) -> None:
    git("remote", "add", "origin", "https://token@example.invalid/x.git", cwd=root)
    git("tag", "v1", cwd=root)
    copy = tmp_path / "copy"
    copy.mkdir()
    variables = found(root).share(copy, ["pyproject.toml"])

    def told(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=copy, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True
        ).stdout.strip()

    (copy / "pyproject.toml").write_text("[project]\n")
    assert told("rev-parse", "--show-toplevel") == str(copy)
    assert told("describe", "--tags", "--dirty") == "v1"
    assert told("log", "--format=%s") == "one"
    assert told("branch", "--show-current") == "main"
    assert told("config", "--get-regexp", "remote|user") == ""
    (copy / "pyproject.toml").write_text("changed")
    assert told("describe", "--tags", "--dirty") == "v1-dirty"


@pytest.mark.parametrize("kind", ["worktree", "submodule", "shallow", "sha256"])
def test_copy_is_shared_of_repositories_of_all_kinds(root: Path, tmp_path: Path, kind: str) -> None:
    git("commit", "-q", "--allow-empty", "-m", "two", cwd=root)
    git("tag", "v2", cwd=root)
    place = tmp_path / "place"
    match kind:
        case "worktree":
            git("worktree", "add", "-q", str(place), cwd=root)
        case "submodule":
            git("init", "-q", str(tmp_path / "parent"), cwd=tmp_path)
            git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(root), "s", cwd=tmp_path / "parent")
            place = tmp_path / "parent" / "s"
        case "shallow":
            git("clone", "-q", "--depth=1", f"file://{root}", str(place), cwd=tmp_path)
        case _:
            git("init", "-q", "--object-format=sha256", str(place), cwd=tmp_path)
            (place / "pyproject.toml").write_text("[project]\n")
            git("add", ".", cwd=place)
            git("commit", "-q", "-m", "two", cwd=place)
            git("tag", "v2", cwd=place)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "pyproject.toml").write_text("[project]\n")
    found(place).share(copy, ["pyproject.toml"])
    done = subprocess.run(
        ["git", "describe", "--tags", "--dirty"],
        cwd=copy,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("v2", "")
