"""Settings are read with the place where each stands, and refused with the place and what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config import files
from grocker.config.files import SettingOrigin
from grocker.config.settings import DebianSettings, RestartSettings, ServiceSettings, Settings
from grocker.errors import SettingsError

SEE = "list the settings and what they expect: grocker help settings"
PROJECT = """\
[project]
name = "polls"

[tool.grocker]
dependencies = ["libpq5", "libxml2=2.12.7+dfsg+really2.9.14-2.1"]
extras = ["postgres"]
env = { A = "1" }

[tool.grocker.debian]
suite = "bookworm"

[tool.grocker.services.www]
wsgi = "polls.wsgi:application"
stop-signal = "QUIT"
restart = { times = 0, seconds = 30 }
[tool.grocker.services."ops-2"]
command = ["python", "-m", "ops"]
"""


def write(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name}.toml").write_text(text, "utf-8")
    return directory


def test_settings_are_the_defaults_when_there_is_no_file(tmp_path: Path) -> None:
    assert files.read(tmp_path).settings == Settings()


def test_settings_are_the_defaults_when_the_project_has_no_table(tmp_path: Path) -> None:
    assert files.read(write(tmp_path, pyproject="[tool.other]\n")).settings == Settings()


def test_settings_are_read_with_their_origins(tmp_path: Path) -> None:
    found = files.read(write(tmp_path, pyproject=PROJECT))
    assert found.settings == Settings(
        dependencies=("libpq5", "libxml2=2.12.7+dfsg+really2.9.14-2.1"),
        extras=("postgres",),
        env={"A": "1"},
        debian=DebianSettings(suite="bookworm"),
        services={
            "www": ServiceSettings(wsgi="polls.wsgi:application", stop_signal="QUIT", restart=RestartSettings(0, 30)),
            "ops-2": ServiceSettings(command=("python", "-m", "ops")),
        },
    )
    assert {key: str(origin) for key, origin in found.origins.items()} == {
        "dependencies": "pyproject.toml:5",
        "extras": "pyproject.toml:6",
        "env.A": "pyproject.toml:7",
        "debian.suite": "pyproject.toml:10",
        "services.www.wsgi": "pyproject.toml:13",
        "services.www.stop-signal": "pyproject.toml:14",
        "services.www.restart.times": "pyproject.toml:15",
        "services.www.restart.seconds": "pyproject.toml:15",
        "services.ops-2.command": "pyproject.toml:17",
    }


@pytest.mark.parametrize(
    "text",
    [
        *(f"{key}\\n{rest}" for key, rest in (('dependencies = ["libpq5', '"]'), ('extras = ["x', '"]'))),
        'namespace = "X\\n"',
        'base-config = "a.ini\\n"',
        'index-url = "https://example.com/\\n"',
        'env = { "A\\n" = "1" }',
        'user = { name = "blue\\n" }',
        'services = { "www\\n" = { command = "x" } }',
        'services = { www = { wsgi = "x:y\\n" } }',
        'services = { www = { command = "x", ready = "/\\n" } }',
        'services = { www = { command = "x", metrics = "/\\n" } }',
        'services = { www = { wsgi = "x:y", static = ["x\\n"] } }',
        'base-config = "a\\u0000"',
        'crontab = "a\\u0000"',
        'env = { A = "\\u0000" }',
        'services = { www = { command = "x\\u0000" } }',
        'services = { www = { command = ["x", "\\u0000"] } }',
        'services = { www = { command = ["", "x"] } }',
    ],
)
def test_settings_are_refused_when_a_line_ends_in_them_or_they_hold_nul(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="grocker.toml:1: "):
        files.read(write(tmp_path, grocker=text))


def test_settings_in_a_file_of_their_own_stand_at_its_top(tmp_path: Path) -> None:
    found = files.read(write(tmp_path, grocker='namespace = "P"\n', pyproject="[project]\n"))
    assert found.settings.namespace == "P"
    assert found.origins["namespace"] == SettingOrigin("grocker.toml", 1)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('suite = "x"', "1: suite: unknown setting", SEE),
        ('\ndepend = ["x"]', "2: depend: unknown setting", SEE),
        ('dependancies = ["x"]', "1: dependancies: unknown setting", "did you mean dependencies?"),
        ("index_url = 1", "1: index_url: unknown setting", "did you mean index-url?"),
        (
            '[services.www]\nwsgi = "a:b"\nStop_Signal = "TERM"',
            "3: services.www.Stop_Signal: unknown setting",
            "did you mean stop-signal?",
        ),
        (
            '[debian]\nsuite = "trixy"',
            "2: debian.suite: expected one of bookworm, forky, trixie, found 'trixy'",
            "did you mean trixie?",
        ),
        ("[debian]\nsuite = 13", "2: debian.suite: expected text, found a number", SEE),
        ('dependencies = "libpq5"', "1: dependencies: expected a list, found text", SEE),
        (
            'dependencies = [\n  "libpq5",\n  "curl; rm -rf /",\n]',
            "3: dependencies[1]: expected a Debian package, NAME or NAME=VERSION, found 'curl; rm -rf /'",
            SEE,
        ),
        ('dependencies = ["libpq5 (>= 15)"]', "1: dependencies[0]: expected a Debian package", SEE),
        ('dependencies = ["--help"]', "1: dependencies[0]: expected a Debian package", SEE),
        ('dependencies = ["libpq5="]', "1: dependencies[0]: expected a Debian package", SEE),
        ("extras = [1]", "1: extras[0]: expected text, found a number", SEE),
        (
            'index-url = "user:secret@host"',
            "1: index-url: expected an https:// or http:// address, found something else",
            SEE,
        ),
        ('base-config = "../secret.ini"', "1: base-config: expected the path of a file inside the project", SEE),
        ('base-config = "/etc/passwd"', "1: base-config: expected the path of a file inside the project", SEE),
        ('base-config = "a/../../b"', "1: base-config: expected the path of a file inside the project", SEE),
        ('env = "A=1"', "1: env: expected a table, found text", SEE),
        ("[build.env]\nHOME = 'x'", "1: build: HOME cannot be set: Grocker fixes it", SEE),
        ("[build.env]\nGIT_DIR = 'x'", "1: build: GIT_DIR cannot be set: Grocker fixes it", SEE),
        ("exclude = ['../x']", "1: exclude[0]: expected a pattern of files inside the project", SEE),
        ("exclude = ['!x']", "1: exclude[0]: expected a pattern of files inside the project", SEE),
        ("exclude = ['/']", "1: exclude[0]: expected a pattern of files inside the project", SEE),
        ("[env]\nA = 12345", "2: env.A: expected text, found a number", SEE),
        ('[env]\n"A B" = "1"', '2: env."A B": expected a variable\'s name: letters, digits and _, found', SEE),
        ("user = { uid = 0 }", "1: user.uid: expected a number of at least 1, found 0", SEE),
        ("user.uid = true", "1: user.uid: expected a whole number, found true", SEE),
        ("user.uid = 5000000000", "1: user.uid: expected a number of at most 4294967294", SEE),
        ('user.name = "Blue"', "1: user.name: expected a user's name", SEE),
        ("debian.check-valid-until = 1979-05-27", "expected true or false, found a date or time", SEE),
        ("services = [1]", "1: services: expected a table, found a list", SEE),
        ("services.www = 1", "1: services.www: expected a table, found a number", SEE),
        (
            '[services.www]\nwsgi = "a:b"\ncommand = "x"',
            "1: services.www: a service needs one of command, wsgi and asgi, got",
            SEE,
        ),
        ('[services.www]\ncommand = " "', "1: services.www: the command is empty", SEE),
        ("[services.www]\ncommand = 1", "2: services.www.command: expected text or a list, found a number", SEE),
        ('[services.www]\ncommand = ["a",\n1]', "3: services.www.command[1]: expected text, found a number", SEE),
        ('[services."a/b"]\ncommand = "x"', '1: services."a/b": expected a service\'s name', SEE),
        (
            '[services.www]\nwsgi = "a:b"\nserver = "uwsgi"',
            "3: services.www.server: expected one of granian, gunicorn, uvicorn, found 'uwsgi'",
            SEE,
        ),
        (
            '[services.www]\nwsgi = "a:b"\nready = "yes"',
            "3: services.www.ready: expected a path that begins with /, or notify, found 'yes'",
            SEE,
        ),
        (
            '[services.www]\nwsgi = "a:b"\nstatic = ["../etc"]',
            "3: services.www.static[0]: expected a directory inside the application's packages, such as mysite/static",
            SEE,
        ),
        (
            '[services.www]\nwsgi = "a:b"\nstatic = "static"',
            "3: services.www.static: expected true or a list, found text",
            SEE,
        ),
        (
            '[services.www]\nwsgi = "a:b"\n[services.www.processes]\nworker = 1',
            "4: services.www.processes.worker: expected text or a list, found a number",
            SEE,
        ),
        (
            '[services.www]\nwsgi = "a:b"\nprocesses = { w = " " }',
            "1: services.www: the command of the process w is empty",
            SEE,
        ),
        ('[services.www]\nwsgi = "a:b"\nserver = "uvicorn"', "does not serve wsgi services; gunicorn or granian", SEE),
        ('[services.www]\ncommand = "a"\nstatic = true', "static and media require a wsgi or asgi service", SEE),
        ('[[services]]\nname = "www"', "1: services: expected a table, found a list", SEE),
    ],
)
def test_setting_is_refused_with_its_place_when_it_cannot_stand(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        files.read(write(tmp_path, grocker=text))
    assert message in raised.value.message
    assert raised.value.message.startswith("grocker.toml:")
    assert hint in (raised.value.hint or "")
    assert "secret@" not in raised.value.message
    assert "12345" not in raised.value.message


def test_all_problems_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[tool.grocker.services.www]
wsgi = "no-colon"
[tool.grocker.services.ops]
[tool.grocker.services.ws]
comand = "x"
[tool.grocker]
extras = 1
env = 2
"""
    with pytest.raises(SettingsError) as raised:
        files.read(write(tmp_path, pyproject=text))
    assert raised.value.message == (
        "pyproject.toml:2: services.www.wsgi: expected MODULE:ATTRIBUTE, as in mysite.wsgi:application, "
        "found 'no-colon'; "
        "pyproject.toml:5: services.ws.comand: unknown setting; "
        "pyproject.toml:7: extras: expected a list, found a number; "
        "pyproject.toml:8: env: expected a table, found a number"
    )


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"a = 1\nb = \n", "grocker.toml:2: not TOML: Invalid value", "fix the line"),
        (b"a = 1\na = 2\n", "grocker.toml:2: not TOML", "fix the line"),
        (b"a = [\n1,\n", "grocker.toml:2: not TOML", "fix the line"),
        (b"a = '\xff'\n", "grocker.toml:1: not UTF-8", "save the file"),
        (b"\xef\xbb\xbfa = 1\n", "grocker.toml:1: not TOML", "byte order mark"),
    ],
)
def test_file_is_refused_with_its_line_when_it_is_not_toml(
    tmp_path: Path, data: bytes, message: str, hint: str
) -> None:
    (tmp_path / "grocker.toml").write_bytes(data)
    with pytest.raises(SettingsError) as raised:
        files.read(tmp_path)
    assert raised.value.message.startswith(message)
    assert hint in (raised.value.hint or "")


