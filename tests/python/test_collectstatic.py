"""What a run of collectstatic sees without changing the store; what it left is copied without links."""

from __future__ import annotations

import os
from pathlib import Path

from grocker.python.collectstatic import compose_image, copy_collected, list_files
from grocker.sandbox.sandbox import Bind
from grocker.store import Store, tree_seal
from grocker.tar.entry import Entry, File, Symlink
from tests.support.binds import show_binds

SITE = "opt/venv/lib/python3.13/site-packages"
ENVIRONMENT = {
    f"{SITE}/django/conf.py": "conf",
    f"{SITE}/django/apps.py": "apps",
    f"{SITE}/six.py": "six",
    f"{SITE}/company/base/a.py": "a",
    f"{SITE}/company/shared.py": "the wheel's",
    "opt/venv/bin/django-admin": "admin",
    "opt/python/bin/python3.13": "python",
}
APPLICATION: tuple[Entry, ...] = (
    File(f"{SITE}/company/shop/settings.py", b"settings"),
    File(f"{SITE}/company/shared.py", b"the application's"),
    File("opt/app/manage.py", b"manage"),
)


def make_environment(tree: Path) -> None:
    """Write what an image's environment would have."""
    for path, text in ENVIRONMENT.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    (tree / "opt/venv/bin/django-admin").chmod(0o755)
    (tree / "opt/venv/bin/python").symlink_to("/opt/python/bin/python3.13")


def compose(tmp_path: Path, tree: Path, application: tuple[Entry, ...] = APPLICATION) -> list[Bind]:
    """Compose an image of ``tree`` and an application."""
    (tmp_path / "image").mkdir()
    return compose_image(tree, application, tmp_path / "image")


def test_image_is_the_environment_with_the_application_above_it(tmp_path: Path) -> None:
    make_environment(tmp_path / "tree")
    root = show_binds(compose(tmp_path, tmp_path / "tree"), tmp_path / "root")
    own = {one.path: one.data.decode() for one in APPLICATION if isinstance(one, File) and isinstance(one.data, bytes)}
    shown = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.*") if path.is_file()}
    assert {path: shown.get(path) for path in (*ENVIRONMENT, *own) if "." in path} == {
        path: text for path, text in {**ENVIRONMENT, **own}.items() if "." in path
    }
    assert os.access(root / "opt/venv/bin/django-admin", os.X_OK)
    assert os.readlink(root / "opt/venv/bin/python") == "/opt/python/bin/python3.13"


def test_directories_that_the_application_has_nothing_in_are_shown_whole(tmp_path: Path) -> None:
    make_environment(tmp_path / "tree")
    binds = compose(tmp_path, tmp_path / "tree")
    targets = {bind.target for bind in binds}
    assert binds[0] == Bind(tmp_path / "image/opt", "/opt")
    assert {"/opt/python", "/opt/venv/bin", f"/{SITE}/django", f"/{SITE}/six.py", f"/{SITE}/company/base"} == (
        targets - {"/opt"}
    )
    assert not any(bind.is_writable for bind in binds)


def test_link_of_the_application_covers_a_directory_of_the_environment(tmp_path: Path) -> None:
    make_environment(tmp_path / "tree")
    application = (File("opt/app/django/conf.py", b"own"), Symlink(f"{SITE}/django", "/opt/app/django"))
    binds = compose(tmp_path, tmp_path / "tree", application)
    assert [bind for bind in binds if bind.target.startswith(f"/{SITE}/django")] == []
    assert os.readlink(tmp_path / "image" / SITE / "django") == "/opt/app/django"


def test_environment_is_shown_whole_when_the_application_has_nothing_in_opt(tmp_path: Path) -> None:
    make_environment(tmp_path / "tree")
    root = show_binds(compose(tmp_path, tmp_path / "tree", ()), tmp_path / "root")
    assert (root / SITE / "six.py").read_text() == "six"


def test_tree_of_the_store_is_the_same_after_a_run_and_damage_is_found(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        with store.new_tree("key") as new:
            make_environment(new)
        tree = store.tree("key")
        seal = store.kept("steps", "tree-key")
        assert tree is not None
        assert seal is not None
        with store.scratch() as scratch:
            compose_image(tree, APPLICATION, scratch)
        assert tree_seal.check(tree, seal) == "same"
        module = tree / SITE / "django/conf.py"
        about = module.stat()
        module.write_text("evil")
        os.utime(module, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert store.tree("key") is None


def test_only_regular_files_are_copied_when_a_sandbox_left_others(tmp_path: Path) -> None:
    left, copy = tmp_path / "left", tmp_path / "copy"
    (left / "admin" / "css").mkdir(parents=True)
    copy.mkdir()
    (left / "admin" / "css" / "base.css").write_text("a")
    (left / "admin" / "css" / "base.css").chmod(0)
    (left / "b.js").write_text("b")
    (left / "passwd").symlink_to("/etc/passwd")
    (left / "etc").symlink_to("/etc")
    copy_collected(left, copy)
    assert list(list_files(copy)) == ["b.js", "admin/css/base.css"]
    assert (copy / "admin" / "css" / "base.css").read_text() == "a"
