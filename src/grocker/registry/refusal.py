"""What a registry's refusals mean: which are final, and what to do about them.

Source: OCI distribution specification 1.1, Error Codes; what registries were seen to say.
"""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import unquote, urlsplit

from grocker.decoding import decode_json
from grocker.errors import CannotWriteError, CorruptError, DeniedError, GrockerError, MissingError, SettingsError
from grocker.regex import regex
from grocker.web import HttpError

_NOT_FINAL = frozenset({408, 425, 429})
_FINAL_5XX = frozenset({501, 505})
_WRONG_BYTES = frozenset({"DIGEST_INVALID", "SIZE_INVALID"})
_TAKEN = regex(r"immutab|already exist|overw?rit|redeploy|not allow updating", re.IGNORECASE)
_UNKNOWN_FORM = frozenset({"MANIFEST_INVALID", "UNSUPPORTED"})
_MEDIA_TYPE = regex(r"media.?type|content.?type|unsupported|not supported|schema", re.IGNORECASE)
_FULL = regex(r"quota|upper limit|storage limit", re.IGNORECASE)
TAKEN_HINT = (
    "the tag refers to another image, and the repository does not let tags change: push under a new tag, or allow "
    "changes in the repository's settings"
)


class Reason(Enum):
    """Why a registry refuses a request for good, as far as it says."""

    TAG_TAKEN = "the tag is there already and must not change"
    MEDIA_TYPE = "the manifest's media type, or a form that it does not know"
    TOO_LARGE = "the request is too large"
    FULL = "no space is left for the repository"
    OTHER = "something else"


class RefusedError(HttpError):
    """A refusal that a retry does not change. Always raised as one of the subclasses."""

    reason: Reason = Reason.OTHER


class RefusedPushError(RefusedError, CannotWriteError):
    """A refused push."""


class RefusedReadError(RefusedError, SettingsError):
    """A refused read: the name, or the registry's address, is at fault."""


class LoginRefusedError(DeniedError):
    """The token server refuses the credentials: no request will fare better."""


LOOK_UP_REFUSALS = (DeniedError, MissingError, RefusedReadError)
"""raised for a look at what a registry has, which some let nobody do who may push: the push decides"""


def is_final(status: int) -> bool:
    """Whether a retry of the same request would get ``status`` again."""
    return (300 <= status < 500 and status not in _NOT_FINAL) or status in _FINAL_5XX


def translate(error: HttpError, action: str, *, registry: str, method: str, url: str) -> GrockerError:
    """Translate an HTTP error, other than one about credentials, of the request ``method`` ``url``.

    MissingError for 404; CorruptError when the received bytes are not what was sent; RefusedError for what is final;
    else the error itself, with the registry's words.
    """
    codes, words = _error_words(error)
    where = f"{action}: {error.status_code}" + (f", {words}" if words else "")
    if error.status_code == 404:
        return MissingError(where, hint="check the repository's name; some registries require creating it first")
    if codes & _WRONG_BYTES or error.status_code == 416:
        return CorruptError(where, hint="the content was changed in transit; try again")
    status, headers, detail, at = error.status_code, error.headers, error.detail, error.url
    if not is_final(status) or status in (407, 410):
        hint = error.hint or "check the registry's log"
        return type(error)(where, status_code=status, headers=headers, detail=detail, url=at, hint=hint)
    if method in ("GET", "HEAD"):
        hint = f"check the name, and that {registry} is a registry"
        return RefusedReadError(where, status_code=status, headers=headers, detail=detail, url=at, hint=hint)
    reason = _reason(error, method, url)
    hint = _hint(error, reason, codes, registry)
    refused = RefusedPushError(where, status_code=status, headers=headers, detail=detail, url=at, hint=hint)
    refused.reason = reason
    return refused


def denies_for_good(error: HttpError, method: str, url: str) -> bool:
    """Whether a 403 has another reason than credentials, which logging in again would not change."""
    return error.status_code == 403 and _reason(error, method, url) in (Reason.TAG_TAKEN, Reason.FULL)


def describe_answer(error: HttpError, action: str) -> str:
    """Say what a registry answered: the status, and its own words."""
    words = _error_words(error)[1]
    return f"{action}: {error.status_code}" + (f", {words}" if words else "")


def _reason(error: HttpError, method: str, url: str) -> Reason:
    if method in ("GET", "HEAD"):
        return Reason.OTHER
    said = error.detail.decode("utf-8", "replace")
    _, is_manifest, name = unquote(urlsplit(url).path).rpartition("/manifests/")
    if is_manifest and ":" not in name and (_TAKEN.search(said) or error.status_code in (409, 412)):
        return Reason.TAG_TAKEN
    if error.status_code == 413:
        return Reason.TOO_LARGE
    if _FULL.search(said):
        return Reason.FULL
    if is_manifest and (
        error.status_code in (406, 415) or _error_words(error)[0] & _UNKNOWN_FORM or _MEDIA_TYPE.search(said)
    ):
        return Reason.MEDIA_TYPE
    return Reason.OTHER


def _hint(error: HttpError, reason: Reason, codes: frozenset[str], registry: str) -> str:
    if reason is Reason.TAG_TAKEN:
        return TAKEN_HINT
    if reason is Reason.TOO_LARGE:
        return (
            f"raise the limit on a request's size in {registry}, or in the proxy in front of it (nginx: "
            "client_max_body_size)"
        )
    if reason is Reason.FULL:
        return "delete images from the repository, or raise its quota"
    if reason is Reason.MEDIA_TYPE and "UNSUPPORTED" not in codes:
        return (
            f"check that {registry} accepts container images with the media types of OCI or Docker; if it has no "
            "indexes, build for one --platform"
        )
    if 300 <= error.status_code < 400:
        return f"{registry} redirects: push to the host that it redirects to"
    if "NAME_INVALID" in codes:
        return f"choose another repository name; {registry} does not accept this one"
    if error.status_code in (405, 501) or "UNSUPPORTED" in codes:
        return f"check that {registry} accepts pushes: a mirror, a cache or a locked repository does not"
    return "check the registry's log"


def _error_words(error: HttpError) -> tuple[frozenset[str], str]:
    """Read codes and messages of an error document (distribution-spec, Error Codes), or a plain text."""
    try:
        errors = decode_json(error.detail)["errors"]
        listed = [one for one in errors if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError):
        is_text = error.headers.get("Content-Type", "").startswith("text/plain")
        return frozenset(), _printable(error.detail.decode("utf-8", "replace")).strip() if is_text else ""
    codes = frozenset(str(one.get("code", "")) for one in listed)
    texts: list[str] = []
    for one in listed[:3]:
        parts = [str(one[key]) for key in ("code", "message") if one.get(key)]
        if isinstance(one.get("detail"), str):
            parts.append(str(one["detail"]))
        texts.append(": ".join(parts))
    return codes, _printable("; ".join(texts))


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e\u00a0-\uffff]+", " ", text)[:300]
