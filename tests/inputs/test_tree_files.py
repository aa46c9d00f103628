"""Which files of a source tree go into the image."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.cli.replay import snapshot
from grocker.context import Context
from grocker.inputs.tree_files import TreeFiles, read_files, warn_of_left_out
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.support.user import ordinary_user, visible_directory


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        yield Context(store, transport, Silent(), environ, 4e9)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place = tmp_path / "tree"
    place.mkdir()
    return place


def write(tree: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


def git(tree: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True)


def paths(found: TreeFiles) -> list[str]:
    return [file.path for file in found.files]


CLUTTER = {
    "app.py": "x = 1\n",
    "data/words.txt": "a\n",
    "node_modules/a/index.js": "",
    "__pycache__/app.pyc": "",
    "venv/pyvenv.cfg": "",
    "other/pyvenv.cfg": "",
    "other/lib/x.py": "",
    "dist/app.whl": "",
    "grocker.lock": "",
}


def test_everything_but_clutter_goes_in_when_nothing_decides(context: Context, tree: Path) -> None:
    write(tree, CLUTTER)
    assert paths(read_files(context, tree)) == ["app.py", "data/words.txt"]


def test_git_decides_when_there_is_a_work_tree(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "", "kept.txt": "", "made/out.txt": "", ".gitignore": "made/\n*.log\n", "a.log": ""})
    git(tree, "init", "--quiet")
    git(tree, "add", "app.py")
    assert paths(read_files(context, tree)) == ["app.py", "kept.txt"]


def test_git_decides_for_a_directory_of_a_work_tree_when_its_ignore_file_lies_above(
    context: Context, tree: Path
) -> None:
    write(tree, {"backend/app.py": "", "backend/secret.txt": "", ".gitignore": "secret.txt\n"})
    git(tree, "init", "--quiet")
    assert paths(read_files(context, tree / "backend")) == ["app.py"]


def test_file_that_git_tracks_and_nobody_has_is_left_out(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "", "gone.py": ""})
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    (tree / "gone.py").unlink()
    assert paths(read_files(context, tree)) == ["app.py"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("*.md\n", ["a.py", "docs/b.md", "docs/c.txt"]),
        ("**/*.md\n", ["a.py", "docs/c.txt"]),
        ("docs\n", ["a.md", "a.py"]),
        ("docs/*\n!docs/c.txt\n", ["a.md", "a.py", "docs/c.txt"]),
        ("# a comment\n\n/a.md\n", ["a.py", "docs/b.md", "docs/c.txt"]),
        ("?.md\n", ["a.py", "docs/b.md", "docs/c.txt"]),
        ("[!b]*.py\n", ["a.md", "a.py", "docs/b.md", "docs/c.txt"]),
    ],
)
def test_dockerignore_decides_when_there_is_one(context: Context, tree: Path, ignore: str, left: list[str]) -> None:
    write(tree, {"a.md": "", "a.py": "", "docs/b.md": "", "docs/c.txt": "", ".dockerignore": ignore})
    assert paths(read_files(context, tree)) == left


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.local",
        "id_rsa",
        "deploy/id_ed25519",
        "server.key",
        "tls.pem",
        "db.sqlite3",
        "service-account.json",
    ],
)
def test_what_looks_secret_is_left_out_and_named(context: Context, tree: Path, name: str) -> None:
    write(tree, {"app.py": "", name: "planted"})
    found = read_files(context, tree)
    assert (paths(found), found.secret) == (["app.py"], (name,))
    assert sorted(paths(read_files(context, tree, [name]))) == sorted(["app.py", name])


@pytest.mark.parametrize("name", [".env.example", "id_rsa.pub", "keys.py", "monkey", "environment.yml"])
def test_what_only_sounds_secret_goes_in(context: Context, tree: Path, name: str) -> None:
    write(tree, {"app.py": "", name: ""})
    found = read_files(context, tree)
    assert (sorted(paths(found)), found.secret) == (sorted(["app.py", name]), ())


def test_link_goes_in_when_it_stays_inside_and_is_named_when_it_leads_out(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "", "docs/a.txt": ""})
    (tree / "inside").symlink_to(tree / "docs")
    (tree / "outside").symlink_to("/etc/passwd")
    (tree / "nowhere").symlink_to("missing")
    os.mkfifo(tree / "pipe")
    found = read_files(context, tree)
    assert [(file.path, file.target) for file in found.files] == [
        ("app.py", None),
        ("docs/a.txt", None),
        ("inside", "docs"),
    ]
    assert found.outside == ("nowhere", "outside")


@pytest.mark.parametrize(
    ("rules", "exclude", "named"),
    [
        ({}, [], ("data/pg", "pgdata")),
        ({".dockerignore": "*.log\n"}, [], ("data/pg", "pgdata")),
        ({".dockerignore": "pgdata\n"}, [], ("data/pg",)),
        ({".dockerignore": "data\npgdata\n"}, [], ()),
        ({".gitignore": "*.log\n"}, [], ("data/pg", "pgdata")),
        ({".gitignore": "pgdata/\n"}, [], ("data/pg",)),
        ({}, ["pgdata/", "data/pg"], ()),
    ],
)
def test_directory_that_cannot_be_read_is_left_out_and_named(
    rules: Mapping[str, str], exclude: list[str], named: tuple[str, ...]
) -> None:
    """A database's, as Compose makes it beside the code: it stops no build, and is not missed without a word."""
    with visible_directory() as root, Transport(environ={}) as transport:
        root.chmod(0o777)
        tree = root / "tree"
        write(tree, {"app.py": "", "data/a.txt": "", "data/pg/x": "", "pgdata/x": "", **rules})
        if ".gitignore" in rules:
            git(tree, "init", "--quiet")
        for closed in (tree / "pgdata", tree / "data" / "pg"):
            closed.chmod(0)
        with ordinary_user(), Store.open(root / "cache") as store:
            context = Context(store, transport, Silent(), {"PATH": os.environ["PATH"], "HOME": str(root)}, 4e9)
            found = read_files(context, tree, (), exclude)
        for closed in (tree / "pgdata", tree / "data" / "pg"):
            closed.chmod(0o755)
    assert paths(found) == (
        ["app.py"] if "data" in rules.get(".dockerignore", "").split() else ["app.py", "data/a.txt"]
    )
    assert found.unreadable == named
    progress = Silent()
    warn_of_left_out(progress, found)
    message = "left out of the image because they cannot be read: "
    assert [text for text, _ in progress.warnings] == ([message + ", ".join(named)] if named else [])


