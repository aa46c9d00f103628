"""The program that runs collectstatic in the image's environment: read as text by ``collectstatic``, never imported.

Its argument is JSON: the directory that STATIC_ROOT becomes, and the file for the answer. The answer is JSON: what
``collectstatic.CollectAnswer`` has. Whatever the settings do, there is an answer, unless the process dies.
"""

import importlib
import json
import os
import sys
import traceback


def main() -> None:
    output, answer = json.loads(sys.argv[1])
    try:
        result = collect(output)
    except BaseException as error:  # noqa: BLE001 - settings may call sys.exit
        result = {"error": traceback.format_exception_only(type(error), error)[-1].splitlines()[0]}
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    result["read"] = sorted({os.path.abspath(file) for file in files if isinstance(file, str)})
    with open(answer, "w", encoding="utf-8") as stream:
        json.dump(result, stream)
    sys.stdout.flush()
    os._exit(0)  # threads of the application may run on


def collect(output: str) -> "dict[str, object]":
    settings = importlib.import_module("django.conf").settings
    if not any("static" in name.lower() for name in settings.INSTALLED_APPS):
        return {}  # the result depends on the settings alone, not on models
    root, settings.STATIC_ROOT = settings.STATIC_ROOT, output  # before an application makes its storage
    importlib.import_module("django").setup()
    if not importlib.import_module("django.apps").apps.is_installed("django.contrib.staticfiles"):
        return {}
    command = importlib.import_module("django.core.management").call_command
    command("collectstatic", interactive=False, verbosity=0)
    return {
        "is_installed": True,
        "root": os.path.abspath(root) if root else "",
        "url": settings.STATIC_URL or "",
        "serves_itself": any("whitenoise" in name.lower() for name in settings.MIDDLEWARE),
    }


main()
