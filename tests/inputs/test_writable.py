"""Paths that an application writes to: those of the settings, and those that are recognised."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.inputs.writable import from_settings, link, recognise, recognise_installed
from grocker.tar.entry import Entry, File, Symlink

ROOTS = ("opt/app", "opt/app/src")
SQLITE = "'ENGINE': 'django.db.backends.sqlite3', 'NAME': "
BASE = "BASE_DIR = Path(__file__).resolve().parent.parent\n"
OLD = "BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"


def entries(**files: str) -> list[Entry]:
    """``a__b_py`` for ``/opt/app/a/b.py``."""
    return [File(f"opt/app/{n.replace('__', '/').replace('_', '.')}", t.encode()) for n, t in sorted(files.items())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{BASE}{SQLITE}BASE_DIR / 'db.sqlite3'", ["db.sqlite3"]),
        (f"{BASE}{SQLITE}str(BASE_DIR / 'data' / 'db.sqlite3')", ["data/db.sqlite3"]),
        (f"{OLD}{SQLITE}os.path.join(BASE_DIR, 'data', 'x.db')", ["data/x.db"]),
        (f"{BASE}env.db(default=f'sqlite:///{{BASE_DIR / \"db.sqlite3\"}}')", ["db.sqlite3"]),
        (f"{BASE}env.db(default=f'sqlite:///{{BASE_DIR}}/var/x.sqlite')", ["var/x.sqlite"]),
        (f"BASE_DIR = Path(__file__).parents[0]\n{SQLITE}BASE_DIR / 'db.sqlite3'", ["mysite/db.sqlite3"]),
        (f"{SQLITE}'db.sqlite3'", ["db.sqlite3"]),
        (f"{SQLITE}'/opt/app/x.db'", ["x.db"]),
        (f"{SQLITE}'/media/x.db'", []),
        (f"{SQLITE}':memory:'", []),
        (f"{BASE}ENGINE = 'postgresql'; KEY = BASE_DIR / 'x.db'", []),
        (f"{BASE}{SQLITE}BASE_DIR.parent.parent / 'x.db'", []),
    ],
)
def test_sqlite_of_django_is_recognised_when_its_settings_place_it_beside_the_code(text: str, found: list[str]) -> None:
    tree = entries(mysite__settings_py=text)
    assert [(one.path, one.is_directory) for one in recognise(tree, ROOTS, "mysite.settings")] == [
        (path, False) for path in found
    ]


@pytest.mark.parametrize(
    "text",
    [
        "basedir = os.path.abspath(os.path.dirname(__file__))\nURI = 'sqlite:///' + os.path.join(basedir, 'app.db')",
        "class A:\n    base_dir = Path(__file__).parent\n    URI = f'sqlite:///{base_dir}/app.db'",
    ],
)
def test_sqlite_is_recognised_in_any_module_that_gives_its_address(text: str) -> None:
    assert [one.text for one in recognise(entries(config_py=text), ROOTS, None)] == ["app.db"]
    assert recognise(entries(config_py=text.replace("sqlite", "postgres")), ROOTS, None) == ()


def test_sqlite_is_recognised_in_a_settings_package() -> None:
    base = BASE.replace("parent\n", "parent.parent\n") + f"{SQLITE}BASE_DIR / 'db.sqlite3'"
    tree = entries(mysite__settings__base_py=base, mysite__settings__production_py="from .base import *")
    assert [one.path for one in recognise(tree, ROOTS, "mysite.settings.production")] == ["db.sqlite3"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"app_py": "from flask import Flask\napp = Flask(__name__, instance_relative_config=True)"}, ["instance"]),
        ({"src__shop__db_py": "from flask import current_app\nprint(current_app.instance_path)"}, ["src/instance"]),
        ({"db_py": "from flask_sqlalchemy import SQLAlchemy\nURI = 'sqlite:///x.db'"}, ["instance"]),
        (
            {
                "app_py": "from flask import Flask\napp = Flask(__name__)",
                "config_py": "URI = 'sqlite:///x.db'",
                "db_py": "import flask_sqlalchemy",
            },
            ["instance"],
        ),
        ({"db_py": "from flask_sqlalchemy import SQLAlchemy\nURI = 'sqlite:////x.db'"}, []),
        ({"app_py": "from flask import Flask\nx.instance_path", "instance__x_cfg": ""}, []),
        ({"app_py": "from flask import Flask\napp = Flask(__name__)"}, []),
    ],
)
def test_instance_folder_of_flask_is_recognised_when_it_is_used_and_empty(
    files: dict[str, str], found: list[str]
) -> None:
    assert [(one.path, one.text) for one in recognise(entries(**files), ROOTS, None)] == [
        (path, f"{path}/") for path in found
    ]


def test_path_in_another_one_is_not_recognised_nor_below_a_link_nor_in_tests() -> None:
    flask = "from flask import Flask\nprint(app.instance_path)\nBASE_DIR = Path(__file__).parent\n"
    tree = entries(app_py=f"{flask}A = f'sqlite:///{{BASE_DIR}}/instance/x.db'\nB = BASE_DIR / 'link/y.db'")
    tree += entries(tests__conftest_py="BASE_DIR = Path(__file__).parent\nA = f'sqlite:///{BASE_DIR}/t.db'")
    assert [one.path for one in recognise([*tree, Symlink("opt/app/link", "elsewhere")], ROOTS, None)] == ["instance"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("app = Flask(__name__, instance_relative_config=True)", ["shop.web-instance"]),
        ("app = Flask('shop')\nprint(app.instance_path)", ["shop-instance"]),
        ("app = Flask(__name__)", []),
    ],
)
def test_instance_folder_of_an_installed_package_is_recognised_where_flask_has_it(code: str, found: list[str]) -> None:
    installed = [File("site/shop/__init__.py", b""), File("site/shop/web.py", code.encode())]
    paths = recognise_installed(installed, "site")
    assert [(one.path, one.link) for one in paths] == [(name, f"opt/venv/var/{name}") for name in found]
    assert link(paths, []) == tuple(Symlink(f"opt/venv/var/{name}", f"/media/{name}") for name in found)


def test_links_lead_into_media_and_what_was_there_is_kept_for_the_first_start() -> None:
    tree = entries(app_py="", data__a_txt="a", database_txt="")
    linked = link(from_settings(["./data/", "var/x.db"], None, tree), tree)
    assert sorted(linked, key=lambda entry: entry.path) == [
        File("opt/app/app.py", b""),
        Symlink("opt/app/data", "/media/data"),
        File("opt/app/database.txt", b""),
        Symlink("opt/app/var/x.db", "/media/var/x.db"),
        File("opt/grocker/writable/data/a.txt", b"a"),
    ]


def test_link_of_the_application_is_no_writable_path() -> None:
    tree = [*entries(app_py=""), Symlink("opt/app/data", "elsewhere")]
    with pytest.raises(SettingsError, match="writable: 'data' is a link"):
        from_settings(["data/uploads"], None, tree)


def test_file_that_stays_out_of_the_image_is_no_writable_directory(tmp_path: Path) -> None:
    (tmp_path / "state.json").touch()
    (tmp_path / "x.sqlite3").touch()
    with pytest.raises(SettingsError, match=r"writable: 'state\.json' is a file"):
        from_settings(["state.json"], tmp_path, [])
    assert [one.text for one in from_settings(["x.sqlite3"], tmp_path, [])] == ["x.sqlite3"]


def test_directories_that_the_application_makes_are_recognised_unless_they_have_files() -> None:
    text = "import os\nhere = os.path.dirname(__file__)\nfor_all = [here]\n"
    text += "".join(
        f"os.makedirs(here + '/{name}', exist_ok=True)\n" for name in ("data", "data/cache", "static", "kept")
    )
    tree = [
        File("opt/app/shop/__init__.py", text.encode()),
        File("opt/app/shop/static/a.css", b"a"),
        File("opt/app/shop/kept/.gitkeep", b""),
    ]
    found = recognise(tree, ROOTS, None)
    assert [one.text for one in found] == ["shop/data/", "shop/kept/"]
    assert {entry.path for entry in link(found, tree)} == {
        "opt/app/shop/__init__.py",
        "opt/app/shop/static/a.css",
        "opt/grocker/writable/shop/kept/.gitkeep",
        "opt/app/shop/data",
        "opt/app/shop/kept",
    }


def test_directories_that_a_package_makes_are_links_where_it_is_installed() -> None:
    site = "opt/venv/lib/python3.13/site-packages"
    text = (
        "import os\nos.makedirs(os.path.join(os.path.dirname(__file__), 'build'), exist_ok=1)\nos.mkdir('/media/x')\n"
    )
    code = [File(f"{site}/shop/__init__.py", text.encode()), File(f"{site}/shop/build/.gitignore", b"*")]
    found = recognise_installed(code, site)
    assert [(one.text, one.link, one.target) for one in found] == [
        ("shop/build/", f"{site}/shop/build", "/media/shop/build")
    ]
    assert link(found, code)[1].path == "opt/grocker/writable/shop/build/.gitignore"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("os.makedirs('logs', exist_ok=True)", ["logs/"]),
        ("Path('./data/uploads').mkdir(parents=True, exist_ok=True)", ["data/uploads/"]),
        ("handler = RotatingFileHandler('logs/app.log', maxBytes=1)", ["logs/"]),
        ("logging.basicConfig(level=1, filename='bot.log')", ["bot.log"]),
        (
            "D = os.path.join(os.path.dirname(os.path.dirname(__file__)), 'logs')\nos.makedirs(D, exist_ok=True)",
            ["logs/"],
        ),
        (f"{BASE}LOGS = BASE_DIR / 'logs'\nLOGS.mkdir(exist_ok=True)", ["logs/"]),
        (f"{BASE}LOGS = BASE_DIR / 'logs'\n", []),
        ("D = os.path.join(tempfile.gettempdir(), 'x')\nos.makedirs(D, exist_ok=True)\nHERE = __file__", []),
        (
            "os.makedirs('/var/log/shop')\nos.makedirs(path)\nos.makedirs('../x')",
            [],
        ),
        ("os.makedirs('mysite', exist_ok=True)", []),
        ("os.mkdir('cache')", []),
    ],
)
def test_directories_and_logs_that_the_code_creates_are_recognised(text: str, found: list[str]) -> None:
    tree = [*entries(mysite__log_py=text), File("opt/app/logs/.gitkeep", b"")]
    assert [one.text for one in recognise(tree, ROOTS, None)] == found


def test_directory_that_an_installed_package_creates_beside_its_code_is_recognised() -> None:
    site = "opt/venv/lib/python3.13/site-packages"
    code = b"D = os.path.join(os.path.dirname(os.path.dirname(__file__)), 'logs')\nos.makedirs(D, exist_ok=1)\n"
    found = recognise_installed([File(f"{site}/shop/core/log.py", code)], site)
    assert [(one.path, one.is_directory, one.link) for one in found] == [("shop/logs", True, f"{site}/shop/logs")]
