"""File capabilities as the kernel reads them, from what libcap's programs print."""

from __future__ import annotations

import pytest

from grocker.debian.capabilities import encode, read_listing


@pytest.mark.parametrize(
    ("text", "value"),
    [  # as setcap writes them
        ("cap_net_raw=ep", "0100000200200000000000000000000000000000"),
        ("cap_net_raw+ep", "0100000200200000000000000000000000000000"),
        ("cap_net_bind_service,cap_net_admin,cap_sys_nice=ep", "0100000200148000000000000000000000000000"),
        ("cap_net_admin,cap_net_raw=eip", "0100000200300000003000000000000000000000"),
        ("cap_net_raw=p", "0000000200200000000000000000000000000000"),
        ("cap_net_raw=i", "0000000200000000002000000000000000000000"),
        ("cap_chown=p cap_bpf+ip", "0000000201000000000000008000000080000000"),
        ("cap_chown,cap_kill=ep cap_kill-ep", "0100000201000000000000000000000000000000"),
        ("=ep cap_sys_admin-ep", "01000002ffffdfff00000000ff01000000000000"),
    ],
)
def test_text_of_libcap_becomes_the_attribute(text: str, value: str) -> None:
    assert encode(text).hex() == value


@pytest.mark.parametrize(
    "text", ["", "cap_net_raw", "cap_none=ep", "cap_net_raw=x", "cap_net_raw=ep ", "=ep [rootid=1]"]
)
def test_text_that_names_no_capabilities_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(?:malformed capabilities|unknown capability) "):
        encode(text)


def test_listing_of_getcap_names_each_path_whatever_is_in_it() -> None:
    found = read_listing(b"/usr/bin/ping cap_net_raw=ep\n/srv/a b=c \xff cap_chown=p cap_kill+i\n")
    assert found == {
        "usr/bin/ping": encode("cap_net_raw=ep"),
        "srv/a b=c \udcff": encode("cap_chown=p cap_kill+i"),
    }


def test_listing_of_getcap_is_refused_when_it_is_malformed() -> None:
    with pytest.raises(ValueError, match="malformed line of getcap"):
        read_listing(b"Failed to get capabilities of file\n")
