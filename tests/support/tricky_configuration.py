"""Configuration that tells readers apart: what each key must be, by C3 and C4, whoever reads it."""

from __future__ import annotations

import configparser
import json

BASE = "[django]\nmedia_root = /media\n[order]\nbase = 50\nlower = 50\n"
"""the image's 50_default_settings.ini"""

FILES: dict[str, bytes] = {
    "5_five.ini": b"[order]\nbase = 5\nfive = 5\nten = 5\n",
    "10_ten.ini": b"[order]\nbase = 10\nten = 10\nlower = 10\n",
    "050_zeros.ini": b"[order]\nequal = 050\nnames = 050\n",
    "50_app.ini": b"[order]\nequal = 50_app\n",
    "50_default_settings.ini": b"[order]\nequal = same name\nbase = operator\n",
    "90-dash.ini": b"[order]\nninety = 90-dash\nhundred = 90\n",
    "100_hundred.ini": b"[order]\nhundred = 100\n",
    "200_bom.ini": "\ufeff[text]\nbom = ça ☃\n".encode(),
    "201_crlf.ini": "[text]\r\ncrlf = one\r\nunicode = Łódź 日本語\r\nlong = one\r\n  two\r\n\r\n  three\r\n".encode(),
    "202_default.ini": b"[DEFAULT]\ntop = for all\nlevel = default\n[DEFAULT]\nlater = again\n[text]\nlevel = own\n",
    "203_again.ini": b"[text]\nMixed Case : kept\nempty =\nquoted = \"a\" 'b'\nhash = a # b ; c\nequals = a=b:c\n",
    "204_percent.ini": b"[text]\npercent = %(nothing)s %d 100% %%\n",
    "local.ini": b"[order]\nninety = local\n",
    "ignored.bak": b"[order]\nninety = bak\n",
}
ENVIRON = {"TEXT_CRLF": "given", "LATER": "", "NOTHING_OF_THE_KIND": "x"}
"""without the namespace in front"""

EXPECTED: dict[str, str] = {
    "django.media_root": "/media",
    "order.base": "operator",
    "order.five": "5",
    "order.ten": "10",
    "order.lower": "50",
    "order.equal": "same name",
    "order.names": "050",
    "order.ninety": "local",
    "order.hundred": "100",
    "text.bom": "ça ☃",
    "text.crlf": "given",
    "text.unicode": "Łódź 日本語",
    "text.long": "one\ntwo\n\nthree",
    "text.level": "own",
    "text.top": "for all",
    "text.mixed case": "kept",
    "text.empty": "",
    "text.quoted": "\"a\" 'b'",
    "text.hash": "a # b ; c",
    "text.equals": "a=b:c",
    "text.percent": "%(nothing)s %d 100% %%",
    "top": "for all",
    "level": "default",
    "later": "",
    "order.level": "default",
}

GETCONF = """\
import json, sys
from getconf import ConfigGetter
getter = ConfigGetter(sys.argv[1])
def read(key):
    try:
        return getter.getstr(key, "(none)")
    except Exception as error:
        return type(error).__name__
print(json.dumps({key: read(key) for key in sys.argv[2:]}))
"""
"""A program that reads keys with whichever getconf it finds: the namespace, the keys."""


def environ(namespace: str) -> dict[str, str]:
    """ENVIRON in a namespace."""
    return {f"{namespace}_{name}": value for name, value in ENVIRON.items()}


def of_merged(text: str) -> dict[str, str]:
    """What the merged file says of the keys."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {key: parser.get(*_split(key)) for key in EXPECTED}


def of_config(text: str) -> dict[str, str]:
    """What ``grocker-runner config --json`` says of them."""
    sections = json.loads(text)["sections"]
    names = {key: _split(key) for key in EXPECTED}
    return {
        key: str(sections[section].get(name, sections["DEFAULT"].get(name, {"value": "(none)"}))["value"])
        for key, (section, name) in names.items()
    }


def _split(key: str) -> tuple[str, str]:
    section, _, name = key.rpartition(".")
    return section or "DEFAULT", name
