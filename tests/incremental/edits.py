"""Edits of a project, of which one is chosen at random: each says what it did, or nothing if it did not apply."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.incremental.project import Project, copy_stat, in_git, remove
from tests.support.back_ends import BACK_ENDS
from tests.support.wheels import make_wheel

DAY = 86400.0
_DIRECTORIES = (
    *("", "shop", "shop/inner", "shop/static/shop", "shop/locale/de/LC_MESSAGES", "shop/deep", "shop/deep/er", "data"),
    *("data/static", "build", "ignored", "empty", "src/other", "shop/node_modules", "secrets"),
)
_NAMES = (
    *("a.py", "b.py", "__init__.py", "local_settings.py", "page.css", "d.txt", "é.txt", "a.po", "a.mo", "run.sh"),
    *("x.log", ".env", "pip.conf", "crontab", "Procfile", "requirements.txt", "pyvenv.cfg", "grocker.lock~"),
)
_PATTERNS = ("*.log", "ignored/", "*.txt", "!d.txt", "data", "shop/deep/**", "*.css", "build", "/empty/", "b.py", "src")
_LARGE = (1_500_000, 9_000_000)
"""bytes of a file that is not held in memory, and of one that has a layer of its own"""


def _text(project: Project, name: str) -> str | bytes:
    number = project.random.randint(1, 9)
    if name == "Procfile":
        return f"worker: python -m shop.inner.a {number}\n"
    if name == "requirements.txt":
        return project.random.choice(("alpha\n", "gamma\n", "# none\n", "-r more.txt\n"))
    if name == "pip.conf":
        return project.random.choice(
            ("[global]\nindex-url = https://a:b@c.invalid/d\n", f"[global]\ntimeout = {number}\n")
        )
    if name == "crontab":
        return f"{number} * * * * job\n"
    if name.endswith(".po"):
        return f'msgid "a"\nmsgstr "b{number}"\n'
    if name.endswith(".sh"):
        return f"#!/bin/sh\nexit {number}\n"
    if name.endswith(".py"):
        return project.random.choice(
            (f"x = {number}\n", f"x = {number}\n", f"# {number}\nimport os\n", f"def ({number}\n")
        )
    if project.random.random() < 0.02:
        return bytes([48 + number]) * project.random.choice(_LARGE)
    return f"{number}\n"


def _file(project: Project) -> Path | None:
    files = project.files()
    return project.root / project.random.choice(files) if files else None


def _regular(project: Project) -> Path | None:
    files = [one for one in project.files() if not (project.root / one).is_symlink()]
    return project.root / project.random.choice(files) if files else None


def _new(project: Project) -> Path:
    """A place without a file, in a directory that is there afterwards."""
    for _ in range(100):
        # A directory that has had no file itself is where a new one is overlooked.
        bare = {*project.directories()} - {os.path.dirname(one) for one in project.files()}
        places = project.random.choice((_DIRECTORIES, project.directories(), sorted(bare) or _DIRECTORIES))
        path = project.root / project.random.choice(places) / project.random.choice(_NAMES)
        try:
            if not os.path.lexists(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                return path
        except OSError:  # a file or a link is where a directory should be
            continue
    return project.root / f"n{project.random.randint(0, 10**9)}"


def _same_size(project: Project, data: bytes) -> bytes:
    """Other bytes, if there is a digit among them; not in an address: only an empty cache asks a lock's."""
    addresses = re.compile(rb'url = "[^"]*"')
    digits = [
        found.start() for found in re.finditer(rb"[1-9]", addresses.sub(lambda one: b" " * len(one[0]), data[:10_000]))
    ]
    if not digits:
        return data
    place = project.random.choice(digits)
    other = project.random.choice([one for one in b"123456789" if one != data[place]])
    return data[:place] + bytes([other]) + data[place + 1 :]


# -- content ----------------------------------------------------------------------------------------------------------


def rewrite(project: Project) -> str | None:
    """Content of the same size."""
    path = _regular(project)
    if path is None:
        return None
    path.write_bytes(_same_size(project, path.read_bytes()))
    return f"rewrite {path}"


