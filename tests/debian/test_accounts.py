"""Users and groups."""

from __future__ import annotations

import pytest

from grocker.debian import accounts
from grocker.debian.accounts import ImageUser
from grocker.errors import CorruptError, SettingsError
from grocker.tar.entry import File

MASTERS = {
    "usr/share/base-passwd/passwd.master": b"root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/:/nologin\n",
    "usr/share/base-passwd/group.master": b"root:*:0:\nmail:*:8:\nshadow:*:42:\n",
}
BLUE = ImageUser("blue", 1000, "/home/blue")


def files(contents: dict[str, bytes], user: ImageUser = BLUE) -> dict[str, str]:
    found = {}
    for entry in accounts.entries({**MASTERS, **contents}, user):
        assert isinstance(entry, File)
        assert isinstance(entry.data, bytes)
        found[entry.path] = entry.data.decode()
    return found


def test_accounts_are_debians_and_the_applications_when_nothing_is_declared() -> None:
    found = files({})
    assert found["etc/passwd"] == (
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/nologin\nblue:x:1000:0:blue:/home/blue:/bin/bash\n"
    )
    assert found["etc/group"] == "root:x:0:\nmail:x:8:\nshadow:x:42:\n"


def test_nobody_has_a_password() -> None:
    found = files({})
    assert [line.split(":")[1] for line in found["etc/shadow"].splitlines()] == ["*", "*", "*"]
    assert {line.split(":")[1] for line in found["etc/gshadow"].splitlines()} == {"*"}


def test_shadow_is_readable_by_its_group_alone() -> None:
    (shadow,) = (e for e in accounts.entries(MASTERS, BLUE) if e.path == "etc/shadow")
    assert isinstance(shadow, File)
    assert (shadow.mode, shadow.uid, shadow.gid) == (0o640, 0, 42)


def test_declared_accounts_are_made_when_packages_have_sysusers() -> None:
    text = b"""\
# a comment
g render -
u messagebus - "System Message Bus" /run/dbus
u tomcat 53 - - /bin/sh
u! locked 54:mail -
m blue render
r - 500-600
"""
    found = files({"usr/lib/sysusers.d/x.conf": text})
    rows = found["etc/passwd"].splitlines()[3:]
    assert rows == [
        "messagebus:x:998:998:System Message Bus:/run/dbus:/usr/sbin/nologin",
        "tomcat:x:53:53::/:/bin/sh",
        "locked:x:54:8::/:/usr/sbin/nologin",
    ]
    assert "render:x:999:blue\n" in found["etc/group"]


def test_declared_number_is_another_when_the_application_has_it() -> None:
    found = files({"usr/lib/sysusers.d/x.conf": b"u taken 1000\n"})
    assert "taken:x:999:999:" in found["etc/passwd"]


def test_declared_account_is_passed_over_when_its_line_is_malformed() -> None:
    assert files({"usr/lib/sysusers.d/x.conf": b'u "\n\nz what\n'}) == files({})


@pytest.mark.parametrize(
    "user", [ImageUser("nobody", 1000, "/"), ImageUser("blue", 0, "/"), ImageUser("blue", 65534, "/")]
)
def test_user_is_refused_when_debian_has_it(user: ImageUser) -> None:
    with pytest.raises(SettingsError) as caught:
        files({}, user)
    assert caught.value.status == 78
    assert "collides with Debian's own user" in caught.value.message
    assert "uid of at least 1000" in (caught.value.hint or "")


def test_masters_are_refused_when_malformed() -> None:
    with pytest.raises(CorruptError, match="base-passwd"):
        files({"usr/share/base-passwd/passwd.master": b"root:*:0\n"})


@pytest.mark.parametrize(
    "contents",
    [
        {"usr/share/base-passwd/passwd.master": b"\xff:*:0:0:root:/root"},
        {"usr/share/base-passwd/passwd.master": b"root:*:x:0:root:/root:/bin/bash\n"},
        {"usr/share/base-passwd/group.master": b"root:*::\n"},
        {"usr/lib/sysusers.d/a.conf": b'u a - "x:0:0" / /bin/sh\n'},
        {"usr/lib/sysusers.d/a.conf": b"u a:b -\n"},
        {"usr/lib/sysusers.d/a.conf": b"g a:b -\n"},
        {"usr/lib/sysusers.d/a.conf": b"u a 1:b:c\n"},
        {"usr/lib/sysusers.d/a.conf": b"".join(b"u a%d -\n" % number for number in range(1000))},
    ],
)
def test_accounts_of_packages_are_refused_when_malformed(contents: dict[str, bytes]) -> None:
    with pytest.raises(CorruptError):
        files(contents)
