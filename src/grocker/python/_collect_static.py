"""The program that runs collectstatic in the image's environment: read as text by ``collectstatic``, never imported.

Its argument is JSON: the directory that STATIC_ROOT becomes, and the file for the answer. The answer is JSON: what
``collectstatic.CollectAnswer`` has. Whatever the settings do, there is an answer, unless the process dies.
"""

import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Callable

MOST = 50  # variables that settings lack
LACKING = re.compile(
    r"KeyError: ['\"](?P<key>[A-Z][A-Z0-9_]+)['\"]$|(?P<undefined>[A-Z][A-Z0-9_]+) not found\. Declare it"
    r"|(?P<first>\b[A-Z][A-Z0-9_]{2,}\b)\W.*"
    r"(?:environment variable|env var|not set|must be set|is required|is missing|Field required)"
    r"|(?:environment variable|env var|[Ss]et the|[Mm]issing)\b.*?(?P<last>\b[A-Z][A-Z0-9_]{2,}\b)"
)
HARMLESS = (
    ("STATIC_URL", "/static/"),
    ("STATIC_ROOT", "/opt/static"),
    ("ENGINE", "django.db.backends.sqlite3"),
    ("BACKEND", "django.db.backends.sqlite3"),
    ("EMAIL", "nobody@localhost"),
    ("HOST", "localhost"),
    ("DOMAIN", "localhost"),
    ("URL", "http://localhost"),
    ("URI", "http://localhost"),
    ("KEY", "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop"),
    ("SECRET", "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop"),
)  # by what is in a name; every other variable is 0, which is a number, a truth value and a text


def main() -> None:
    output, answer = json.loads(sys.argv[1])
    opened = set()  # of paths

    def watch(event: str, arguments: "tuple[object, ...]") -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith(".py"):
            opened.add(arguments[0])

    sys.addaudithook(watch)
    try:
        result = collect(output)
    except BaseException as error:  # noqa: BLE001 - settings may call sys.exit
        result = {"error": traceback.format_exception_only(type(error), error)[-1].splitlines()[0]}
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    # Settings may run files that they do not import, an import may have failed, and static files may be Python's.
    read = {os.path.abspath(file) for file in (*files, *opened) if isinstance(file, str)}
    result["read"] = sorted({*read, *map(os.path.realpath, read)})
    with open(answer, "w", encoding="utf-8") as stream:
        json.dump(result, stream)
    sys.stdout.flush()
    os._exit(0)  # threads of the application may run on


def collect(output: str) -> "dict[str, object]":
    settings = importlib.import_module("django.conf").settings
    load(lambda: settings.INSTALLED_APPS)
    if not any("static" in name.lower() for name in settings.INSTALLED_APPS):
        return {}  # the result depends on the settings alone, not on models
    root, settings.STATIC_ROOT = settings.STATIC_ROOT, output  # before an application makes its storage
    importlib.import_module("django").setup()
    if not importlib.import_module("django.apps").apps.is_installed("django.contrib.staticfiles"):
        return {}
    command = importlib.import_module("django.core.management").call_command
    command("collectstatic", interactive=False, verbosity=0)
    enabled = getattr(settings, "COMPRESS_ENABLED", not settings.DEBUG)
    if importlib.import_module("django.apps").apps.is_installed("compressor") and enabled and settings.COMPRESS_OFFLINE:
        command("compress", force=True, verbosity=0)  # below STATIC_ROOT, and pages fail without it
    return {
        "is_installed": True,
        "root": os.path.abspath(root) if root else "",
        "url": settings.STATIC_URL or "",
        "serves_itself": any("whitenoise" in name.lower() for name in settings.MIDDLEWARE),
    }


def load(read: "Callable[[], object]") -> None:
    """Load the settings by reading one, with a harmless value for each variable of the environment that they lack."""
    for _ in range(MOST):
        try:
            read()
        except BaseException as error:
            found = LACKING.search(f"{type(error).__name__}: {' '.join(str(error).split())}")
            name = next(filter(None, found.groups()), "") if found else ""
            if not name or name in os.environ:
                raise
            os.environ[name] = next((value for part, value in HARMLESS if part in name), "0")
        else:
            return


main()
