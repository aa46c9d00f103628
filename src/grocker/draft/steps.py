"""Translate the commands of ``RUN``.

Packages become dependencies, what builds do anyway is dropped, the rest is remarked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grocker.config import command_lines
from grocker.config.dockerfile import Instruction
from grocker.draft.values import Findings, Remark
from grocker.regex import regex
from grocker.runner.contract.names import MEDIA

_PACKAGE = regex(r"[a-z0-9][a-z0-9+.-]+(?:=[0-9][A-Za-z0-9.+:~-]*)?\Z")
_BUILD_TOOLS = frozenset(
    (
        *(
            "gcc",
            "g++",
            "build-essential",
            "make",
            "cmake",
            "clang",
            "llvm",
            "autoconf",
            "automake",
            "libtool",
            "rustc",
        ),
        *("sudo", "gnupg", "gnupg2", "apt-transport-https", "software-properties-common", "lsb-release", "dirmngr"),
        *("cargo", "pkg-config", "pkgconf", "ninja-build", "swig", "bison", "flex", "gfortran", "patch", "python3-dev"),
    )
)
_PYTHON = regex(r"python3?(?:\.\d+)?(?:-(?:pip|venv|distutils|setuptools|wheel|minimal|full))?\Z")
_NOTHING_LEFT = frozenset(
    (
        *(
            "rm",
            "mkdir",
            "chown",
            "chmod",
            "useradd",
            "adduser",
            "groupadd",
            "addgroup",
            "usermod",
            "set",
            "cd",
            "echo",
        ),
        *(
            "true",
            "touch",
            "apt-mark",
            "apt-cache",
            "dpkg-reconfigure",
            "ldconfig",
            "find",
            "export",
            "test",
            "[",
            "fi",
        ),
        *("printf", "install", "done", "pip-compile", "venv", "virtualenv", "compileall", "source", ".", "esac", "ls"),
    )
)
"""programs whose work builds do anyway, or which leave nothing that an image needs"""
_CONTROL = frozenset({"for", "while", "until", "case", "select"})
_FRONT_END = frozenset({"npm", "npx", "yarn", "pnpm", "bun", "corepack", "node"})
FRONT_END = "list its commands in [tool.grocker.build], or run it before grocker build; git must not ignore its output"
"""said of what builds a front end, unless the draft has commands for it"""
_DOWNLOADS = frozenset({"curl", "wget", "git"})
_SERVERS = frozenset({"gunicorn", "uvicorn", "granian", "pip", "setuptools", "wheel", "poetry", "pipenv", "pdm", "uv"})


def translate_step(found: Findings, one: Instruction, place: str) -> None:
    """Translate a ``RUN``. A step with loops or conditions gets one remark."""
    steps = tuple(command_lines.commands(" ".join(one.words) if one.words else one.text))
    reasons = [(f"RUN {' '.join(words)}", why) for words in steps if (why := _translate(found, words))]
    if any(words[0] in _CONTROL for words in steps) and reasons:
        reasons = [(f"RUN {one.text}", "; ".join(dict.fromkeys(why for _, why in reasons)))]
    for what, why in reasons:
        (found.front_end_remarks if why == FRONT_END else found.remarks).append(Remark(place, what, why))


def _translate(found: Findings, words: Sequence[str]) -> str:
    """Take a command over; return why it is not, or an empty text."""
    program = words[0].rpartition("/")[2]
    if program.startswith("python") and words[1:2] == ("-m",) and len(words) > 2:
        return _translate(found, words[2:])
    if program in ("apt-get", "apt", "aptitude"):
        return _translate_packages(found, words)
    if program in ("apk", "dnf", "yum", "microdnf"):
        return "images are based on Debian: list Debian's names of these packages under dependencies"
    if program in ("pip", "pip3", "uv", "poetry", "pipenv", "pdm", "pipx", "conda", "mamba"):
        return _translate_requirements(program, words)
    if "collectstatic" in words:
        found.static = True
        return ""
    if "compilemessages" in words:
        return ""  # builds do that
    if program == "pybabel" and "compile" in words:
        return "run it before grocker build; git must not ignore its output"
    if program in _FRONT_END:
        return FRONT_END
    if program in _DOWNLOADS:
        return f"builds do not download files: put the files into the project, or fetch them into {MEDIA} at the start"
    if program in _NOTHING_LEFT:
        return ""
    return "list it in [tool.grocker.build], put its result into the project, or run it at the start"


def _translate_packages(found: Findings, words: Sequence[str]) -> str:
    if "install" not in words:
        return ""
    compiling, unknown = [], []
    options = False
    for word in words[words.index("install") + 1 :]:
        if word.startswith("-"):
            options = word in ("-t", "-o", "--target-release")
        elif options:
            options = False
        elif not _PACKAGE.match(word):
            unknown.append(word)
        elif word in _BUILD_TOOLS or word.endswith("-dev"):
            compiling.append(word)
        elif word != "ca-certificates" and not _PYTHON.match(word):
            found.depend(word)
    reasons = []
    if compiling:
        reasons.append(f"{', '.join(compiling)}: for the build only; grocker build warns of libraries that wheels lack")
    if unknown:
        reasons.append(f"{', '.join(unknown)}: not the name of a Debian package")
    return "; ".join(reasons)


def _translate_requirements(program: str, words: Sequence[str]) -> str:
    """Return which requirements of a ``pip install`` the project does not name itself."""
    if program not in ("pip", "pip3", "uv") or "install" not in words:
        return ""
    named, value = [], False
    for word in words[words.index("install") + 1 :]:
        if word.startswith("-"):
            value = word in ("-r", "-c", "-e", "-i", "-f", "--requirement", "--constraint", "--index-url", "--prefix")
            value = value or word in ("--extra-index-url", "--target", "-t", "--trusted-host", "--python", "--editable")
        elif value:
            value = False
        elif not word.startswith((".", "/", "$")) and re.split(r"[\[<>=!~;@ ]", word)[0].lower() not in _SERVERS:
            named.append(word)
    return f"add to the project's own requirements: {', '.join(named)}" if named else ""
