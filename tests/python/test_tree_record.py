"""A tree that is read again from a record is the one that would be read anew."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grocker.python import SourceTree, read_tree
from grocker.python.tree_record import TreeRecord, settled
from tests.python.test_git import git
from tests.python.test_source_tree import NOW, make

FILES = {
    ".gitignore": "/var/\n*.log\n",
    "app/views.py": "x = 1\n",
    "app/tracked.pyc": "",
    "app/deep/page.html": "<p>",
    "var/a.log": "",
    "var/data/b.txt": "",
    "build/lib/a.py": "",
    "marked/CACHEDIR.TAG": "",
    "marked/x.py": "",
}
CONTENT = {
    "a changed line": "echo 'x = 2' > app/views.py",
    "a file that an editor has renamed into its place": "echo 'x = 2' > app/new; mv app/new app/views.py",
    "the same size and time": "cp -p app/views.py t; echo 'x = 3' >app/views.py; touch -r t app/views.py; rm t",
    "a file that came and went": "touch app/4913; rm app/4913",
    "a file of its own time": "touch app/deep/page.html",
}
OTHER = {
    "a new file": "echo > app/deep/new.py",
    "a new file in an empty directory": "echo > empty/x.py",
    "a file less": "rm app/deep/page.html",
    "a file that can be run": "chmod +x app/views.py",
    "a link": "ln -s views.py app/link.py",
    "a link instead of a file": "rm app/views.py; ln -s __init__.py app/views.py",
    "a directory instead of a file": "rm app/views.py; mkdir app/views.py; echo > app/views.py/a",
    "a rule": "echo page.html >> .gitignore",
    "a rule in a directory": "echo page.html > app/deep/.gitignore",
    "a rule of the repository": "echo page.html >> .git/info/exclude",
    "rules elsewhere": 'echo page.html > ../rules; git config core.excludesFile "$PWD/../rules"',
    "a rule in a directory that does not count": "echo '!*' > var/.gitignore",
    "a file that git tracks": "git add --force var/a.log",
    "a file that git no longer tracks": "git rm -q --cached app/tracked.pyc",
    "a commit": "git -c user.name=a -c user.email=a@b commit -q -m b --allow-empty",
    "a tag": "git tag v2",
    "a named directory": "printf '[tool.setuptools.package-data]\\nbuild = [\"build/lib/a.py\"]\\n' >> pyproject.toml",
    "a package called build": "echo > build/__init__.py",
    "a directory that is no cache": "rm marked/CACHEDIR.TAG",
    "another repository": "rm -r .git; git init -q .",
    "no repository": "rm -r .git",
    "Python in a directory that git ignores": "echo > var/new.py",
}


def project(root: Path) -> Path:
    make(root, **FILES)
    (root / "empty").mkdir()
    git("init", "-q", cwd=root)
    git("add", "--force", "app", "pyproject.toml", ".gitignore", cwd=root)
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a", cwd=root)
    return root


def essence(tree: SourceTree) -> tuple[object, ...]:
    state = tree.repository.read_state() if tree.repository is not None else b""
    return tree.files, tree.digest, tree.left_out, sorted(tree.directories), tree.named, state


def change(root: Path, command: str) -> None:
    subprocess.run(["sh", "-ec", command], cwd=root, check=True, env={**os.environ, "HOME": "/nonexistent"})


@pytest.mark.parametrize("command", CONTENT.values(), ids=CONTENT)
def test_tree_is_read_again_from_its_record_when_only_content_changed(tmp_path: Path, command: str) -> None:
    root = project(tmp_path / "p")
    before = read_tree(root, now=NOW)
    known = TreeRecord.decode(before.known.encode())
    change(root, command)
    again, anew = read_tree(root, now=NOW, known=known), read_tree(root, now=NOW)
    assert again.known is known
    assert essence(again) == essence(anew)
    assert again.shape == anew.shape == before.shape != ""
    assert again.git_state == anew.git_state


@pytest.mark.slow
@pytest.mark.parametrize("command", OTHER.values(), ids=OTHER)
def test_tree_is_read_anew_when_other_files_may_count(tmp_path: Path, command: str) -> None:
    root = project(tmp_path / "p")
    before = read_tree(root, now=NOW)
    change(root, command)
    again = read_tree(root, now=NOW, known=before.known)
    assert again.known is not before.known
    assert essence(again) == essence(read_tree(root, now=NOW))


@pytest.mark.parametrize(
    "command",
    [
        "ln -s views.py app/link.py",
        "ln -s /etc/hostname app/link.py",
        "git config core.excludesFile rules",
        "touch .gitmodules",
    ],
)
def test_tree_has_no_record_when_something_elsewhere_decides(tmp_path: Path, command: str) -> None:
    root = project(tmp_path / "p")
    change(root, command)
    tree = read_tree(root, now=NOW)
    assert tree.known.circumstances == tree.shape == ""
    assert len(tree.known.files) == sum(file.target is None for file in tree.files)


def test_tree_has_no_record_when_a_rule_does_not_count(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    assert read_tree(root, now=NOW, exclude=["app"]).known.circumstances
    (root / "marked/.gitignore").write_text("x")
    assert not read_tree(root, now=NOW).known.circumstances


def test_record_is_of_the_files_that_are_not_excluded(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    known = read_tree(root, now=NOW).known
    assert "app/deep/page.html" not in [f.path for f in read_tree(root, now=NOW, known=known, exclude=["deep"]).files]


def test_record_is_written_anew_when_much_has_changed(tmp_path: Path) -> None:
    root = make(tmp_path, **{f"app/m{number}.py": "" for number in range(60)})
    known = read_tree(root, now=NOW).known
    for number in range(60):
        (root / f"app/m{number}.py").write_text("x = 1\n")
    assert read_tree(root, now=NOW, known=known).known not in (known, TreeRecord())


def test_young_file_is_looked_at_again_without_reading_the_others(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    os.utime(root / "app/views.py", ns=(NOW, NOW))
    known = read_tree(root, now=NOW + 1).known
    assert [row.path for row in known.files if row.stat[0] < 0] == ["app/views.py"]
    again = read_tree(root, now=NOW + 10**10, known=known)
    assert again.known is known
    assert essence(again) == essence(read_tree(root, now=NOW))


def test_stat_is_settled_two_seconds_after_the_last_change() -> None:
    stat = (1, 5_000_000_000, 6_000_000_000, 2, 0o100644)
    assert settled(stat, 8_000_000_001) == stat
    assert settled(stat, 8_000_000_000) == (-1, 0, 0, 0, 0o100644)
