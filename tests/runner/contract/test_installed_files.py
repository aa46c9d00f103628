from __future__ import annotations

import configparser
import subprocess

from grocker.runner.contract import installed_files as texts


def test_texts_programs_are_valid() -> None:
    assert sorted(texts.PROGRAMS) == ["django-admin.py", "grocker-runner"]
    compile(texts.PROGRAMS["grocker-runner"], "grocker-runner", "exec")
    assert texts.PROGRAMS["grocker-runner"].startswith("#!/usr/bin/python3 -IS\n")
    subprocess.run(["sh", "-n"], input=texts.PROGRAMS["django-admin.py"], text=True, check=True)


def test_texts_default_settings_are_those_of_the_contract() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(texts.DEFAULT_SETTINGS)
    assert parser["django"]["media_root"] == "/media"
    assert parser["dev"]["debug_toolbar"] == "false"
