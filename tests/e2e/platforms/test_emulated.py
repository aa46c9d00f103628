"""What has to run for another architecture runs in an emulator, where `--emulate` allows it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import textwrap
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from grocker.sandbox.emulation import NoEmulatorError, require_emulator
from tests.e2e.platforms.conftest import FOREIGN
from tests.support.compilers import NAME, SMALL, write_project

# In one group: the kernel that has an emulator for one test has it for the other.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.network,
    pytest.mark.root,
    pytest.mark.xdist_group("emulator"),
    pytest.mark.long(120),
]

PACKAGE = "redis-tools"
"""its script creates a user, and cannot be done statically"""
BACKEND = """
    import json, os, sys
    from importlib.machinery import EXTENSION_SUFFIXES

    def build_wheel(directory, config_settings=None, metadata_directory=None):
        number = "%d%d" % sys.version_info[:2]
        tag, about = f"cp{number}-cp{number}-linux_{os.uname().machine}", "made_up_small-1.0.dist-info"
        module = "small" + EXTENSION_SUFFIXES[0]
        compiler = os.environ.get("CC", "gcc")
        run(f"{compiler} $CFLAGS -shared -fPIC -I /usr/include/python3.{number[1:]} small.c -o {module}")
        if not os.path.exists(json.__cached__):
            raise RuntimeError(f"{json.__cached__} does not exist")
        os.mkdir(about)
        write(f"{about}/METADATA", "Metadata-Version: 2.1\\nName: made-up-small\\nVersion: 1.0\\n")
        write(f"{about}/WHEEL", f"Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: {tag}\\n")
        write(f"{about}/RECORD", "".join(f"{about}/{name},,\\n" for name in os.listdir(about)) + f"{module},,\\n")
        run(f"zip -qr {directory}/made_up_small-1.0-{tag}.whl {module} {about}")
        return f"made_up_small-1.0-{tag}.whl"

    def run(line):
        if os.system(line):
            raise RuntimeError(line)

    def write(path, text):
        with open(path, "w") as stream:
            stream.write(text)
    """
"""a back end that imports little, which is slow in an emulator even with bytecode, and insists on that"""
SOURCES = {
    "PKG-INFO": SMALL["PKG-INFO"],
    "backend.py": BACKEND,
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    # In the cache of test_arm64, which has the same packages; the wheel alone must not be there from an earlier run.
    files = {**SOURCES, "small.c": f"/* {uuid.uuid4()} */\n{textwrap.dedent(SMALL['small.c'])}"}
    made = write_project(tmp_path / "project", files=files)
    with (made / "pyproject.toml").open("a") as stream:
        stream.write(f'dependencies = ["{PACKAGE}"]\n[tool.grocker.build]\ndependencies = ["zip"]\n')
    return made


def grocker(command: str, project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "grocker", command, str(project), "--platform", f"linux/{FOREIGN.name}", *options]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_emulate_is_an_error_with_a_remedy_when_the_kernel_has_no_emulator(project: Path, tmp_path: Path) -> None:
    with suppress(NoEmulatorError):
        (tmp_path / "scratch").mkdir()
        require_emulator(FOREIGN.name, tmp_path / "scratch")
        pytest.skip("an emulator is registered here")
    failed = grocker("build", project, "--emulate", "--output", "store")
    assert failed.returncode == 69
    assert failed.stderr.splitlines() == [
        f"error: cannot emulate {FOREIGN.name} on {os.uname().machine}: the kernel knows no emulator (binfmt_misc)",
        f"hint: register an emulator for {FOREIGN.name} (Debian: sudo apt install qemu-user-static binfmt-support)",
    ]


@pytest.mark.usefixtures("emulator")
def test_sdist_is_compiled_and_maintainer_scripts_run_in_an_emulator(project: Path, tmp_path: Path) -> None:
    refused = grocker("build", project, "--output", "store")
    assert refused.returncode == 66
    assert f"{NAME} 1.0 (cannot be compiled for {FOREIGN.name} on {os.uname().machine})" in refused.stderr
    assert f"hint: add --emulate: this machine has an emulator for {FOREIGN.name}" in refused.stderr

    built = grocker("build", project, "--emulate", "--output", f"oci:{tmp_path}/image")
    assert built.returncode == 0, built.stderr
    assert built.stderr.count(f"warning: programs for {FOREIGN.name} run in an emulator") == 1
    root = unpack(tmp_path / "image", tmp_path / "root")
    [user] = [line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("redis:")]
    assert (root / "var/lib/redis").stat().st_uid == int(user.split(":")[2])
    code = "import os, small; print(os.uname().machine, small.__name__)"
    done = subprocess.run(
        ["chroot", str(root), "/opt/venv/bin/python", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin"},
    )
    assert (done.stdout, done.returncode) == (f"{FOREIGN.machine} small\n", 0), done.stderr

    planned = json.loads(grocker("plan", project, "--emulate", "--json").stdout)["platforms"][0]
    assert planned["compiled"] == [f"{NAME} 1.0"]
    assert PACKAGE in planned["maintainer_scripts"]
    assert planned["emulated"]
    assert not any(layer["run"] for layer in planned["layers"])


def unpack(image: Path, root: Path) -> Path:
    def blob(digest: str) -> bytes:
        return (image / "blobs" / digest.replace(":", "/")).read_bytes()

    [manifest] = json.loads((image / "index.json").read_bytes())["manifests"]
    root.mkdir()
    for layer in json.loads(blob(manifest["digest"]))["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blob(layer["digest"]))) as archive:
            archive.extractall(root, numeric_owner=True)  # no filter: Python 3.11.2 has none, and the layers are ours
    return root
