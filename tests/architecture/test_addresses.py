"""No tracked file names a package registry (every user has another one) or a place on its author's machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

# In pieces, so that this file is not found by its own search.
WELL_KNOWN = tuple(
    ".".join(labels)
    for labels in (
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
    )
)
_HOST = re.compile(r"https?://(?:[^/@\s'\"]*@)?([^/:\s'\"\]]+)")
_FILE = re.compile(r"(?:file://|(?<=[\s='\"]))(/[\w.-]+/[\w.-]+)")


def _configuration() -> str:
    """What this host's apt, pip, uv and npm are set to."""
    home = Path.home()
    files = [
        Path("/etc/apt/sources.list"),
        *sorted(Path("/etc/apt/sources.list.d").glob("*")),
        home / ".config/uv/uv.toml",
        Path("/etc/uv/uv.toml"),
        home / ".npmrc",
        Path("/etc/npmrc"),
    ]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files if os.access(path, os.R_OK)]
    pip = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    variables = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NPM_CONFIG_"))]
    return "\n".join([*texts, pip.stdout, *variables])


def _forbidden() -> list[str]:
    configuration = _configuration()
    hosts = {host for host in _HOST.findall(configuration) if "." in host and not host[0].isdigit()}
    places = {place for place in _FILE.findall(configuration) if place.startswith(("/opt/", "/srv/", "/mnt/"))}
    return sorted({*WELL_KNOWN, *hosts, *places, str(ROOT)})


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]


def test_tracked_files_name_no_registry_and_no_place_of_this_machine() -> None:
    forbidden = re.compile("|".join(rf"(?<![\w.-]){re.escape(text)}(?![\w-])" for text in _forbidden()))
    named = []
    for path in _tracked():
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found = forbidden.search(line)
            if found:
                named.append(f"{path.relative_to(ROOT)}:{number}: {found.group()}")
    assert named == []
