"""What maintainer scripts changed in a root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from grocker.debian.capabilities import encode
from grocker.debian.effects import Changes, find_changes, read_listing
from grocker.errors import CorruptError
from grocker.tar.entry import Directory, File, Symlink


def listing(lines: Sequence[str]) -> bytes:
    """A listing; each line ``TYPE MODE UID GID STATE PATH [TARGET]``."""
    found = b""
    for line in lines:
        *attributes, state, path, target = (*line.split(), "")[:7]
        record = "\t".join((*attributes, state, "1", "0.0", "0.0", path))
        found += f"{record}\0{target}\0".encode()
    return found


def changes(
    before: Sequence[str], after: Sequence[str], contents: Mapping[str, bytes] | None = None, capabilities: bytes = b""
) -> Changes:
    read = (contents or {}).get
    listings = read_listing(listing(before)), read_listing(listing(after), capabilities)
    return find_changes(*listings, lambda path: read(path, path.encode()))


def test_what_is_new_or_changed_becomes_an_entry_with_its_mode_and_owner() -> None:
    kept = ["f 644 0 0 2 /etc/kept", "d 755 0 0 3 /var/kept"]
    found = changes(
        [*kept, "l 777 0 0 3 /etc/link a", "f 755 0 0 4 /etc/tab", "f 644 0 0 5 /etc/text", "d 755 0 0 6 /etc/spool"],
        [
            *kept,
            *("l 777 0 0 8 /etc/link b", "f 2755 0 101 4 /etc/tab", "f 644 0 0 7 /etc/text"),
            *("d 1730 0 101 6 /etc/spool", "d 755 0 0 1 /etc/new"),
        ],
    )
    assert found.entries == (
        Symlink("etc/link", "b"),
        Directory("etc/new"),
        Directory("etc/spool", 0o1730, 0, 101),
        File("etc/tab", b"etc/tab", 0o2755, 0, 101),
        File("etc/text", b"etc/text"),
    )


def test_file_that_got_a_capability_becomes_an_entry_with_it() -> None:
    ping = ["f 755 0 0 1 /usr/bin/ping"]
    found = changes(ping, ping, capabilities=b"/usr/bin/ping cap_net_raw=ep\n")
    assert found.entries == (File("usr/bin/ping", b"usr/bin/ping", 0o755, 0, 0, encode("cap_net_raw=ep")),)


def test_directory_is_no_change_when_only_its_time_differs() -> None:
    assert changes(["d 755 0 0 1 /etc"], ["d 755 0 0 2 /etc"]).entries == ()


@pytest.mark.parametrize(
    "path",
    [
        *("/run/x", "/var/log/x.log", "/var/lib/dpkg/status", "/var/cache/debconf/config.dat", "/etc/passwd-"),
        *("/etc/rc2.d/S01cron", "/etc/systemd/system/multi-user.target.wants/cron.service", "/etc/ld.so.cache"),
        *("/usr/lib/python3/dist-packages/__pycache__/x.cpython-313.pyc", "/usr/sbin/policy-rc.d", "/etc/machine-id"),
        "/var/lib/postgresql/17/main/PG_VERSION",
    ],
)
def test_what_an_image_has_no_use_for_is_left_out(path: str) -> None:
    assert changes([], [f"f 644 0 0 1 {path}"]).entries == ()


def test_private_key_is_left_out_with_its_public_one_when_a_script_made_it() -> None:
    key = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"A" * 70 + b"\n-----END OPENSSH PRIVATE KEY-----\n"
    after = ["f 600 0 0 1 /etc/ssh/key", "f 644 0 0 1 /etc/ssh/key.pub", "f 644 0 0 1 /etc/ssh/sshd_config"]
    found = changes([], after, {"etc/ssh/key": key, "etc/ssh/sshd_config": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n>"})
    assert [entry.path for entry in found.entries] == ["etc/ssh/sshd_config"]
    assert found.secrets == ("etc/ssh/key",)


def test_what_is_gone_is_named() -> None:
    before = ["f 644 0 0 1 /usr/a", "f 644 0 0 1 /run/b", "d 755 0 0 1 /usr/c", "f 644 0 0 1 /usr/c/d"]
    assert changes(before, []).removed == ("usr/a", "usr/c")


def test_name_may_hold_any_byte_but_nul() -> None:
    [path] = read_listing(b"f\t644\t0\t0\t1\t1\t0\t0\t/a\tb\n\xff\0\0")
    assert path == "a\tb\n\udcff"


@pytest.mark.parametrize("data", [b"f\t644\0\0", b"f\tx\t0\t0\t1\t1\t0\t0\t/a\0\0", b"f\t644\t0\t0\t1\t1\t0\t0\t/a\0"])
def test_listing_is_corrupt_when_it_is_malformed(data: bytes) -> None:
    with pytest.raises(CorruptError):
        read_listing(data)
