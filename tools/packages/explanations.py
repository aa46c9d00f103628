"""Why an image differs on purpose from what apt makes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """A kind of difference."""

    pattern: re.Pattern[str]
    """of what ``compare.differences`` says, whole"""
    reason: str


EXPLANATIONS = (
    Explanation(
        re.compile(r"755 root:root, not 2755 root:_ssh /usr/bin/ssh-agent|lacks group _ssh"),
        "guards the agent's memory from other processes of the same user; a container has one user",
    ),
    Explanation(re.compile(r"lacks /var/lib/xfonts(?:/.*)?"), "a list for X servers"),
    Explanation(
        re.compile(r"lacks /usr/share/fonts/X11/\w+/(?:encodings\.dir|fonts\.(?:alias|dir|scale))"),
        "lists for X servers, of which the image has none; they are made if another script runs",
    ),
    Explanation(re.compile(r"lacks /etc/apparmor\.d/(?:disable|local)(?:/.*)?"), "AppArmor is the host's"),
    Explanation(re.compile(r"content /etc/postfix/main\.cf"), "holds the name of the host that configured it"),
    Explanation(
        re.compile(r"content /var/lib/texmf/web2c/(?:\w+/)*\w+\.(?:fmt|base|log)"),
        "formats and logs hold the time at which they were made",
    ),
    Explanation(
        re.compile(r"content /var/lib/texmf/ls-R(?:-TEXLIVEDIST)?"), "lists of files: an image has no documentation"
    ),
    Explanation(
        re.compile(r"755 root:root, not 2775 root:staff /usr/local/share/fonts"),
        "Debian 12 lets the group staff write below /usr/local; an image has no such people",
    ),
    Explanation(re.compile(r"content /etc/sasldb2"), "a Berkeley database: its file has a random identifier"),
    Explanation(
        re.compile(r"lacks /etc/aliases\.db"),
        "newaliases wants a network interface, and the sandbox has none: run it when the container starts",
    ),
    Explanation(
        re.compile(
            r"(?:content|lacks) /etc/ssl/(?:certs/ssl-cert-snakeoil\.pem|private/ssl-cert-snakeoil\.key)"
            r"|(?:lacks|has) /etc/ssl/certs/[0-9a-f]{8}\.\d"
        ),
        "a random key, which all containers of the image would share, and its certificate",
    ),
)


def explain(difference: str) -> Explanation | None:
    """Return why an image has this difference; None: nobody has said why."""
    return next((one for one in EXPLANATIONS if one.pattern.fullmatch(difference)), None)
