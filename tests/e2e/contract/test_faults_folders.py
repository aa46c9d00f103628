"""Items 10, 11, 12, 27 and 29: what the operator's folders may hold, and who looks at it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import Done, Folders
from tests.e2e.contract.lab import Lab

_ONCE = RestartLimit(times=0, seconds=1)


def _is_78(done: Done, words: str) -> None:
    assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1), done
    assert words in done.err


@pytest.fixture(scope="session")
def lab_options() -> Sequence[str]:
    """Namespaces can be made in it."""
    return ("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")


# 10


@pytest.mark.fault(number=10)
def test_fault_10_config_may_be_forbidden_absent_or_empty(lab: Lab) -> None:
    host = lab.folders
    assert lab.run("echo", "empty").out == "empty\n"
    host.app.rmdir()
    assert lab.run("echo", "absent").out == "absent\n"
    host.config.chmod(0o700)
    _is_78(lab.run("true", user="4242"), "/config/app: cannot be listed by uid 4242")
    host.config.chmod(0o755)
    host.app.write_text("")
    _is_78(lab.run("true"), "/config/app: not a directory")
    host.app.unlink()
    host.app.symlink_to("app")
    _is_78(lab.run("true"), "/config/app: cannot be listed by uid 1000: Too many levels of symbolic links")
    host.app.unlink()
    host.app.mkdir()
    (host.app / "90_x.ini").touch(mode=0o600)
    os.chown(host.app / "90_x.ini", 4242, 4242)
    _is_78(lab.run("true"), "/config/app/90_x.ini: not readable for uid 1000")


# 11, 12


@pytest.mark.fault(number=11)
def test_fault_11_hundred_megabytes_are_refused_and_twenty_thousand_keys_read(lab: Lab) -> None:
    lines = b"".join(b"key%d = value %%(literal)s\n" % number for number in range(20_000))
    path = lab.folders.app / "90_big.ini"
    path.write_bytes(b"[big]\n" + lines * (100_000_000 // len(lines) + 1))
    _is_78(lab.run("true"), "/config/app/90_big.ini: ")
    path.write_bytes(b"[big]\n" + lines)
    done = lab.run("sh", "-c", 'tail -c 200 "$GROCKER_CONFIG_FILE" | grep -c "%(literal)s"')
    assert (done.status, done.err) == (0, ""), done


@pytest.mark.fault(number=11)
@pytest.mark.fault(number=12)
def test_fault_12_names_may_be_anything_that_a_file_system_takes(lab: Lab) -> None:
    names = (
        b"90_" + b"x" * 248 + b".ini",
        b"90_\n.ini",
        b"90_\xff\xfe.ini",
        b"90_ .ini",
        b"90_*.ini",
        b"90_;$(reboot).ini",
    )
    for number, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(lab.folders.app) + b"/" + name)).write_text(f"[x]\nk{number} = v\n")
    done = lab.run("sh", "-c", 'grep -c "^k[0-5] = v" "$GROCKER_CONFIG_FILE"; ls -1q ${POLLS_SITE_CONFIG%/*} | wc -l')
    assert (done.status, done.out, done.err) == (0, "6\n7\n", "")
    Path(os.fsdecode(os.fsencode(lab.folders.app) + b"/91_\n\xff\x1b[2J.ini")).write_text("bad\n")
    done = lab.run("true")
    _is_78(done, "/config/app/91_\\n")
    assert "\x1b" not in done.err


@pytest.mark.fault(number=12)
def test_fault_12_a_thousand_files_are_read(lab: Lab) -> None:
    for number in range(1000):
        (lab.folders.app / f"{number}_x.ini").write_text(f"[x]\nlast = {number}\n")
    done = lab.run("sh", "-c", 'cat "$GROCKER_CONFIG_FILE"')
    assert "last = 999\n" in done.out


# 27


@pytest.mark.fault(number=27)
def test_fault_27_identity_may_be_any(lab: Lab) -> None:
    lab.services({"x": Service(command="id -un; id -u; id -g; echo ~", restart=_ONCE)})
    for user, lines in {
        "12345:0": ["blue", "12345", "0", "/home/blue"],
        "1000:54321": ["blue", "1000", "54321", "/home/blue"],
        "12345:54321": ["blue", "12345", "54321", "/home/blue"],
        "2147483647:2147483647": ["blue", "2147483647", "2147483647", "/home/blue"],
    }.items():
        done = lab.run("start", "x", user=user)
        assert (done.status, done.out.splitlines()) == (1, lines), (user, done)
    assert lab.run("sh", "-c", "echo ~ $HOME", shell="unset HOME").out == "/home/blue /home/blue\n"
    assert lab.run("sh", "-c", "echo ~", given={"HOME": "/nonexistent"}).out == "/home/blue\n"


@pytest.mark.fault(number=27)
def test_fault_27_home_that_cannot_be_written_is_73_when_something_is_for_it(lab: Lab) -> None:
    lab.folders.ssh.mkdir()
    (lab.folders.ssh / "key").write_text("key")
    done = lab.run("echo", "x", user="4242:4242")
    assert (done.status, done.out, len(done.complaints)) == (73, "", 1)
    assert "/home/blue/.ssh: cannot be written by uid 4242" in done.err


# 29


@pytest.mark.fault(number=29)
def test_fault_29_file_that_is_replaced_while_it_is_copied_is_copied_or_refused(lab: Lab) -> None:
    """By a link that leads out, a pipe, a directory: again and again, as fast as can be."""
    lab.folders.ssh.mkdir()
    outcomes = json.loads(lab.python("replaced", "15", root=True))
    assert set(outcomes["statuses"]) <= {0, 78}, outcomes
    assert len(set(outcomes["statuses"])) == 2, "both were seen"
    assert set(outcomes["copied"]) <= {"key\n", ""}, outcomes


@pytest.mark.fault(number=29)
def test_fault_29_thousand_files_are_copied_and_include_is_followed(lab: Lab) -> None:
    lab.folders.ssh.mkdir()
    for number in range(1000):
        (lab.folders.ssh / f"key{number}").write_text("key\n")
    (lab.folders.ssh / "config").write_text("Include more\nInclude config.d/*\n")
    (lab.folders.ssh / "more").write_text("Host there\n  HostName 192.0.2.1\n")
    done = lab.run("sh", "-c", "ls ~/.ssh | wc -l; ssh -TG there | grep ^hostname")
    assert (done.out, done.err) == ("1002\nhostname 192.0.2.1\n", "")


@pytest.mark.fault(number=29)
def test_fault_29_names_may_be_anything_that_a_file_system_takes(lab: Lab, folders: Folders) -> None:
    lab.folders.ssh.mkdir()
    names = (b"x" * 255, b"\n", b"\xff\xfe", b" ", b"-rf", b"*")
    for name in names:
        Path(os.fsdecode(os.fsencode(lab.folders.ssh) + b"/" + name)).write_text("key\n")
    done = lab.run("sh", "-c", "ls -1q ~/.ssh | wc -l")
    assert (done.status, done.out, done.err) == (0, f"{len(names)}\n", "")
