"""The two roots of a case: one that Grocker composed, one in which apt installed the same packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grocker.debian import find_mirrors
from grocker.platforms.suites import SUITES
from grocker.sandbox.sandbox import HOSTNAME

_EXCLUDED = """\
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
"""
_PROJECT = """\
[project]
name = "case"
version = "1"
requires-python = ">=3.11"
[tool.grocker]
install = "tree"
dependencies = {packages}
services.www.command = ["python", "main.py"]
[tool.grocker.debian]
suite = "{suite}"
configure = "{configure}"
"""
_ENTER = (
    f"hostname {HOSTNAME} && "
    'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 tmpfs "$0/tmp" &&'
    ' exec chroot --userspec="$1:0" "$0" /usr/bin/env -i'
    " PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ' HOME=/tmp LC_ALL=C.UTF-8 timeout "$3" /bin/sh -ec "cd /tmp; $2"'
)
_INSTALL = (
    "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends"
)
_SECONDS, _INSTALLING = 90, 1800


@dataclass(frozen=True)
class Composed:
    """An image that Grocker built, unpacked."""

    root: Path
    static: Path | None
    """the same without what maintainer scripts did; None if none ran"""
    warned: tuple[str, ...]
    """the packages of which the build warned"""
    static_warned: tuple[str, ...] = ()
    """the packages of which a build warns that runs no scripts"""


class BuildError(Exception):
    """A build that failed; the message is what it said last."""


@contextmanager
def compose(packages: tuple[str, ...], suite: str, work: Path) -> Iterator[Composed]:
    """Build an image with the packages, and unpack it; ``work``: a directory for that."""
    layout, lower = work / "layout", work / "lower"
    warned = _build(packages, suite, "auto", work / "project", layout)
    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    layers = json.loads(_blob(layout, digest).read_bytes())["layers"]
    kinds = [layer["annotations"]["org.grocker.layer.kind"] for layer in layers]
    number = kinds.index("scripts") if "scripts" in kinds else len(layers)
    lower.mkdir()
    for layer in layers[:number]:
        _extract(_blob(layout, layer["digest"]), lower)
    with copy(lower, work / "composed") as root:
        for layer in layers[number:]:
            _extract(_blob(layout, layer["digest"]), root)
        shutil.rmtree(layout)
        if number == len(layers):
            yield Composed(root, None, warned)
        else:
            static = _build(packages, suite, "static", work / "static-project", layout)
            shutil.rmtree(layout)
            yield Composed(root, lower, warned, static)


def _build(
    packages: tuple[str, ...], suite: str, configure: Literal["auto", "static"], project: Path, layout: Path
) -> tuple[str, ...]:
    """Build an image into ``layout``; return the packages of which the build warned."""
    project.mkdir()
    (project / "main.py").write_text("")
    text = _PROJECT.format(packages=json.dumps(packages), suite=suite, configure=configure)
    (project / "pyproject.toml").write_text(text)
    command = [sys.executable, "-m", "grocker", "build", str(project), "--json", "--quiet", "--output", f"oci:{layout}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
        raise BuildError("".join(lines[:1]))
    uncovered = json.loads(done.stdout)["images"][0]["uncovered"]
    return tuple(dict.fromkeys(one["package"] for one in uncovered))


def _extract(layer: Path, root: Path) -> None:
    options = ["--preserve-permissions", "--numeric-owner", "--overwrite", "--xattrs-include=security.capability"]
    _run(["tar", "--extract", "--xattrs", *options, "--file", str(layer), "--directory", str(root)])
    for mark in [*root.rglob(".wh.*")]:  # whiteouts: the layer deletes what has the rest of that name
        _run(["rm", "-rf", str(mark), str(mark.with_name(mark.name.removeprefix(".wh.")))])


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def make_base(place: Path, suite: str) -> Path:
    """Make the root that apt starts from, below ``place``: a minimal system with the packages of every image."""
    base = place / f"base-{suite}"
    if base.exists():
        return base
    new = place / f"base-{suite}.new"
    shutil.rmtree(new, ignore_errors=True)
    row = SUITES[suite]
    include = f"--include={','.join((*row.base, *row.interpreter))}"
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
        config.write(_EXCLUDED)
        config.flush()
        setup = [
            '--setup-hook=mkdir -p "$1/etc/dpkg/dpkg.cfg.d" "$1/usr/sbin"',
            f'--setup-hook=cp {config.name} "$1/etc/dpkg/dpkg.cfg.d/docker"',
            '--setup-hook=printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"',
            '--setup-hook=chmod 755 "$1/usr/sbin/policy-rc.d"',
        ]
        _run(["mmdebstrap", "--quiet", "--variant=apt", *setup, include, suite, str(new), *_sources(suite)])
    shutil.copy("/etc/resolv.conf", new / "etc/resolv.conf")
    done = enter(new, 0, "apt-get -qq update", network=True)
    if done.returncode:
        raise SystemExit(f"error: apt-get update: {done.stderr.strip()}")
    new.rename(base)
    return base


def _sources(suite: str) -> list[str]:
    """Return apt's lines for the archive that Grocker would use."""
    mirrors = find_mirrors(environ=os.environ)
    main, security = mirrors.archive[0], mirrors.security[0]
    return [
        f"deb {main} {suite} main",
        f"deb {main} {suite}-updates main",
        f"deb {security} {suite}-security main",
    ]


@contextmanager
def copy(base: Path, work: Path) -> Iterator[Path]:
    """Make a root that shows ``base`` until something in it changes; ``work``: an empty directory for what does."""
    root, upper, inner = (work / name for name in ("root", "upper", "inner"))
    for place in (work, root, upper, inner):
        place.mkdir()
    options = f"lowerdir={base},upperdir={upper},workdir={inner}"
    _run(["mount", "-t", "overlay", "-o", options, "overlay", str(root)])
    try:
        yield root
    finally:
        _run(["umount", str(root)])


def install(packages: tuple[str, ...], root: Path) -> str:
    """Install the packages with apt; return what apt said if it failed, else nothing."""
    if not packages:
        return ""
    with (root / "etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.1.1\t{HOSTNAME}\n")
    done = enter(root, 0, f"{_INSTALL} {' '.join(packages)}; apt-get clean", network=True)
    return "".join(done.stderr.strip().splitlines()[-1:]) if done.returncode else ""


def enter(root: Path, uid: int, script: str, *, network: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a root as ``uid``; ``network``: with the host's, and for half an hour at most."""
    kinds = ["--mount", "--uts", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
    seconds = str(_INSTALLING if network else _SECONDS)
    return subprocess.run(
        ["unshare", *kinds, "sh", "-c", _ENTER, str(root), str(uid), script, seconds],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
