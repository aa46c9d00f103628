"""What an image has beside an application, where its services start, and scripts as applications."""

from __future__ import annotations

import pytest

from grocker.errors import SettingsError
from grocker.inputs.application import Application
from grocker.inputs.produced import Produced
from grocker.progress import Silent
from grocker.python.source_tree import SourceFile
from grocker.tar.entry import File, Symlink
from tests.inputs.conftest import Workplace

SITE = "opt/venv/lib/python3.13/site-packages"


def links(application: Application) -> dict[str, str]:
    return {one.path: one.target for one in application.installed.entries if isinstance(one, Symlink)}


def files(application: Application) -> list[str]:
    return [
        one.path for one in application.installed.entries if isinstance(one, File) and one.path.startswith("opt/app")
    ]


@pytest.mark.parametrize(("modules", "beside"), [("", SITE), ("src/", SITE.removesuffix("/site-packages"))])
def test_files_beside_a_package_are_found_from_its_modules_and_from_opt_app(
    workplace: Workplace, modules: str, beside: str
) -> None:
    project = dict.fromkeys((f"{modules}demo/__init__.py", f"{modules}demo/own.txt", "CHANGELOG.md", "other"), "")
    project |= {"conf/a.ini": "", "conf/.env": "", "conf/__pycache__/a.pyc": ""}
    application = workplace.package(project, files=["CHANGELOG.md", "conf/", f"{modules}demo/own.txt"])
    own = f"opt/app/{modules}demo/own.txt"
    assert files(application) == sorted(["opt/app/CHANGELOG.md", "opt/app/conf/a.ini", own])
    assert links(application) == {
        f"{beside}/CHANGELOG.md": "/opt/app/CHANGELOG.md",
        f"{beside}/conf/a.ini": "/opt/app/conf/a.ini",
    }
    assert application.directory == "/opt/app"
    assert str(workplace.place / "./conf/a.ini") in application.files
    progress = workplace.context.progress
    assert isinstance(progress, Silent)
    assert [text for text, _ in progress.warnings] == [
        "left out of the image because they look like secrets: conf/.env"
    ]


def test_digest_of_a_package_follows_the_files_beside_it(workplace: Workplace) -> None:
    plain = workplace.package({"a.txt": "1"})
    first = workplace.package({"a.txt": "1"}, files=["a.txt"])
    second = workplace.package({"a.txt": "2"}, files=["a.txt"])
    assert len({plain.wheel, first.wheel, second.wheel}) == 3
    assert plain.directory is None


def test_writable_path_of_a_package_is_where_its_modules_and_its_services_look(workplace: Workplace) -> None:
    application = workplace.package({"var/seed.txt": ""}, writable=["var"], files=["var/seed.txt"])
    assert links(application) == {"opt/app/var": "/media/var", f"{SITE}/var": "/opt/app/var"}
    assert files(application) == []
    with pytest.raises(SettingsError, match="writable: the wheel of demo has files in 'demo'"):
        workplace.package({}, writable=["demo"])


@pytest.mark.parametrize(
    ("workdir", "directory"),
    [
        ("jobs", "/opt/app/jobs"),
        ("./jobs/", "/opt/app/jobs"),
        ("/opt/app", "/opt/app"),
        ("now/deep", "/opt/app/now/deep"),
        ("/media/spool", "/media/spool"),
        ("/home/blue", "/home/blue"),
        ("data/spool", "/opt/app/data/spool"),
    ],
)
def test_service_starts_in_its_working_directory(workplace: Workplace, workdir: str, directory: str) -> None:
    workplace.write({"tree/app.py": "", "tree/jobs/a.py": "", "tree/v1/deep/b.txt": ""})
    (workplace.place / "tree" / "now").symlink_to("v1")
    services = {"a": {"command": "true", "workdir": workdir}, "b": {"command": "true"}}
    application = workplace.load("./tree", services=services, writable=["data"])
    table = application.services.table
    assert (table["a"].directory, table["b"].directory, application.directory) == (directory, None, "/opt/app")


@pytest.mark.parametrize("workdir", ["nowhere", "app.py", "/srv/x", "/opt/apples", "/opt/venv/nowhere"])
def test_working_directory_is_refused_when_the_image_has_none(workplace: Workplace, workdir: str) -> None:
    workplace.write({"tree/app.py": ""})
    with pytest.raises(SettingsError, match=r"services\.a\.workdir: the image has no directory"):
        workplace.load("./tree", services={"a": {"command": "true", "workdir": workdir}})