def rewrite_in_hiding(project: Project) -> str | None:
    """The same without a trace in the modification times."""
    path = _regular(project)
    if path is None:
        return None
    before = path.stat()
    path.write_bytes(_same_size(project, path.read_bytes()))
    copy_stat(before, path)
    return f"rewrite {path} in hiding"


def exchange(project: Project) -> str | None:
    """Another file of that size and time in its place."""
    path = _regular(project)
    if path is None:
        return None
    before, above = path.stat(), path.parent.stat()
    other = project.world.place / "other"
    other.write_bytes(_same_size(project, path.read_bytes()))
    other.chmod(before.st_mode & 0o777)
    copy_stat(before, other)
    other.rename(path)
    copy_stat(above, path.parent)
    return f"exchange {path}"


def write_anew(project: Project) -> str | None:
    """Any content."""
    path = _regular(project)
    if path is None:
        return None
    text = _text(project, path.name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"write {path} anew"


def change_code(project: Project) -> str:
    """The modules that every build needs."""
    names = ["shop/__init__.py", *(("app.py",) if (project.root / "app.py").exists() else ())]
    path = project.root / project.random.choice(names)
    path.write_text(path.read_text() + f"y = {project.random.randint(1, 9)}\n")
    return f"change {path}"


def change_django(project: Project) -> str | None:
    """The settings that collectstatic reads."""
    path = project.root / "shop/settings.py"
    if not path.exists():
        return None
    path.write_text(path.read_text() + f"STATIC_ROOT = '/opt/app/collected{project.random.randint(1, 3)}'\n")
    return "change Django's settings"


# -- the tree ---------------------------------------------------------------------------------------------------------


def add(project: Project) -> str:
    """Add a file."""
    path = _new(project)
    text = _text(project, path.name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"add {path}"


def add_in_hiding(project: Project) -> str:
    """Add a file without a trace in its directory's modification time."""
    path = _new(project)
    above = path.parent.stat()
    path.write_text("x = 1\n")
    copy_stat(above, path.parent)
    return f"add {path} in hiding"


def take_away(project: Project) -> str | None:
    """Remove a file or link."""
    path = _file(project)
    if path is None:
        return None
    path.unlink()
    return f"remove {path}"


def rename(project: Project) -> str | None:
    """Rename a file or link."""
    path = _file(project)
    if path is None:
        return None
    target = _new(project)
    path.rename(target)
    return f"rename {path} to {target}"


def make_directory(project: Project) -> str | None:
    """A directory with nothing in it."""
    path = project.root / project.random.choice(_DIRECTORIES[1:])
    if os.path.lexists(path) or not path.parent.is_dir():
        return None
    path.mkdir()
    return f"make {path}"


def remove_directory(project: Project) -> str | None:
    """A directory with all that is in it."""
    found = [one for one in project.directories() if one and one != "shop" and not _holds_kept(project, one)]
    if not found:
        return None
    path = project.root / project.random.choice(found)
    remove(path)
    return f"remove {path}"


def rename_directory(project: Project) -> str | None:
    """A directory gets another name."""
    found = [one for one in project.directories() if one and one != "shop" and not _holds_kept(project, one)]
    if not found:
        return None
    path = project.root / project.random.choice(found)
    target = path.with_name(project.random.choice(("moved", "static", "deep", "build", "other")))
    if os.path.lexists(target):
        return None
    path.rename(target)
    return f"rename {path} to {target}"


def _holds_kept(project: Project, path: str) -> bool:
    return project.kind == "django" and path == "data"


def change_mode(project: Project) -> str | None:
    """Executable or not, and what does not count: the rest of the mode."""
    path = _regular(project)
    if path is None:
        return None
    path.chmod(path.stat().st_mode & 0o777 ^ project.random.choice((0o100, 0o111, 0o044, 0o010)))
    return f"change the mode of {path}"


def link(project: Project) -> str:
    """A new link: to a file, a directory, nothing, or out of the project."""
    path = _new(project)
    targets = [*project.files(), *project.directories()[1:], "nothing", "ignored/a.py", "build/d.txt"]
    target = os.path.relpath(project.root / project.random.choice(targets), path.parent)
    if project.random.random() < 0.2:
        target = project.random.choice((str(project.root / "shop"), "/etc/hostname", str(project.world.place)))
    path.symlink_to(target)
    return f"link {path} to {target}"


def replace_by_link(project: Project) -> str | None:
    """A link where a file was, and the other way round."""
    path = _file(project)
    if path is None:
        return None
    was_link = path.is_symlink()
    path.unlink()
    if was_link:
        path.write_text("7\n")
    else:
        path.symlink_to(project.random.choice(("d.txt", "__init__.py", "nothing")))
    return f"replace {path} by a {'file' if was_link else 'link'}"


def touch(project: Project) -> str | None:
    """Times alone: of the past, the future, or now."""
    names = [*project.files(), *project.directories()]
    path = project.root / project.random.choice(names)
    moment = project.random.choice((0, 1_000_000_000, int(4e9), int(path.lstat().st_mtime) + 1))
    os.utime(path, (moment, moment), follow_symlinks=False)
    return f"touch {path}"


# -- what the project says of itself ----------------------------------------------------------------------------------


def change_version(project: Project) -> str:
    project.version = f"{project.random.randint(1, 9)}.{project.random.randint(0, 9)}"
    project.describe()
    return f"version {project.version}"


def change_dependencies(project: Project) -> str:
    one = project.random.choice(("beta", "gamma", "alpha>=1"))
    (project.dependencies.remove if one in project.dependencies else project.dependencies.append)(one)
    project.describe()
    return f"dependencies {project.dependencies}"


def change_scripts(project: Project) -> str:
    name = project.random.choice(("shop", "job", "gunicorn"))
    if project.scripts.pop(name, None) is None:
        project.scripts[name] = project.random.choice(("shop:main", "shop.inner.a:main"))
    project.describe()
    return f"scripts {project.scripts}"


def change_settings(project: Project) -> str:
    key, value = project.random.choice(
        (
            ("dependencies", '["hello"]'),
            ("base-config", '"base.ini"'),
            ("crontab", '"jobs"'),
            ("exclude", '["*.css"]'),
            ("exclude", '["data/d.txt", "b.py"]'),
            ("include", '["more.txt"]'),
            ("files", '["more.txt"]'),
            ("namespace", '"SHOP"'),
            ("writable", '["state"]'),
            ("requirements", '["more.txt"]'),
            ("collectstatic", "false"),
            ("user", '{name = "green", uid = 1234}'),
        )
    )
    if project.settings.pop(key, None) is None and not (key == "include" and not project.is_tree):
        if key == "files" and project.is_tree:
            return "settings that do not fit"
        project.settings[key] = value
    project.describe()
    return f"settings {project.settings}"


def change_variables(project: Project) -> str:
    project.variables["COLOUR"] = project.random.choice(("red", "blue", "green"))
    project.describe()
    return f"variables {project.variables}"


def change_services(project: Project) -> str:
    name, table = project.random.choice(
        (
            ("worker", 'command = ["python", "-m", "shop.inner.a"]'),
            ("www", 'wsgi = "shop:application"'),
            ("www", 'wsgi = "shop:application"\nworkers = 3\nstatic = true'),
            ("api", 'asgi = "shop:application"'),
        )
    )
    if project.services.pop(name, None) is None:
        project.services[name] = table
    project.describe()
    return f"services {sorted(project.services)}"


def change_back_end(project: Project) -> str | None:
    """What the project's own back end is, or which one it names."""
    if project.kind not in ("backend", "package"):
        return None
    project.comment += 1
    project.back_end = project.random.choice([name for name in BACK_ENDS if name != project.back_end])
    project.describe()
    return f"change the back end, {project.back_end if project.kind == 'package' else project.comment}"


def change_ignored(project: Project) -> str:
    """What ``.dockerignore`` or git leave out: rules of the project, of a directory, of the repository."""
    names = [".dockerignore", ".gitignore", "shop/.gitignore", "empty/.gitignore"]
    places = [project.root / name for name in names]
    if project.is_tracked:
        places += [project.world.project / ".gitignore", project.world.project / ".git/info/exclude"]
    path = project.random.choice(places)
    if path.exists() and project.random.random() < 0.4:
        path.unlink()
        return f"remove {path}"
    if not path.parent.is_dir():
        return "no directory for rules"
    path.write_text("".join(f"{one}\n" for one in project.random.sample(_PATTERNS, project.random.randint(0, 3))))
    return f"rules in {path}: {path.read_text().split()}"


def change_repository(project: Project) -> str | None:
    """What git tracks, and what it has a name for."""
    if not project.is_tracked:
        return None
    files = project.files()
    one = project.random.choice(files) if files else "."
    arguments = project.random.choice(
        (
            ("add", "--force", "--", one),
            ("rm", "--cached", "--force", "--quiet", "--", one),
            ("add", "--all"),
            ("commit", "--quiet", "--all", "--message", "More"),
            ("tag", "--force", f"v{project.random.randint(1, 3)}"),
        )
    )
    in_git(project, *arguments)
    return f"git {' '.join(arguments)}"


def lock(project: Project) -> str:
    """Grocker's own lock file: written, or removed; later edits make it stale."""
    path = project.root / "grocker.lock"
    if path.exists() and project.random.random() < 0.4:
        path.unlink()
        return "remove grocker.lock"
    project.run(["lock", str(project.root)])
    return "grocker lock"


def lock_elsewhere(project: Project) -> str:
    """Another tool's lock file, with other versions, or less than is needed."""
    path = project.root / "pylock.toml"
    if path.exists() and project.random.random() < 0.5:
        path.unlink()
        return "remove pylock.toml"
    index = project.world.index
    files = [file for name in ("alpha", "beta", "gamma") for file in index.files(name)]
    text = 'lock-version = "1.0"\ncreated-by = "tests"\n'
    for name in project.random.sample(("alpha", "beta", "gamma"), project.random.choice((2, 3, 3))):
        file = project.random.choice([one for one in files if one.name.startswith(name)])
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        url = f"{index.url.removesuffix('/simple')}/files/{file.name}"
        text += f'[[packages]]\nname = "{name}"\nversion = "{file.name.split("-")[1]}"\n'
        text += f'wheels = [{{ url = "{url}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    path.write_text(text)
    return f"write pylock.toml: {text.count('[[')} packages"


# -- around the project -----------------------------------------------------------------------------------------------


def change_environment(project: Project) -> str:
    if project.environ.pop("SOURCE_DATE_EPOCH", None) is None:
        project.environ["SOURCE_DATE_EPOCH"] = str(project.random.randint(10**9, 2 * 10**9))
    return f"environment {project.environ}"


def change_options(project: Project) -> str:
    project.options = project.random.choice(([], ["--label", "a=b"], ["--tag", "shop:x"], ["--label", "a=c"]))
    return f"options {project.options}"


def change_clock(project: Project) -> str:
    """A minute forth or an hour back."""
    project.ahead += project.random.choice((60, -3600 if project.ahead > 3700 else 3600))
    project.latest = max(project.latest, project.ahead)
    return f"the clock is {project.ahead} s ahead"


def publish(project: Project) -> str | None:
    """A new release of a dependency, and the next day, when a build asks for one."""
    if project.published >= 3:
        return None
    project.published += 1
    # Answers that were given before the clock was set back are a day old, too.
    project.ahead = project.latest = project.latest + DAY + 60
    version = f"1.{project.published}"
    make_wheel(project.world.index.directory, "gamma", version, {"gamma.py": f"x = {project.published}\n"})
    return f"publish gamma {version}, and wait for a day"


def change_nothing(project: Project) -> str:
    return "nothing"


Edit = Callable[[Project], str | None]
EDITS: tuple[Edit, ...] = (
    *(rewrite, rewrite_in_hiding, exchange, write_anew, change_code, change_django),
    *(add, add, add_in_hiding, take_away, rename, make_directory, remove_directory, rename_directory),
    *(change_mode, link, replace_by_link, touch),
    *(change_version, change_dependencies, change_scripts, change_settings, change_variables, change_services),
    *(change_back_end, change_ignored, change_repository, lock, lock_elsewhere),
    *(change_environment, change_options, change_clock, publish, change_nothing),
)
MORE_EDITS: Mapping[str, tuple[Edit, ...]] = {
    # Each back end is to be followed by edits of what it copies.
    "package": (change_back_end, change_back_end, change_code, change_code, change_code, rewrite, write_anew),
}
"""for one kind of project"""