def test_digest_follows_contents_modes_and_names_alone(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "x = 1\n", "run.sh": "#!/bin/sh\n"})
    first = read_files(context, tree).digest
    os.utime(tree / "app.py", (1, 1))
    assert read_files(context, tree).digest == first
    (tree / "run.sh").chmod(0o755)
    second = read_files(context, tree).digest
    assert second != first
    write(tree, {"app.py": "x = 2\n"})
    assert read_files(context, tree).digest not in (first, second)


@pytest.mark.parametrize("with_git", [False, True])
def test_cache_in_the_project_is_left_out(context: Context, tmp_path: Path, with_git: bool) -> None:
    (tmp_path / "app.py").write_text("")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "CACHEDIR.TAG").write_text("")
    (tmp_path / "other" / "deep" / "made.py").write_text("")
    if with_git:
        git(tmp_path, "init", "--quiet")
        (tmp_path / ".gitignore").write_text("other\n")
    assert paths(read_files(context, tmp_path)) == ["app.py"]


@pytest.mark.parametrize("pattern", ["data/", "words.txt", "data/*.txt", "**/words.txt"])
def test_excluded_files_never_go_in(context: Context, tree: Path, pattern: str) -> None:
    write(tree, {"app.py": "", "data/words.txt": "", ".env": ""})
    assert paths(read_files(context, tree, ["data", ".env"], [pattern, ".env"])) == ["app.py"]


@pytest.mark.parametrize("name", [".git/config", "vendor/.hg/hgrc"])
def test_version_control_never_goes_in_even_when_it_is_included(context: Context, tree: Path, name: str) -> None:
    write(tree, {"app.py": "", name: "token"})
    include = [name, name.rpartition("/")[0], name.partition("/")[0]]
    assert paths(read_files(context, tree, include)) == ["app.py"]
    assert paths(read_files(context, tree, only=include)) == []