def test_files_that_git_or_dockerignore_ignore_are_in_a_tree_when_they_are_named(workplace: Workplace) -> None:
    workplace.write({"tree/app.py": "", "tree/made/a.txt": "", "tree/b.txt": "", "tree/.dockerignore": "made\nb.txt\n"})
    assert files(workplace.load("./tree")) == ["opt/app/app.py"]
    expected = ["opt/app/app.py", "opt/app/b.txt", "opt/app/made/a.txt"]
    assert files(workplace.load("./tree", files=["made"], include=["b.txt"])) == expected


SCRIPT = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["idna==3.4"]\n# ///\n'


def test_script_is_a_tree_of_one_file_with_a_command_and_a_service(workplace: Workplace) -> None:
    workplace.write({"Daily Report.py": f"#!/usr/bin/env -S uv run --script\n{SCRIPT}", "helper.py": ""})
    (workplace.place / "Daily Report.py").chmod(0o755)
    application = workplace.load("Daily Report.py")
    assert files(application) == ["opt/app/Daily Report.py"]
    assert (application.installed.name, application.installed.metadata.requires) == ("daily-report", ("idna==3.4",))
    assert application.services.table["Daily-Report"].command == ("python", "/opt/app/Daily Report.py")
    command = next(one for one in application.installed.entries if one.path == "opt/venv/bin/Daily-Report")
    assert isinstance(command, File)
    assert b"runpy.run_path('/opt/app/Daily Report.py', run_name='__main__')" in bytes(command.data)  # type: ignore[arg-type]
    assert (application.commands, application.project) == (("Daily-Report",), None)


@pytest.mark.parametrize(
    ("name", "code", "services"),
    [
        ("site.py", "from fastapi import FastAPI\napp = FastAPI()\n", {"www": "site:app"}),
        ("chart.py", "import streamlit as st\n", {"www": None}),
        ("python.py", "print(1)\n", {"python": None}),
    ],
)
def test_script_is_served_like_a_tree_when_it_is_a_web_application(
    workplace: Workplace, name: str, code: str, services: dict[str, str | None]
) -> None:
    workplace.write({name: SCRIPT + code})
    application = workplace.load(name)
    assert {service: one.asgi for service, one in application.services.table.items()} == services
    paths = [one.path for one in application.installed.entries]
    assert ("opt/venv/bin/python" in paths, len(paths)) == (False, len(set(paths)))


def test_files_that_commands_wrote_are_beside_a_package_whose_wheel_lacks_them(workplace: Workplace) -> None:
    made = workplace.place.parent / "made"
    made.mkdir()
    (made / "file").write_text("built")
    paths = ("demo/own.txt", "front/dist/main.js", "src/x.css")
    written = tuple(SourceFile(path, "0" * 64, place=str(made / "file")) for path in paths)
    application = workplace.package({"demo/__init__.py": ""}, Produced(written, (), False, ("/watched",)))
    assert files(application) == ["opt/app/front/dist/main.js", "opt/app/src/x.css"]
    assert links(application)[f"{SITE}/front/dist/main.js"] == "/opt/app/front/dist/main.js"
    assert application.directory == "/opt/app"
    assert "/watched" in application.files
    assert not any("main.js" in path for path in application.files)
    named = workplace.package({"demo/__init__.py": ""}, Produced(written[1:2], (), False, ()), files=["front/dist"])
    assert files(named) == ["opt/app/front/dist/main.js"]


def test_message_catalogs_are_compiled_where_the_project_has_not_done_so(workplace: Workplace) -> None:
    catalog = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\nmsgid "a"\nmsgstr "b"\n'
    places = ("locale/de/LC_MESSAGES/django.po", "locale/fr/LC_MESSAGES/django.po", "locale/it/LC_MESSAGES/django.po")
    workplace.write({"app.py": "", **dict.fromkeys(places, catalog), places[1]: "nonsense"})
    workplace.write({"locale/it/LC_MESSAGES/django.mo": "its own"})
    application = workplace.load("./")
    found = {one.path: one.data for one in application.installed.entries if one.path.endswith(".mo")}  # type: ignore[union-attr]
    assert sorted(found) == [f"opt/app/locale/{one}/LC_MESSAGES/django.mo" for one in ("de", "it")]
    assert found["opt/app/locale/de/LC_MESSAGES/django.mo"][:4] == b"\xde\x12\x04\x95"  # type: ignore[index]
    assert found["opt/app/locale/it/LC_MESSAGES/django.mo"] == b"its own"
    progress = workplace.context.progress
    assert isinstance(progress, Silent)
    assert [text for text, _ in progress.warnings] == [
        (
            "the messages in opt/app/locale/fr/LC_MESSAGES/django.po are not compiled: "
            "line 1: expected msgid, msgstr or a comment"
        )
    ]
    assert {one.path: one for one in workplace.load("./").installed.entries} == {
        one.path: one for one in application.installed.entries
    }
