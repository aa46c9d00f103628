"""C4: the getconf library, unmodified, in its releases, reads what the runner prepared; so do the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from grocker.python.indexes import read_pip_indexes
from tests.e2e.contract.engine import Engine, Folders, variables
from tests.support import tricky_configuration as tricky

pytestmark = pytest.mark.network

# 1.2 and older take one file, and know no glob; those before 1.6 interpolate; those before 1.5 have no wheels.
INTERPOLATE = ("1.5.2",)
RELEASES = ("1.11.1", "1.10.0", "1.9.0", "1.8.0", "1.7.1", "1.6.0", *INTERPOLATE)

_ALL = """
namespace=$1; shift
for release in /getconf/*; do
    printf '%s %s\\n' "${release##*/}" "$(PYTHONPATH=$release python -c "$0" $namespace "$@")"
done
printf 'config %s\\n' "$(grocker-runner config --json --show-secrets | tr '\\n' ' ')"
echo merged
cat "$GROCKER_CONFIG_FILE"
"""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for each."""
    place = tmp_path_factory.mktemp("getconf")
    environ = {**os.environ, **read_pip_indexes(os.environ)}
    for release in RELEASES:
        line = ["pip", "install", "--quiet", "--no-deps", "--no-build", "--python", sys.executable]
        done = subprocess.run(
            [find_uv_bin(), *line, "--target", place / release, f"getconf=={release}"],
            env=environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    place.chmod(0o755)
    return place


@pytest.mark.fault(number=14)
def test_C4_getconf_the_merged_file_and_config_say_the_same(engine: Engine, folders: Folders, releases: Path) -> None:
    base = folders.root / "base.ini"
    base.write_text(tricky.BASE)
    base.chmod(0o644)
    for name, data in tricky.FILES.items():
        (folders.app / name).write_bytes(data)
    options = [
        *folders.options,
        *("--volume", f"{releases}:/getconf:ro", "--volume", f"{base}:/opt/grocker/config/50_default_settings.ini:ro"),
        *variables(tricky.environ("POLLS_SITE")),
    ]
    done = engine.run("sh", "-c", _ALL, tricky.GETCONF, "polls_site", *tricky.EXPECTED, options=options)
    assert done.status == 0, done.err
    said, _, merged = done.out.partition("\nmerged\n")
    found = dict(line.split(" ", 1) for line in said.splitlines())
    assert tricky.of_merged(merged) == tricky.EXPECTED
    assert tricky.of_config(found.pop("config")) == tricky.EXPECTED
    assert set(found) == set(RELEASES)
    for release, read in found.items():
        interpolated = {"text.percent": "InterpolationMissingOptionError"} if release in INTERPOLATE else {}
        assert json.loads(read) == {**tricky.EXPECTED, **interpolated}, release
