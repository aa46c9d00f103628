"""Names of images: ``[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

Source: the grammar of distribution/reference (reference.go), and docker's rule for what a host is: the part before
the first slash when it has a dot, a colon or an upper-case letter, or is ``localhost``. A name without a host is
Docker Hub's for docker and for a push, and ``localhost/NAME`` for podman.
"""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from grocker.digest import Digest
from grocker.digest import parse as parse_digest
from grocker.errors import UsageError
from grocker.regex import regex

HUB = "docker.io"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = regex(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?\Z")
_PATH = regex(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*\Z")
_TAG = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_LONGEST = 255  # host and repository, characters
_HINT = "use, for example, registry.example.com/team/polls:1.0; repositories are in lower case"


class Reference(msgspec.Struct, frozen=True):
    """An image's name. ``host`` is None when none was written."""

    host: str | None
    """with its port; ``docker.io`` also for ``index.docker.io``"""
    repository: str
    """as written: ``polls``, ``team/polls``"""
    tag: str | None = None
    digest: Digest | None = None

    @property
    def registry(self) -> str:
        """The host, with its port, that the name belongs to; Docker Hub when none was written."""
        return self.host or HUB

    @property
    def path(self) -> str:
        """The repository as its registry calls it: ``library/polls`` for Docker Hub's ``polls``."""
        if self.registry == HUB and "/" not in self.repository:
            return f"library/{self.repository}"
        return self.repository

    @property
    def name(self) -> str:
        """Host and repository as written, without tag and digest."""
        return f"{self.host}/{self.repository}" if self.host else self.repository

    @property
    def full(self) -> str:
        """The complete name with its tag, as containerd keeps it: ``docker.io/library/polls:1.0``."""
        return f"{self.registry}/{self.path}:{self.tag or 'latest'}"

    @property
    def docker(self) -> str:
        """The name with its tag, as docker shows it: ``polls:1.0``."""
        if self.registry != HUB:
            return f"{self.registry}/{self.repository}:{self.tag or 'latest'}"
        return f"{self.path.removeprefix('library/')}:{self.tag or 'latest'}"

    @property
    def podman(self) -> str:
        """The name with its tag, as podman keeps images of this machine: ``localhost/polls:1.0``."""
        if self.host is None:
            return f"localhost/{self.repository}:{self.tag or 'latest'}"
        return self.full

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """Parse a name. UsageError when it is malformed."""
    rest, at, digest_text = text.partition("@")
    digest: Digest | None = None
    if at:
        try:
            digest = parse_digest(digest_text)
        except ValueError:
            raise UsageError(f"invalid image name {text!r}: {digest_text!r} is not a digest", hint=_HINT) from None
    slash = rest.rfind("/")
    colon = rest.rfind(":")
    tag: str | None = None
    if colon > slash:
        rest, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.match(tag):
            raise UsageError(
                f"invalid image name {text!r}: {tag!r} is not a tag",
                hint="a tag has at most 128 characters: letters, digits, _ . -",
            )
    host, repository = _split(rest)
    if host is not None and not _HOST.match(host):
        raise UsageError(f"invalid image name {text!r}: {host!r} is not a host", hint=_HINT)
    if not repository or not all(_PATH.match(part) for part in repository.split("/")):
        raise UsageError(f"invalid image name {text!r}: {repository!r} is not a repository", hint=_HINT)
    if host == "index.docker.io":
        host = HUB
    reference = Reference(host, repository, tag, digest)
    if len(f"{reference.registry}/{reference.path}") > _LONGEST:
        raise UsageError(f"invalid image name {text!r}: longer than {_LONGEST} characters", hint=_HINT)
    return reference


def of_release(name: str, version: str) -> Reference:
    """Make the default name of an application's image: NAME:VERSION, in the characters that names and tags may have.

    ``+`` of a local version becomes ``-`` (PEP 440 against the tag's grammar); epochs' ``!`` too.
    """
    repository = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", version)[:128]
    return parse(f"{repository}:{tag}")


def with_tag(reference: Reference) -> Reference:
    """Complete a name for an image to be delivered: with the tag ``latest`` when it has none, as docker does.

    UsageError when it has a digest, which cannot be chosen.
    """
    if reference.digest is not None:
        raise UsageError(f"cannot name an image {reference}: the name has a digest", hint="replace @… with a tag")
    return reference if reference.tag else replace(reference, tag="latest")


def _split(text: str) -> tuple[str | None, str]:
    first, slash, rest = text.partition("/")
    if slash and (first == "localhost" or first != first.lower() or any(c in first for c in ".:[")):
        return first, rest
    return None, text
