from __future__ import annotations

import pytest

from grocker.runner.base.failure import CONFIGURATION, Failure
from grocker.runner.servers.trusted_proxies import parse_networks, trusted_proxies


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        (" , ", ()),
        ("*", ("*",)),
        ("10.0.0.0/8 *", ("*",)),
        ("192.0.2.1", ("192.0.2.1/32",)),
        ("10.1.2.3/8,FD00::/8  192.0.2.0/255.255.255.0", ("10.0.0.0/8", "fd00::/8", "192.0.2.0/24")),
    ],
)
def test_networks_are_read_in_their_usual_spelling(text: str, found: tuple[str, ...]) -> None:
    assert parse_networks(text) == found


def test_operator_is_warned_when_they_tell_the_server(capfd: pytest.CaptureFixture[str]) -> None:
    assert trusted_proxies({"GROCKER_TRUSTED_PROXIES": "*"}) == ("*",)
    assert capfd.readouterr().err == ""
    assert trusted_proxies({"FORWARDED_ALLOW_IPS": "*"}) == ()
    assert capfd.readouterr().err.startswith("grocker: warning: FORWARDED_ALLOW_IPS has no effect; set GROCKER_")


@pytest.mark.parametrize("text", ["proxy", "10.0.0.0/33", "10.0.0.0/8;", "**", "10.0.0/8", "::1%eth0"])
def test_networks_are_refused_when_one_is_malformed(text: str) -> None:
    with pytest.raises(Failure, match="GROCKER_TRUSTED_PROXIES: not a network: ") as caught:
        parse_networks(f"10.0.0.0/8 {text}")
    assert caught.value.status == CONFIGURATION
