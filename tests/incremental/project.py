"""Made-up projects of five kinds, each described so that an edit of the description gives another sound project."""

from __future__ import annotations

import copy
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from tests.support.back_ends import BACK_ENDS, make_installed_wheel
from tests.support.made_up_django import DJANGO
from tests.support.repositories import git
from tests.support.wheels import BACKEND, make_wheel
from tests.support.world import World

KINDS = ("tree", "repository", "django", "package", "backend")
"""A plain directory; one below the top of a git repository; a Django project; a package of a real back end, tracked by
git; a package of a back end of its own."""
_TREES = ("tree", "repository", "django")
_APPLICATION = "def application(environ, start_response):\n    return []\n"
_DJANGO = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n",
    "shop/settings.py": "try:\n    from shop.local_settings import *\nexcept ImportError:\n    pass\n"
    "INSTALLED_APPS = ['django.contrib.staticfiles', 'shop', 'data']\nSTATIC_ROOT = '/opt/app/collected'\n",
    "shop/static/shop/page.css": "body { margin: 1px }\n",
    "data/__init__.py": "",
}
_START: Mapping[str, str] = {
    "shop/__init__.py": '"""A shop."""\nx = 1\napplication = x\n',
    "shop/inner/a.py": "x = 1\n",
    "shop/locale/de/LC_MESSAGES/a.po": 'msgid "a"\nmsgstr "b1"\n',
    "shop/deep/er/d.txt": "4\n",
    "data/d.txt": "5\n",
    "base.ini": "[shop]\nkey = 1\n",
    "jobs": "* * * * * job 1\n",
    "more.txt": "alpha\n",
}
_LARGE = 9_000_000
"""bytes of a file that has a layer of its own"""
_KEPT = frozenset(
    (
        *(
            "pyproject.toml",
            "backend.py",
            "app.py",
            "manage.py",
            "shop/__init__.py",
            "shop/settings.py",
            "shop/wsgi.py",
        ),
        # A file that another address or hash names is in one cache, and not to be had for the other.
        *("pylock.toml", "grocker.lock"),
    )
)


@dataclass
class Description:
    """What a project says of itself, and what its caller adds."""

    version: str = "1.0"
    back_end: str = "flit"
    """of a package, a key of ``BACK_ENDS``"""
    dependencies: list[str] = field(default_factory=lambda: ["alpha"])
    scripts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """of ``[tool.grocker]``, as TOML"""
    variables: dict[str, str] = field(default_factory=dict)
    """of the image"""
    services: dict[str, str] = field(default_factory=dict)
    """tables by name, as TOML"""
    comment: int = 1
    """in the back end"""
    environ: dict[str, str] = field(default_factory=dict)
    """of the caller"""
    options: list[str] = field(default_factory=list)


