"""The program that calls a PEP 517 back end in its environment: read as text by ``backend``, never imported.

Its argument is JSON: backend, backend-path, directory for the wheel, file for the answer, names of what is installed.
The answer is JSON: ``wheel``, its file name; or ``missing``, the further
requirements of the back end; and ``loaded``, sources in the environment, which is never written to from here.
"""

import importlib
import json
import os
import sys


def main() -> None:
    backend, paths, directory, answer, names = json.loads(sys.argv[1])
    sys.path[:0] = [os.path.abspath(path) for path in paths]
    module, _, attributes = backend.partition(":")
    found = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    asked = found.get_requires_for_build_wheel(None) if hasattr(found, "get_requires_for_build_wheel") else []
    missing = [text for text in asked if distribution(text) not in names]
    result = {"missing": missing} if missing else {"wheel": found.build_wheel(directory, None, None)}
    result["loaded"] = loaded()
    with open(answer, "w", encoding="utf-8") as stream:
        json.dump(result, stream)


def distribution(requirement: str) -> str:
    """The normalised name in a requirement."""
    import re  # most back ends have none

    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def loaded() -> list[str]:
    """The sources of modules loaded from the environment that have no bytecode yet."""
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    found = [(getattr(spec, "origin", None), getattr(spec, "cached", None)) for spec in specs]
    prefix = sys.prefix + os.sep
    return [source for source, cached in found if source and cached and source.startswith(prefix)]


main()
