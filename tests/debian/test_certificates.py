"""The trusted certificates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from grocker.debian import certificates
from grocker.debian.certificates import subject_hash
from grocker.errors import CorruptError
from grocker.tar.entry import File, Symlink
from tests.support.certificates import certificate, pem

OPENSSL = shutil.which("openssl")


def test_bundle_and_links_are_made_when_there_are_certificates() -> None:
    one, two = pem(certificate((0x0C, b"One"))), pem(certificate((0x13, b"Two")))
    entries = {
        entry.path: entry
        for entry in certificates.entries(
            {
                "usr/share/ca-certificates/mozilla/Two.crt": two,
                "usr/share/ca-certificates/mozilla/One (CA), Ltd.crt": one.rstrip(b"\n"),
                "usr/share/other": b"",
            }
        )
    }
    assert entries["etc/ssl/certs/ca-certificates.crt"] == File("etc/ssl/certs/ca-certificates.crt", one + two)
    name = "etc/ssl/certs/One_=CA=__Ltd.pem"
    assert entries[name] == Symlink(name, "/usr/share/ca-certificates/mozilla/One (CA), Ltd.crt")
    value = f"etc/ssl/certs/{subject_hash(certificate((0x0C, b'One')))}.0"
    assert entries[value] == Symlink(value, "One_=CA=__Ltd.pem")
    conf = entries["etc/ca-certificates.conf"]
    assert isinstance(conf, File)
    assert isinstance(conf.data, bytes)
    assert conf.data.endswith(b"mozilla/One (CA), Ltd.crt\nmozilla/Two.crt\n")


def test_links_count_up_when_two_certificates_have_one_subject() -> None:
    first, second = certificate((0x0C, b"One"), serial=1), certificate((0x0C, b"one"), serial=2)
    contents = {
        "usr/share/ca-certificates/a.crt": pem(first),
        "usr/share/ca-certificates/b.crt": pem(second),
        "usr/share/ca-certificates/c.crt": pem(first),
    }
    value = subject_hash(first)
    targets = {e.path: e.target for e in certificates.entries(contents) if isinstance(e, Symlink)}
    assert targets[f"etc/ssl/certs/{value}.0"] == "a.pem"
    assert targets[f"etc/ssl/certs/{value}.1"] == "b.pem"
    assert f"etc/ssl/certs/{value}.2" not in targets


def test_nothing_is_made_when_there_are_no_certificates() -> None:
    assert certificates.entries({}) == []


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x84", pem(certificate()[:20]), b"\x30\x02\x30\x00"])
def test_certificate_is_refused_when_it_is_damaged(data: bytes) -> None:
    with pytest.raises(CorruptError, match=r"usr/share/ca-certificates/x\.crt"):
        certificates.entries({"usr/share/ca-certificates/x.crt": data})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0x0C, b"  An  Authority "), (0x13, b"an authority")),
        ((0x1E, "Főtanúsítvány".encode("utf-16-be")), (0x0C, "Főtanúsítvány".encode())),
        ((0x14, "Autorité".encode("latin-1")), (0x0C, "autorité".encode())),
    ],
)
def test_subjects_are_the_same_when_case_space_and_type_alone_differ(
    one: tuple[int, bytes], other: tuple[int, bytes]
) -> None:
    assert subject_hash(certificate(one)) == subject_hash(certificate(other))


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    "subject",
    [
        "/C=FR/O=Polyconseil/CN=Grocker Test CA",
        "/C=HU/O=NetLock Kft./CN=NetLock Arany (Class Gold) Főtanúsítvány",
        "/CN=  two   spaces  /OU=A+OU=B",
        "/DC=example/DC=invalid/emailAddress=Nobody@Example.INVALID",
    ],
)
def test_hash_is_openssls_when_openssl_is_asked(subject: str, tmp_path: Path) -> None:
    key, made = tmp_path / "key", tmp_path / "certificate"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -utf8 -multivalue-rdn -days 1"
    subprocess.run(
        [OPENSSL or "", *command.split(), "-subj", subject, "-keyout", key, "-out", made],
        check=True,
        capture_output=True,
    )
    asked = subprocess.run(
        [OPENSSL or "", "x509", "-noout", "-subject_hash", "-in", made], check=True, capture_output=True, text=True
    )
    assert subject_hash(certificates.decode_certificate(made.read_bytes())) == asked.stdout.strip()


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_hash_is_openssls_when_the_certificates_are_the_hosts() -> None:
    paths = sorted(Path("/usr/share/ca-certificates").rglob("*.crt"))
    if not paths:
        pytest.skip("the host has no ca-certificates")
    for path in paths[::12]:
        asked = subprocess.run(
            [OPENSSL or "", "x509", "-noout", "-subject_hash", "-in", path], check=True, capture_output=True, text=True
        )
        assert subject_hash(certificates.decode_certificate(path.read_bytes())) == asked.stdout.strip(), path
