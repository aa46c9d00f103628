"""Maintainer scripts that run: what is said of those that fail, and of those that cannot run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.cli.request import open_context
from grocker.layers import scripts
from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE
from grocker.platforms.target import select_target
from grocker.sandbox.run import CHOICES, NoSandboxError
from tests.debian.test_scripts import facts

OUTPUT = """\
Setting up first (1) ...
fine
Setting up redis-server (5:8.0) ...
chown: invalid user: 'redis'
dpkg: error processing package redis-server (--configure):
 installed redis-server package post-installation script subprocess returned error exit status 1
Setting up later (1) ...
"""


def test_failure_names_the_package_and_shows_what_it_said() -> None:
    error = scripts.describe_failure(OUTPUT, 123)
    assert error.message.splitlines() == [
        "maintainer scripts of redis-server failed: exit status 123",
        "    Setting up redis-server (5:8.0) ...",
        "    chown: invalid user: 'redis'",
        "    dpkg: error processing package redis-server (--configure):",
        "     installed redis-server package post-installation script subprocess returned error exit status 1",
    ]
    assert error.hint == 'to build without them, set configure = "static" in [tool.grocker.debian]'


def test_failure_shows_the_end_when_dpkg_names_no_package() -> None:
    error = scripts.describe_failure("".join(f"line {number}\n" for number in range(30)), 1)
    assert error.message.splitlines()[0] == "maintainer scripts failed: exit status 1"
    assert error.message.splitlines()[1:] == [f"    line {number}" for number in range(10, 30)]


@pytest.mark.parametrize(
    ("hint", "choice"), [(CHOICES, "allow user namespaces"), ("build on an arm64 host", "build on an arm64 host; or")]
)
def test_error_without_a_sandbox_says_what_the_image_would_lack(hint: str, choice: str) -> None:
    package = facts(postinst="#!/bin/sh\nadduser --system hello\nmkdir /var/lib/hello\n")
    error = scripts.describe_refusal([package], NoSandboxError("no user namespaces", hint=hint))
    assert error.message == "cannot run the maintainer scripts of hello: no user namespaces"
    assert error.hint is not None
    assert "hello: its user or group does not exist; its directories in /var are missing" in error.hint
    assert 'set configure = "static" in [tool.grocker.debian]' in error.hint
    assert error.hint.startswith(choice)


def test_scripts_for_another_machine_cannot_run_unless_they_are_emulated(tmp_path: Path) -> None:
    [other] = [name for name, row in ARCHITECTURES.items() if row.machine != os.uname().machine]
    with open_context({**os.environ, "GROCKER_CACHE": str(tmp_path)}, quiet=True) as context:
        target = select_target("trixie", f"linux/{other}")
        assert not scripts.can_run(context, target)
        own = select_target("trixie", f"linux/{BY_MACHINE[os.uname().machine].name}")
        assert scripts.can_run(replace(context, emulates=True), target) == scripts.can_run(context, own)
