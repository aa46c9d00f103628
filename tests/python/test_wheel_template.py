"""A wheel made without its back end is the one that the back end makes: real ones judge, after edits at random."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grocker.digest import of
from grocker.errors import CorruptError
from grocker.lock.values import BuildRequirement
from grocker.python import (
    InstallScheme,
    SourceTree,
    WheelTemplate,
    find_template,
    read_project,
    read_tree,
    read_wheel,
    static_configuration,
    template_key,
    update_wheel,
)
from grocker.python.pure_wheel import write_pure_wheel
from grocker.python.wheel_template import BACK_ENDS as KNOWN
from grocker.python.wheel_template import apply_template, rewrite_record
from grocker.store import Store
from grocker.tar.entry import File
from tests.support.back_ends import BACK_ENDS, EPOCH, BackEnd, Running, running
from tests.support.repositories import git
from tests.support.wheels import make_project, make_wheel

NOW = 4 * 10**18
PIN = BuildRequirement("a", "1")
PINS = BACK_ENDS["flit"].pins()
FILES = {
    "README.md": "A shop.\n",
    "LICENSE": "All rights reserved.\n",
    "src/shop/__init__.py": '"""A shop."""\n\n__version__ = "1.0"\n',
    "src/shop/views.py": "x = 1\n",
    "src/shop/twin.py": "x = 1\n",
    "src/shop/inner/__init__.py": "",
    "src/shop/inner/a.py": "import os\n",
    "src/shop/data/page.html": "<p>1</p>\n",
    "src/shop/data/naïve.bin": "\r\n1\r\n\0\n",
    "src/shop/data/a,b.txt": "1\n",
    "src/shop/data/.gitignore": "*.log\n",
    "src/shop/LICENSE": "All rights reserved.\n",
    "src/shop/empty.txt": "",
    "tests/test_shop.py": "x = 1\n",
}


def digests(tree: SourceTree) -> dict[str, str]:
    return {file.path: file.digest for file in tree.files}


class Shop:
    """A project that is edited at random, with its wheels."""

    def __init__(
        self, place: Path, back_end: BackEnd, seed: int, *, is_dynamic: bool = False, is_tracked: bool = False
    ) -> None:
        self.place = place
        self.root = place / "shop"
        self.back_end = back_end
        self.random = random.Random(seed)
        self.is_dynamic = is_dynamic
        self.description = "One"
        for path, text in FILES.items():
            self.write(path, text)
        self.describe()
        self.is_tracked = is_tracked
        if is_tracked:
            git(self.root, "init", "--quiet", "--initial-branch", "main")
            git(self.root, "add", "--all")
        self.templates: dict[str, WheelTemplate] = {}
        self.wheels: dict[str, Path] = {}

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode())

    def describe(self) -> None:
        version = 'dynamic = ["version"]' if self.is_dynamic else 'version = "1.0"'
        settings = self.back_end.dynamic if self.is_dynamic else self.back_end.settings
        self.write(
            "pyproject.toml",
            f'{self.back_end.system()}[project]\nname = "shop"\n{version}\ndescription = "{self.description}"\n'
            f'readme = "README.md"\nlicense-files = ["LICENSE"]\n{settings}',
        )

    def check(self, running: Running, number: int) -> bool:
        """Make the wheel of the project as it is, compare, and return whether no back end was needed."""
        work = self.place / f"work{number}"
        work.mkdir()
        tree, pins = read_tree(self.root, now=NOW), self.back_end.pins()
        project = read_project(self.root)
        key = template_key(project, tree, pins, EPOCH, {})
        template = self.templates.get(key or "")
        found = apply_template(template, self.wheels[template.wheel], tree, self.place) if template else None
        made = running.build(tree, work)
        digest = of(made.read_bytes())
        self.wheels[digest] = made
        if found is not None and template is not None:
            assert found.read_bytes() == made.read_bytes()
        elif key is not None:
            next_one = find_template(project, tree, pins, made, digest)
            if next_one is not None:
                self.templates[key] = next_one
        return found is not None


def _some(shop: Shop) -> Path:
    return shop.random.choice(sorted(path for path in (shop.root / "src").rglob("*") if path.is_file()))


def change(shop: Shop) -> None:
    path = _some(shop)
    path.write_bytes(path.read_bytes() + b"# %d\n" % shop.random.randint(0, 9))


def change_one_of_the_size(shop: Shop) -> None:
    (shop.root / "src/shop/views.py").write_text(f"x = {shop.random.randint(0, 9)}\n")


def change_much(shop: Shop) -> None:
    (shop.root / "src/shop/views.py").write_text("y = 'é'\n" * shop.random.randint(0, 99))
    (shop.root / "src/shop/inner/a.py").write_bytes(shop.random.randbytes(100))


def change_version(shop: Shop) -> None:
    path = shop.root / "src/shop/__init__.py"
    if path.is_file():
        path.write_text(f'"""Shop {shop.random.randint(1, 9)}."""\n\n__version__ = "{shop.random.randint(1, 9)}.0"\n')


def change_beside(shop: Shop) -> None:
    names = ("README.md", "LICENSE", "src/shop/LICENSE", "tests/test_shop.py", "src/shop/data/.gitignore", ".gitignore")
    shop.write(shop.random.choice(names), f"{shop.random.choice(('page.html', 'b.py', '*.txt'))}\n")


def change_metadata(shop: Shop) -> None:
    shop.description = str(shop.random.randint(1, 9))
    shop.describe()


def change_mode(shop: Shop) -> None:
    path = _some(shop)
    path.chmod(path.stat().st_mode ^ 0o111)


def add(shop: Shop) -> None:
    shop.write(shop.random.choice(("src/shop/b.py", "src/shop/data/b.txt", "src/shop/new/c.py", "a.py")), "z = 1\n")


def take_away(shop: Shop) -> None:
    path = _some(shop)
    if path.name != "__init__.py":
        path.unlink()


def rename(shop: Shop) -> None:
    path = _some(shop)
    if path.name != "__init__.py":
        path.rename(path.with_name(f"n{shop.random.randint(0, 9)}.py"))


def link(shop: Shop) -> None:
    (shop.root / "src/shop/link.py").symlink_to("__init__.py")


def commit(shop: Shop) -> None:
    if shop.is_tracked:
        git(shop.root, "add", "--all")
        git(shop.root, "commit", "--quiet", "--allow-empty", "--message", "More")


EDITS: tuple[Callable[[Shop], None], ...] = (
    *(change, change, change, change_one_of_the_size, change_one_of_the_size, change_much, change_version),
    *(change_beside, change_metadata, change_mode, add, take_away, rename, link, commit),
)


def edited_at_random(shop: Shop, edits: int) -> int:
    """Edit the project so often, and return how many wheels needed no back end."""
    home = shop.place / "home"
    home.mkdir()
    with running(shop.back_end, home) as back_end:
        shop.check(back_end, 0)
        made = 0
        for number in range(1, edits + 1):
            (shop.root / "src/shop/link.py").unlink(missing_ok=True)  # with a link there is no template
            shop.random.choice(EDITS)(shop)
            made += shop.check(back_end, number)
        return made


@pytest.mark.slow
@pytest.mark.parametrize("name", BACK_ENDS)
def test_wheel_is_the_one_of_its_back_end_after_any_edit(tmp_path: Path, name: str) -> None:
    assert edited_at_random(Shop(tmp_path, BACK_ENDS[name], 2), 5) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", BACK_ENDS)
def test_wheel_is_the_one_of_its_back_end_when_git_and_a_file_are_asked(tmp_path: Path, name: str) -> None:
    back_end = BACK_ENDS[name]
    shop = Shop(tmp_path, back_end, 4, is_dynamic=back_end.dynamic is not None, is_tracked=True)
    assert edited_at_random(shop, 20) >= 5


def key_of(project: Path, pin: BuildRequirement = PIN, epoch: int = EPOCH, variable: str = "1") -> str | None:
    return template_key(read_project(project), read_tree(project, now=NOW), (pin,), epoch, {"A": variable})


def make_shop(directory: Path) -> Path:
    for path, text in {
        "pyproject.toml": f'{BACK_ENDS["flit"].system()}[project]\nname = "a"\nversion = "1"\n',
        **FILES,
    }.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def test_template_is_the_same_after_a_commit_but_not_when_another_file_is_tracked(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    key = key_of(project)
    assert key is not None
    git(project, "commit", "--quiet", "--message", "Begin")
    assert key_of(project) == key
    git(project, "rm", "--quiet", "--cached", "src/shop/views.py")
    assert key_of(project) != key


@pytest.mark.parametrize("case", ["mode", "name", "link", "pin", "epoch", "variable", "rule"])
def test_template_is_another_when_the_back_end_sees_other_than_content(tmp_path: Path, case: str) -> None:
    top = tmp_path / "top"
    project = make_shop(top / "shop")
    git(top, "init", "--quiet")
    before, path = key_of(project), project / "src/shop/views.py"
    match case:
        case "mode":
            path.chmod(0o755)
        case "name":
            path.rename(path.with_name("b.py"))
        case "link":
            path.with_name("b.py").symlink_to("__init__.py")
        case "rule":
            (top / ".gitignore").write_text("*.log\n")
    pin = BuildRequirement("a", "2") if case == "pin" else PIN
    after = key_of(project, pin, EPOCH + (case == "epoch"), "2" if case == "variable" else "1")
    assert after != before
    assert (after is None) == (case == "link")


def test_back_end_is_known_when_its_configuration_is() -> None:
    assert KNOWN == static_configuration._BACK_ENDS.keys() == {one.module for one in BACK_ENDS.values()}


def test_project_has_no_template_when_its_back_end_is_its_own_or_a_path_is_no_text(tmp_path: Path) -> None:
    assert key_of(make_project(tmp_path / "own")) is None
    project = make_shop(tmp_path / "shop")
    (project / "src/shop" / os.fsdecode(b"\xff.txt")).touch()
    assert key_of(project) is None


@pytest.mark.parametrize(
    ("record", "rows"),
    [
        (b"a.py,,\n", {"a.py": ("00" * 32, 1)}),
        (b"b.py,sha256=" + b"A" * 43 + b",1\n", {"a.py": ("00" * 32, 1)}),
        (2 * (b"a.py,sha256=" + b"A" * 43 + b",1\n"), {"a.py": ("00" * 32, 1)}),
    ],
)
def test_record_is_left_to_the_back_end_when_it_is_unusual(record: bytes, rows: dict[str, tuple[str, int]]) -> None:
    assert rewrite_record(record, rows) is None


def test_wheel_is_not_made_of_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    tree = read_tree(project, now=NOW)
    files = {path: "00" * 32 if path == "demo/__init__.py" else digest for path, digest in digests(tree).items()}
    template = WheelTemplate(of(b""), "demo.whl", files, {"demo/__init__.py": "demo/__init__.py"}, "demo/RECORD")
    (project / "demo/__init__.py").write_text("y = 1\n")
    with pytest.raises(CorruptError, match="changed while it was being read"):
        apply_template(template, tmp_path / "no.whl", tree, tmp_path)


def test_last_wheel_is_made_into_the_next_until_it_is_damaged(tmp_path: Path) -> None:
    project, views = make_shop(tmp_path / "shop"), "src/shop/views.py"
    files = {path[4:]: text for path, text in FILES.items() if path.startswith("src/") and "," not in path}
    pure = write_pure_wheel(make_wheel(tmp_path / "made", "shop", files=files), tmp_path)
    assert pure is not None
    tree, key = read_tree(project, now=NOW), key_of(project, PINS[0])
    assert key is not None
    with Store.open(tmp_path / "store") as store:
        assert update_wheel(store, key, tree, tmp_path) is None
        template = find_template(read_project(project), tree, PINS, pure, store.add_wheel(pure))
        store.keep("steps", key, msgspec.json.encode(template))
        for text in (b"x = 2\n", b"x = 3\n"):
            (project / views).write_bytes(text)
            made = update_wheel(store, key, read_tree(project, now=NOW), tmp_path)
            path = store.download(made.wheel) if made is not None else None
            assert made is not None and path is not None
            # RECORD is read strictly.
            entries = read_wheel(path, InstallScheme("3.13"), file=made.file, strict=True).entries
            assert text in [entry.data for entry in entries if isinstance(entry, File)]
        for path in (tmp_path / "store").rglob("downloads/*"):
            path.write_bytes(b"damaged")
        assert update_wheel(store, key, tree, tmp_path) is None