@dataclass
class Project(Description):
    """A project in a made-up world, and how it is built."""

    world: World = field(kw_only=True)
    kind: str = field(kw_only=True)
    random: random.Random = field(kw_only=True)
    run: Callable[[list[str]], object] = field(kw_only=True, default=lambda arguments: None)
    """runs Grocker with these arguments, as builds of the project are run"""
    ahead: float = 10
    """seconds of the clock before the real one: files that a build finds are never as young as they are here"""
    latest: float = 10
    """the most that ``ahead`` has been"""
    published: int = 0
    """releases of a dependency since the beginning"""

    @property
    def root(self) -> Path:
        """The project's directory."""
        return self.world.project / "site" if self.kind == "repository" else self.world.project

    @property
    def is_tracked(self) -> bool:
        """Whether it lies in a git repository."""
        return self.kind in ("repository", "package")

    @property
    def is_tree(self) -> bool:
        return self.kind in _TREES

    def create(self) -> None:
        """Write its files for the first time, and the index of what it depends on."""
        fill_index(self.world.index.directory)
        if self.kind == "package":
            for name in {pin.name for back_end in BACK_ENDS.values() for pin in back_end.pins()}:
                make_installed_wheel(self.world.index.directory, name)
        for path, text in {**_START, **(_DJANGO if self.kind == "django" else {})}.items():
            self.write(path, text)
        if self.kind == "django":
            self.dependencies.append("django")
        elif self.is_tree:
            self.write("app.py", _APPLICATION)
        if self.kind == "tree":
            self.write("data/model.bin", b"7" * _LARGE)
        self.describe()
        if self.is_tracked:
            top = self.world.project
            git(top, "init", "--quiet", "--initial-branch", "main")
            (top / ".gitignore").write_text("ignored/\n*.log\n")
            git(top, "add", "--all")
            git(top, "commit", "--quiet", "--message", "Begin")

    def description(self) -> Description:
        """A copy of what it says of itself now."""
        return Description(**{one.name: copy.deepcopy(getattr(self, one.name)) for one in fields(Description)})

    def take(self, description: Description) -> None:
        """Take up what it said of itself once."""
        for one in fields(Description):
            setattr(self, one.name, copy.deepcopy(getattr(description, one.name)))

    def write(self, path: str, text: str | bytes) -> None:
        """Write a file of the project."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)

    def describe(self) -> None:
        """Write the files that follow from the description: ``pyproject.toml`` and the back end."""
        parts = []
        if self.kind == "package":
            parts += [BACK_ENDS[self.back_end].system(), BACK_ENDS[self.back_end].flat]
        if self.kind == "backend":
            parts.append('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
            metadata = "".join(f"Requires-Dist: {one}\n" for one in self.dependencies)
            points = "[console_scripts]\n" + "".join(f"{k} = {v}\n" for k, v in self.scripts.items())
            text = BACKEND.format(
                tag="py3-none-any",
                name="shop",
                package="shop",
                extra=f"comment = {self.comment}",
                metadata=metadata,
                entry_points=points if self.scripts else "",
            )
            text = text.replace("Version: 1.0\\n", f"Version: {self.version}\\n").replace("-1.0", f"-{self.version}")
            self.write("backend.py", text.replace(f"Wheel-Version: {self.version}", "Wheel-Version: 1.0"))
        parts.append(f'[project]\nname = "shop"\nversion = "{self.version}"\n')
        if self.kind == "backend":
            parts.append('dynamic = ["dependencies", "scripts"]\n')
        else:
            parts.append(f'description = "A shop."\ndependencies = {self.dependencies!r}\n')
        if self.scripts and self.kind != "backend":
            parts.append("[project.scripts]\n" + _table(self.scripts))
        parts.append("[tool.grocker]\n" + "".join(f"{key} = {value}\n" for key, value in self.settings.items()))
        parts.append("[tool.grocker.env]\n" + _table(self.variables))
        parts += [f"[tool.grocker.services.{name}]\n{table}\n" for name, table in self.services.items()]
        self.write("pyproject.toml", "\n".join(parts))

    def files(self) -> list[str]:
        """The files and links of the project that an edit may take away or replace, sorted."""
        kept = {
            "shop/wsgi.py",
            "pyproject.toml",
            "backend.py",
            "app.py",
            "manage.py",
            "shop/__init__.py",
            "shop/settings.py",
        }
        return [path for path in self._walk(False) if path not in kept and path not in str(self.settings)]

    def directories(self) -> list[str]:
        """Its directories, relative to it, sorted; itself is the empty name."""
        return ["", *self._walk(True)]

    def _walk(self, is_directory: bool) -> list[str]:
        found = []
        for above, below, files in os.walk(self.root):
            below[:] = [name for name in below if name != ".git"]
            links = [name for name in below if os.path.islink(os.path.join(above, name))]
            names = set(below) - set(links) if is_directory else {*files, *links}
            found += [os.path.relpath(os.path.join(above, name), self.root) for name in names]
        return sorted(found)


def _table(values: Mapping[str, str]) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in values.items())


def fill_index(directory: Path) -> None:
    """Make the wheels that projects depend on."""
    make_wheel(directory, "alpha", files={"alpha/__init__.py": "x = 1\n"}, requires=["beta"])
    make_wheel(directory, "beta", files={"beta/__init__.py": "def main(): ...\n", "beta/static/b.css": "b {}\n"})
    make_wheel(directory, "gamma", files={"gamma.py": "x = 1\n"})
    for server in ("gunicorn", "uvicorn"):
        make_wheel(directory, server, files={f"{server}/__main__.py": ""})
    make_wheel(directory, "django", "5.0", DJANGO)


def copy_stat(source: os.stat_result, target: Path) -> None:
    """Give ``target`` the times of ``source``."""
    os.utime(target, ns=(source.st_atime_ns, source.st_mtime_ns), follow_symlinks=False)


def remove(path: Path) -> None:
    """Remove whatever is at ``path``."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def in_git(project: Project, *arguments: str) -> None:
    """Run git in the project, whatever comes of it."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    subprocess.run(["git", *identity, *arguments], cwd=project.root, capture_output=True)
