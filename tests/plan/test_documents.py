"""The documents of the application's layer."""

from __future__ import annotations

import configparser

import pytest

from grocker.errors import SettingsError
from grocker.plan.documents import check_crontab, merge_base_config


def test_base_config_is_grockers_defaults_when_the_application_has_none() -> None:
    text = merge_base_config(None, "").decode()
    assert text == "[django]\nmedia_root = /media\n\n[dev]\ndebug_toolbar = false\n\n"
    assert text == merge_base_config("", "polls/50_default_settings.ini").decode()


def test_base_config_is_overridden_key_by_key_when_the_application_has_one() -> None:
    own = "\ufeff[dev]\ndebug_toolbar = true\n[polls]\ntitle = 100 % ours\n"
    merged = configparser.ConfigParser(interpolation=None)
    merged.read_string(merge_base_config(own, "polls/50_default_settings.ini").decode())
    assert merged["django"]["media_root"] == "/media"
    assert merged["dev"]["debug_toolbar"] == "true"
    assert merged["polls"]["title"] == "100 % ours"


@pytest.mark.parametrize("text", ["key = 1\n", "[a]\n[a]\n", "[a]\nb = 1\nb = 2\n", "[a\n"])
def test_base_config_is_refused_with_its_place_when_it_is_malformed(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        merge_base_config(text, "polls/50_default_settings.ini")
    assert caught.value.message.startswith("polls/50_default_settings.ini: ")


def test_crontab_is_refused_with_file_and_line_when_it_is_malformed() -> None:
    assert check_crontab((None, ""), "blue", ()) is None
    assert check_crontab((b"@daily blue x\n", "polls/crontab"), "blue", ("blue",)) == b"@daily blue x\n"
    with pytest.raises(SettingsError) as caught:
        check_crontab((b"\n@daily blue x\n", "polls/crontab"), "blue", ("polls",))
    assert caught.value.message.startswith("polls/crontab:2: the command starts with the user name 'blue'")
    assert caught.value.status == 78
