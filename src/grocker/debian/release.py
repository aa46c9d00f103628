"""The signed description of a suite: downloaded, verified in this process, then parsed.

Source: wiki.debian.org/DebianRepository/Format ("Release" files, InRelease); RFC 9580, 7 (cleartext signatures).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from grocker.debian import cleartext, control
from grocker.debian.signers import read_certificate
from grocker.digest import Digest, from_hex
from grocker.errors import CorruptError, MissingError, UnavailableError
from grocker.platforms.suites import Signer
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.web import Transport

_HINT = "use another mirror: this one's release is malformed or not Debian's own"
_SLACK = timedelta(hours=24)
"""How far the archive's clock may be ahead of this host's."""


class IndexFile(msgspec.Struct, frozen=True):
    """A file that the release vouches for; ``path`` is relative to the suite's directory."""

    path: str
    size: int
    sha256: Digest


class Release(msgspec.Struct, frozen=True):
    """The content of a verified ``InRelease``."""

    suite: str
    """as requested: the directory below ``dists/``"""
    origin: str
    codename: str
    version: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    architectures: tuple[str, ...]
    components: tuple[str, ...]
    files: Mapping[str, IndexFile]

    def has_expired(self, now: datetime) -> bool:
        """Whether it has expired at ``now``, which has a time zone."""
        return self.valid_until is not None and self.valid_until < now


def fetch(
    mirror: str,
    suite: str,
    *,
    signers: Iterable[Signer],
    transport: Transport,
    now: datetime,
    check_valid_until: bool,
    progress: Progress,
) -> Release:
    """The release of ``suite`` at the archive whose root is ``mirror``, verified.

    ``now``: with a time zone. ``check_valid_until``: whether an expired release is an error.
    Raises MissingError when the archive has no such suite, UnavailableError when it cannot be reached, CorruptError
    for an invalid signature, signer, suite or date.
    """
    from grocker.web import HttpMissingError, redact_url

    address = f"{mirror}/dists/{suite}/InRelease"
    with progress.task(f"fetching the release of {suite}"):
        try:
            with transport.open("GET", address, action=f"fetching the release of {suite}") as response:
                message = response.read(cleartext.MOST)
                told = {name.lower() for name in response.headers} & {"content-length", "transfer-encoding"}
        except HttpMissingError as error:
            raise MissingError(
                f"suite {suite} not found in the archive {redact_url(mirror)}",
                hint="check the suite and the mirror (debian.mirror, debian.security-mirror)",
            ) from error
    if not told and not cleartext.is_whole(message):
        # The end of the connection is the end of such an answer: of a cut network's, too.
        raise UnavailableError(
            f"fetching the release of {suite}: the answer of {redact_url(mirror)} is truncated", hint="try again"
        )
    return check(
        message,
        suite,
        signers=signers,
        now=now,
        check_valid_until=check_valid_until,
        place=redact_url(mirror),
    )


def check(
    message: bytes,
    suite: str,
    *,
    signers: Iterable[Signer],
    now: datetime,
    check_valid_until: bool,
    place: str,
) -> Release:
    """The release in ``message``, the bytes of an ``InRelease``; ``place`` names its archive in errors.

    Raises CorruptError as ``fetch`` does.
    """
    what = f"the release of {suite} at {place}"
    release = parse(verify(message, signers, what=what), suite, what=what)
    if release.codename != suite:
        raise CorruptError(
            f"{what} describes {release.codename or 'no suite'}",
            hint="the mirror serves another suite under that name: use another mirror",
        )
    if release.date > now + _SLACK:
        raise CorruptError(
            f"{what} is dated {release.date:%Y-%m-%d %H:%M} UTC, in the future",
            hint="check this machine's clock",
        )
    if check_valid_until and release.has_expired(now):
        raise CorruptError(
            f"{what} has expired: it was valid until {release.valid_until:%Y-%m-%d %H:%M} UTC",
            hint="use an up-to-date mirror, or check this machine's clock; for a snapshot archive, set "
            "debian.check-valid-until = false",
        )
    return release