def test_file_is_refused_when_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "grocker.toml").mkdir()
    with pytest.raises(SettingsError, match=r"reading .*grocker\.toml: Is a directory"):
        files.read(tmp_path)


def test_tables_of_contents_are_refused_for_layers_that_their_readers_do_not_know(tmp_path: Path) -> None:
    text = '[tool.grocker]\nlazy-pulling = "soci"\ncompression = "zstd"\n'
    with pytest.raises(SettingsError) as caught:
        files.read(write(tmp_path, pyproject=text))
    assert caught.value.message == (
        'pyproject.toml:2: lazy-pulling needs layers compressed by gzip, but compression is "zstd"'
    )


def test_settings_are_refused_when_they_stand_in_two_files(tmp_path: Path) -> None:
    write(tmp_path, grocker="", pyproject="[project]\n[tool.grocker]\n")
    with pytest.raises(SettingsError, match=r"in both grocker\.toml and pyproject\.toml:2 ") as raised:
        files.read(tmp_path)
    assert raised.value.hint == "move the settings of one file into the other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool]\ngrocker = 1", "pyproject.toml:2: tool.grocker is not a table"),
        ("tool = 1", "pyproject.toml:1: tool is not a table"),
    ],
)
def test_settings_are_refused_when_they_are_no_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        files.read(write(tmp_path, pyproject=text))
    assert raised.value.message == message