def test_included_files_go_in_although_they_are_ignored(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "", "made/a.txt": "", "made/b/c.txt": "", "b.log": "", ".gitignore": "made/\n*.log\n"})
    (tree / "made" / "link").symlink_to("b")
    git(tree, "init", "--quiet")
    expected = ["app.py", "b.log", "made/a.txt", "made/b/c.txt", "made/link"]
    assert paths(read_files(context, tree, ["./made/", "b.log"])) == expected
    assert paths(read_files(context, tree, only=["made/b"])) == ["made/b/c.txt"]


def test_products_that_git_tracks_go_in(context: Context, tree: Path) -> None:
    write(tree, {"app.py": "", "dist/bundle.js": ""})
    assert paths(read_files(context, tree)) == ["app.py"]
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    assert paths(read_files(context, tree)) == ["app.py", "dist/bundle.js"]


def watched(tree: Path, found: TreeFiles) -> dict[str, list[int]]:
    """What the next build looks at, to see whether anything changed."""
    return snapshot((*found.watched, *(str(tree / path) for path in paths(found))))


_UNSEEN: dict[str, tuple[str, str]] = {
    "a file in an empty directory": ("", "echo > empty/x.py"),
    "a file where only a directory was": ("", "echo > deep/x.py"),
    "a file where all files look secret": ("", "echo > none/x.py"),
    "a file in a directory that is marked": ("", "rm marked/CACHEDIR.TAG"),
    "a target for a link": ("", "echo > build/target"),
    "a file without its secret": ("", "echo > pip.conf"),
    "a file in a directory that an exception brings back": (".dockerignore", "echo > away/kept/x.py"),
    "other rules": (".dockerignore", "echo app.py > .dockerignore"),
    "a file in an empty directory of a work tree": ("git", "echo > empty/x.py"),
    "a file in a directory with nothing but ignored files": ("git", "echo > logs/x.py"),
    "a file far below a directory with nothing but ignored files": ("git", "echo > logs/old/x.py"),
    "rules in an empty directory of a work tree": ("git", "echo '*' > deep/.gitignore"),
    "an ignored file that git tracks now": ("git", "git add --force logs/a.log"),
    "rules above the tree": ("git", "echo new.py > ../.gitignore"),
    "rules of the repository": ("git", "echo new.py > ../.git/info/exclude"),
    "rules of the user": ("git", "echo new.py > ../home/.config/git/ignore"),
    "rules that the configuration names": ("git", "echo new.py > ../home/rules"),
    "configuration that names rules": ("git", "git config core.excludesFile '~/other'"),
}


@pytest.mark.parametrize("name", _UNSEEN)
def test_watched_places_change_when_other_files_count(context: Context, tmp_path: Path, name: str) -> None:
    kind, change = _UNSEEN[name]
    tree = tmp_path / "tree"
    home = {"home/.config/git/ignore": "", "home/rules": "", "home/other": "new.py\n", "home/.gitconfig": ""}
    write(tmp_path, home | {"home/.gitconfig": "[core]\n\texcludesFile = ~/rules\n"} if "names" in name else home)
    write(
        tree,
        {
            "app.py": "",
            "deep/er/a.py": "",
            "none/.env": "",
            "logs/a.log": "",
            "logs/old/a.log": "",
            "marked/CACHEDIR.TAG": "",
            "marked/x.py": "",
            "away/a.py": "",
            "away/kept/a.py": "",
            "pip.conf": "[global]\nindex-url = https://user:password@index.invalid/simple\n",
        },
    )
    for directory in ("empty", "build"):
        (tree / directory).mkdir()
    (tree / "link").symlink_to("build/target")
    environ = {**context.environ, "HOME": str(tmp_path / "home")}
    if kind == "git":
        git(tmp_path, "init", "-q")
        write(tmp_path, {".gitignore": "*.log\n"})
        git(tmp_path, "add", ".")
        write(tree, {"new.py": "", "deep/er/new.py": ""})
    if kind == ".dockerignore":
        write(tree, {".dockerignore": "away\n!away/kept\n"})
    context = replace(context, environ=environ)
    before = read_files(context, tree)
    seen = watched(tree, before)
    assert watched(tree, before) == seen
    subprocess.run(["sh", "-ec", change], cwd=tree, check=True, env=environ)
    assert paths(read_files(context, tree)) != paths(before)
    assert watched(tree, before) != seen