def verify(message: bytes, signers: Iterable[Signer], *, what: str) -> bytes:
    """The text that a pinned signer signed, without anything around it.

    Raises CorruptError for a missing or bad signature, or one by another signer.
    """
    import pysequoia

    pinned = tuple(signers)
    if not cleartext.is_signed(message):
        raise CorruptError(
            f"{what} is not signed", hint="check the mirror: a captive portal or another web server may be answering"
        )
    try:
        message = cleartext.message(message)
    except ValueError as error:
        raise CorruptError(
            f"{what} has a bad signature: {error}",
            hint="use another mirror: the file was changed in transit, or the server is not a mirror of Debian",
        ) from error
    certificates = [pysequoia.Cert.from_bytes(read_certificate(signer)) for signer in pinned]
    for signer, own in zip(pinned, certificates, strict=True):
        if own.fingerprint.lower() != signer.fingerprint.lower():
            raise CorruptError(
                f"the key {signer.name} shipped with Grocker does not have the pinned fingerprint",
                hint="reinstall Grocker",
            )
    asked: set[str] = set()

    def known(identifiers: list[str]) -> list[pysequoia.Cert]:
        asked.update(identifier.lower() for identifier in identifiers)
        return certificates

    try:
        result = pysequoia.verify(bytes=message, store=known)
    except Exception as error:  # the library raises RuntimeError, or any error of its parser
        ours = {key.lower() for signer in pinned for key in (signer.fingerprint, *signer.subkeys)}
        if asked and not any(key.endswith(identifier) for identifier in asked for key in ours):
            raise CorruptError(
                f"{what} is signed by {', '.join(sorted(asked))}, which Grocker does not trust for this suite",
                hint="use a mirror of Debian's own archive; trusted keys: "
                + ", ".join(sorted(signer.fingerprint for signer in pinned)),
            ) from error
        raise CorruptError(
            f"{what} has a bad signature",
            hint="try again, or use another mirror: the download was tampered with, the mirror is being updated, or "
            "this machine's clock is wrong",
        ) from error
    fingerprints = {signer.fingerprint.lower() for signer in pinned}
    if not any(signature.certificate.lower() in fingerprints for signature in result.valid_sigs):
        raise CorruptError(f"{what} is not signed by a trusted key", hint=_HINT)
    content = result.bytes
    if content is None:
        raise CorruptError(f"{what} has a signature that covers no content", hint=_HINT)
    return content


def parse(content: bytes, suite: str, *, what: str) -> Release:
    """Parse ``content``, already verified. Raises CorruptError when it is malformed or not Debian's."""
    try:
        fields = control.stanza(content.decode("utf-8"))
        origin = fields.get("Origin", "")
        if origin != "Debian":
            raise CorruptError(
                f"{what} has the origin {origin or '(none)'}, not Debian",
                hint="set debian.mirror (or GROCKER_DEBIAN_MIRROR) to a mirror of Debian",
            )
        until = fields.get("Valid-Until")
        return Release(
            suite=suite,
            origin=origin,
            codename=fields.get("Codename", ""),
            version=fields.get("Version", ""),
            date=_date(fields["Date"]),
            valid_until=None if until is None else _date(until),
            by_hash=fields.get("Acquire-By-Hash", "").lower() == "yes",
            architectures=tuple(a for a in fields.get("Architectures", "").split() if a != "all"),
            components=tuple(fields.get("Components", "").split()),
            files=_files(fields["SHA256"]),
        )
    except KeyError as error:
        raise CorruptError(f"{what} has no field {error.args[0]}", hint=_HINT) from error
    except (ValueError, OverflowError, TypeError, IndexError) as error:  # the last three: of dates
        raise CorruptError(f"{what} is malformed: {error}", hint=_HINT) from error


def _date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    date = parsedate_to_datetime(text)
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _files(value: str) -> dict[str, IndexFile]:
    files: dict[str, IndexFile] = {}
    for line in value.splitlines():
        if line:
            sha256, size, path = line.split()
            files[path] = IndexFile(path, int(size), from_hex(sha256))
    return files
