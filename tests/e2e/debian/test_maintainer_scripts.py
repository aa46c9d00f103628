"""Maintainer scripts of Debian's own packages, run in the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import debian
from grocker import digest as digests
from grocker.cli.request import open_context
from grocker.config.settings import Settings
from grocker.context import Context, download
from grocker.debian.capabilities import encode
from grocker.debian.effects import Changes
from grocker.inputs.archive import resolve_names
from grocker.layers.scripts import ScriptRun, run_scripts
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.platforms.target import Target, select_target
from grocker.tar.entry import Directory, File, Symlink
from tests.support.archive import Package
from tests.support.compilers import warm
from tests.support.side_by_side import directory

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.long(80)]

_BUILD = """
import sys
from grocker.cli.main import main
from grocker.layers import scripts
from grocker.tar.entry import Symlink
if sys.argv.pop(1) == "failing":
    scripts._HOSTS = Symlink("usr/local/sbin/fc-cache", "/bin/false")
main()
"""
"""builds, with a program in the sandbox that fails"""
NAMES = ("graphviz", "nginx", "redis-server", "tdsodbc", "unixodbc", "java-common")
REMOVING = Package(
    "removing",
    architecture="all",
    files={"usr/share/removing/template": "moved", "usr/share/removed/a/b": "gone", "usr/share/kept": "kept"},
    control={
        "postinst": "#!/bin/sh\nset -e\nmv /usr/share/removing/template /etc/removing\nrm -r /usr/share/removed\n"
        "rm /usr/bin/ucf\n"
    },
)
"""a package whose script removes files: of its own, and one that is not in the image"""
TARGET: Target = select_target("trixie", f"linux/{'arm64' if os.uname().machine == 'aarch64' else 'amd64'}")


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    environ = {**os.environ, "GROCKER_CACHE": str(directory() / "archive")}
    with open_context(environ, quiet=True) as opened:
        yield opened


def configured(context: Context, packages: DebianAnswer, pending: tuple[str, ...], epoch: int = 1) -> Changes:
    tools = resolve_names(context, Settings(), TARGET.suite.tools, TARGET, refresh=False)
    own = {package.name for package in packages.packages}
    others = replace(tools, packages=tuple(package for package in tools.packages if package.name not in own))
    return run_scripts(context, ScriptRun(packages, pending, others, TARGET, ("blue", 1000), epoch))


@pytest.fixture(scope="module")
def packages(context: Context) -> DebianAnswer:
    names = sorted({*TARGET.suite.base, *TARGET.interpreter_packages, *NAMES})
    found = resolve_names(context, Settings(), names, TARGET, refresh=False)
    data = REMOVING.deb()
    digest = digests.of(data)
    context.store.keep_download([data], digest=digest, size=len(data), what="removing")
    removing = DebianPackage("removing", "1.0-1", "all", "trixie", REMOVING.path, len(data), digest)
    return replace(found, packages=(*found.packages, removing))


def test_scripts_have_their_effects_and_the_same_ones_twice(context: Context, packages: DebianAnswer) -> None:
    def read(one: DebianPackage) -> debian.Facts:
        address = f"{packages.mirrors[one.suite]}/{one.filename}"
        file = download(context, address, digest=one.sha256, size=one.size, what=one.name)
        return debian.unpack(file, name=one.name).facts

    facts = [read(one) for one in packages.packages]
    pending = debian.find_pending(facts)
    assert {"redis-server", "tdsodbc"} < set(pending)
    assert "libc6" not in pending
    first = configured(context, packages, pending)
    assert configured(context, packages, pending) == first
    assert first.removed == ("usr/share/removed", "usr/share/removing/template")
    found = {entry.path: entry for entry in first.entries}
    assert found["etc/removing"] == File("etc/removing", b"moved")
    spool, settings = found["var/lib/redis"], found["etc/redis/redis.conf"]
    assert isinstance(spool, Directory)
    assert isinstance(settings, File)
    assert (spool.mode, settings.mode) == (0o750, 0o640)
    assert spool.uid == settings.uid > 0
    passwd, drivers = found["etc/passwd"], found["etc/odbcinst.ini"]
    assert isinstance(passwd, File)
    assert isinstance(passwd.data, bytes)
    assert f"redis:x:{spool.uid}:".encode() in passwd.data
    assert b"blue:x:1000:0:" in passwd.data
    assert isinstance(drivers, File)
    assert isinstance(drivers.data, bytes)
    assert b"[FreeTDS]" in drivers.data
    assert any(path.endswith("/graphviz/config6a") for path in found)
    assert not [path for path in found if path.startswith(("var/lib/dpkg/", "run/", "var/log/"))]
    assert not any(isinstance(entry, Symlink) and entry.path.startswith("etc/rc") for entry in first.entries)


@pytest.mark.parametrize(
    ("more", "mode", "capability"), [((), 0o4755, ""), (("libcap2-bin",), 0o755, "cap_net_raw=ep")]
)
def test_file_gets_the_capability_where_setcap_is_installed_and_else_the_setuid_bit(
    context: Context, more: tuple[str, ...], mode: int, capability: str
) -> None:
    names = sorted({*TARGET.suite.base, *TARGET.interpreter_packages, "mtr-tiny", *more})
    found = configured(context, resolve_names(context, Settings(), names, TARGET, refresh=False), ("mtr-tiny",))
    [packet] = found.entries
    assert isinstance(packet, File)
    assert (packet.path, packet.mode, packet.uid, packet.gid) == ("usr/bin/mtr-packet", mode, 0, 0)
    assert packet.capability == (encode(capability) if capability else b"")


def test_script_that_the_image_does_without_is_omitted_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('here')\n")
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "grocker.toml").write_text('dependencies = ["fontconfig"]\n')
    environ = {**os.environ, "GROCKER_CACHE": str(warm(tmp_path / "cache"))}

    def build(fails: bool, *options: str) -> tuple[list[dict[str, str]], list[str], str]:
        line = [sys.executable, "-c", _BUILD, "failing" if fails else "sound"]
        line += ["build", str(tmp_path), "--output", "store", "--json", *options]
        done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        [image] = json.loads(done.stdout)["images"]
        return image["omitted"], [layer["name"] for layer in image["layers"]], done.stderr

    lacking, names, said = build(True)
    assert [one["package"] for one in lacking] == ["fontconfig"]
    assert lacking[0]["reason"].startswith("it failed; fills a cache")
    assert "maintainer scripts" not in names
    assert "not run on this host: fontconfig's maintainer script (it failed; fills a cache" in said

    (tmp_path / "app.py").write_text("print('there')\n")
    assert build(False)[:2] == (lacking, names)  # it does not run again

    lacking, names, _ = build(False, "--refresh")
    assert lacking == []
    assert "maintainer scripts" in names
