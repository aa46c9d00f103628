from __future__ import annotations

import msgspec
import pytest

from grocker import digest
from grocker.digest import Digest, Hashing

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest_of_bytes_is_written_as_oci_does() -> None:
    assert digest.of(b"") == EMPTY
    assert digest.from_hex(EMPTY[7:]) == digest.parse(EMPTY) == EMPTY
    assert digest.hexadecimal(digest.of(b"")) == EMPTY[7:]


@pytest.mark.parametrize(
    "text", ["", EMPTY[7:], EMPTY[:-1], EMPTY + "0", EMPTY + "\n", EMPTY.upper(), "sha512:" + EMPTY[7:], " " + EMPTY]
)
def test_digest_is_refused_when_it_is_not_written_so(text: str) -> None:
    with pytest.raises(ValueError, match="not a sha256 digest"):
        digest.parse(text)


@pytest.mark.parametrize("text", ["sha256:/etc/hostname", "sha256:../../x", EMPTY + "\n", EMPTY.upper(), EMPTY[:-1]])
def test_digest_is_no_path_when_a_document_or_a_caller_says_something_else(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([text], tuple[Digest, ...])
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({text: 1}), type=dict[Digest, int])
    with pytest.raises(ValueError, match="not a sha256 digest"):
        digest.hexadecimal(Digest(text))


def test_bytes_are_hashed_and_counted_as_they_pass() -> None:
    hashing = Hashing()
    assert hashing.digest() == EMPTY
    assert list(hashing.through([b"ab", b"", b"c"])) == [b"ab", b"", b"c"]
    assert (hashing.size, hashing.digest()) == (3, digest.of(b"abc"))
