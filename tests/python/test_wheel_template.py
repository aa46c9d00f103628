"""A wheel made without its back end is the one that the back end makes: real ones judge, after edits at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.digest import of
from grocker.python import WheelTemplate, apply_template, find_template, read_project, read_tree, template_key
from tests.support.back_ends import BACK_ENDS, EPOCH, BackEnd, Running, running
from tests.support.repositories import git

NOW = 4 * 10**18
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


class Shop:
    """A project that is edited at random, with its wheels."""

    def __init__(self, place: Path, back_end: BackEnd, seed: int, *, dynamic: bool = False, tracked: bool = False) -> None:
        self.place = place
        self.root = place / "shop"
        self.back_end = back_end
        self.random = random.Random(seed)
        self.dynamic = dynamic
        self.description = "One"
        for path, text in FILES.items():
            self.write(path, text)
        self.describe()
        self.tracked = tracked
        if tracked:
            git(self.root, "init", "--quiet", "--initial-branch", "main")
            git(self.root, "add", "--all")
        self.templates: dict[str, WheelTemplate] = {}
        self.wheels: dict[str, Path] = {}
        self.counts: Counter[str] = Counter()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode())

    def describe(self) -> None:
        version = 'dynamic = ["version"]' if self.dynamic else 'version = "1.0"'
        settings = self.back_end.dynamic if self.dynamic else self.back_end.settings
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
        key = template_key(tree, pins, EPOCH, {})
        template = self.templates.get(key or "")
        found = apply_template(template, self.wheels[template.wheel], tree, self.place) if template else None
        made = running.build(tree, work)
        digest = of(made.read_bytes())
        self.wheels[digest] = made
        if found is not None and template is not None:
            assert found.read_bytes() == made.read_bytes()
        elif key is not None:
            next_one = find_template(read_project(self.root), tree, pins, made, digest)
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
    path = shop.root / "src/shop/link.py"
    path.unlink() if path.is_symlink() else path.symlink_to("views.py")


def commit(shop: Shop) -> None:
    if shop.tracked:
        git(shop.root, "add", "--all")
        git(shop.root, "commit", "--quiet", "--allow-empty", "--message", "More")


EDITS: tuple[Callable[[Shop], None], ...] = (
    *(change, change, change, change_one_of_the_size, change_one_of_the_size, change_much, change_version),
    *(change_beside, change_metadata, change_mode, add, take_away, rename, link, commit),
)


def edit_at_random(shop: Shop, running: Running, edits: int) -> None:
    for number in range(edits):
        edit = shop.random.choice(EDITS) if number else lambda shop: None
        edit(shop)
        shop.counts[f"{edit.__name__} {shop.check(running, number)}"] += 1


@pytest.mark.parametrize("name", BACK_ENDS)
def test_probe(tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    with running(BACK_ENDS[name], tmp_path / "home") as r:
        import time
        shop = Shop(tmp_path, BACK_ENDS[name], 1)
        t = time.time()
        edit_at_random(shop, r, 30)
        print(name, time.time() - t, sorted(shop.counts.items()))
