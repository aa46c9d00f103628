"""What Grocker itself puts into an image."""

from __future__ import annotations

import configparser

import pytest

from grocker.builder import contents
from grocker.errors import SettingsError
from grocker.tar.entry import Directory, File, Symlink


def test_base_config_is_grockers_defaults_when_the_application_has_none() -> None:
    text = contents.base_config(None, "").decode()
    assert text == "[django]\nmedia_root = /media\n\n[dev]\ndebug_toolbar = false\n\n"


def test_base_config_is_overridden_key_by_key_when_the_application_has_one() -> None:
    own = "\ufeff[dev]\ndebug_toolbar = true\n[polls]\ntitle = 100 % ours\n"
    merged = configparser.ConfigParser(interpolation=None)
    merged.read_string(contents.base_config(own, "polls/50_default_settings.ini").decode())
    assert merged["django"]["media_root"] == "/media"
    assert merged["dev"]["debug_toolbar"] == "true"
    assert merged["polls"]["title"] == "100 % ours"


@pytest.mark.parametrize("text", ["key = 1\n", "[a]\n[a]\n", "[a]\nb = 1\nb = 2\n", "[a\n"])
def test_base_config_is_refused_with_its_place_when_it_is_malformed(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        contents.base_config(text, "polls/50_default_settings.ini")
    assert caught.value.message.startswith("polls/50_default_settings.ini: ")


def test_runner_is_sources_and_programs_alone() -> None:
    entries = contents.runner()
    assert all(isinstance(entry, File) for entry in entries)
    programs = {entry.path for entry in entries if isinstance(entry, File) and entry.mode == 0o755}
    assert programs == {"opt/grocker/bin/django-admin.py", "opt/grocker/bin/grocker-runner"}
    assert "opt/grocker/lib/grocker_runner/main.py" in {entry.path for entry in entries}
    assert len(contents.runner_digest()) == 64


def test_environment_is_a_virtual_environment_of_the_images_python() -> None:
    entries = {entry.path: entry for entry in contents.environment("3.13", "lock\n")}
    python = entries["opt/venv/bin/python"]
    assert isinstance(python, Symlink)
    assert python.target == "/usr/bin/python3.13"
    configuration = entries["opt/venv/pyvenv.cfg"]
    assert isinstance(configuration, File)
    assert configuration.data == b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13\n"
    assert entries["opt/grocker/grocker.lock"] == File("opt/grocker/grocker.lock", b"lock\n")


def test_mount_points_belong_to_the_images_user() -> None:
    assert set(contents.mount_points("blue", 1000)) >= {
        Directory("media", 0o2775, 1000, 0),
        Directory("scripts", 0o2775, 1000, 0),
        Directory("home/blue", 0o775, 1000, 0),
    }


def test_application_has_a_crontab_when_there_is_one() -> None:
    assert [entry.path for entry in contents.application(b"{}", b"", None)] == [
        "opt/grocker/image.json",
        "opt/grocker/config/50_default_settings.ini",
    ]
    assert File("opt/grocker/crontab", b"@daily x\n") in contents.application(b"{}", b"", b"@daily x\n")


def test_crontab_is_refused_with_file_and_line_when_it_is_malformed() -> None:
    assert contents.checked_crontab((None, ""), "blue", ()) is None
    assert contents.checked_crontab((b"@daily blue x\n", "polls/crontab"), "blue", ("blue",)) == b"@daily blue x\n"
    with pytest.raises(SettingsError) as caught:
        contents.checked_crontab((b"\n@daily blue x\n", "polls/crontab"), "blue", ("polls",))
    assert caught.value.message.startswith("polls/crontab:2: the command begins with 'blue', a user's name")
    assert caught.value.status == 78
