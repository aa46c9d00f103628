"""Credential helpers: the programs ``docker-credential-NAME`` that keep passwords for docker and podman.

Source: docker/docker-credential-helpers, README (the protocol of ``get``).
"""

from __future__ import annotations

from collections.abc import Mapping

from grocker.command import run
from grocker.decoding import decode_json
from grocker.errors import UnavailableError
from grocker.regex import regex

SECONDS = 60.0
"""how long a helper may take; some ask a service of their cloud"""
TOKEN_USER = "<token>"  # noqa: S105 - what a helper calls the user when the secret is an identity token
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def ask_helper(
    helper: str, server: str, environ: Mapping[str, str], *, seconds: float = SECONDS
) -> tuple[tuple[str, str] | None, str]:
    """Ask the helper NAME for the user and secret of ``server``: those, or None and the reason in words.

    ``seconds``: how long the helper may take. Raises nothing: a registry that asks for no credentials needs no helper.
    """
    if not _NAME.match(helper):
        return None, f"invalid helper name {helper!r}"
    program = f"docker-credential-{helper}"
    try:
        said = run(
            [program, "get"],
            action=f"asking {program} for credentials",
            environment=environ,
            stdin=server.encode() + b"\n",
            seconds=seconds,
        )
    except UnavailableError as error:
        return None, error.message.partition(": ")[2]
    if said.status != 0:
        # By the protocol, failures go to standard output; what a helper prints there then is not a secret.
        words = (said.stdout.decode("utf-8", "replace") or said.stderr).strip().partition("\n")[0]
        if "not found" in words.lower():
            return None, f"{program} has none for {server}"
        shown = "".join(c if c.isprintable() else " " for c in words)[:200]
        return None, f"{program} failed: {shown or f'exit status {said.status}'}"
    try:
        document = decode_json(said.stdout)
        user, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError):
        return None, f"{program} gave a malformed answer"
    if not (isinstance(user, str) and isinstance(secret, str) and secret):
        return None, f"{program} has none for {server}"
    return (user, secret), ""
