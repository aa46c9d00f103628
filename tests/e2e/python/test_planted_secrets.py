"""Secrets in all the places where people keep them: no byte of image, store, lock or log has one.

The indexes and the git server really ask for their passwords; the archive and the packages are made up.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import repositories
from tests.support.repositories import commit, git
from tests.support.wheels import make_project, make_source, make_wheel, serve
from tests.support.world import World, world

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEFAULT, EXTRA, GIT = "default/s3cret-a", "extra-s3cret-b", "git-s3cret-c"
KEY = "MIIkeys3cretdddddddddddddddddddddddddddd"
OTHERS = {
    "environment": "environment-s3cret-e",
    "remote": "remote-s3cret-f",
    "dotenv": "dotenv-s3cret-g",
    "pip.conf": "pipconf-s3cret-h",
    "uv.toml": "uvtoml-s3cret-i",
    "keyring": "keyring-s3cret-j",
    "netrc": "netrc-s3cret-k",
    "docker": "docker-s3cret-l",
    "refused": "refused-s3cret-m",
    "named": "named-s3cret-n",
}
SECRETS = (DEFAULT, EXTRA, GIT, KEY, *OTHERS.values())


def plant(made: World) -> None:
    """Secrets of a user and of a project."""
    home = made.place / "home"
    docker = base64.b64encode(f"me:{OTHERS['docker']}".encode()).decode()
    files = {
        home
        / ".config"
        / "pip"
        / "pip.conf": f"[global]\nindex-url = https://me:{OTHERS['pip.conf']}@a.invalid/simple\n",
        home / ".config" / "uv" / "uv.toml": "",
        home / ".local/share/python_keyring/keyring_pass.cfg": f"[https://a.invalid]\nme = {OTHERS['keyring']}\n",
        home / ".netrc": f"machine a.invalid login me password {OTHERS['netrc']}\n",
        home / ".docker" / "config.json": json.dumps({"auths": {"a.invalid": {"auth": docker}}}),
        made.project / ".env": f"SECRET_KEY={OTHERS['dotenv']}\n",
        made.project / "deploy" / "id_rsa": f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----\n",
        made.project / "tls" / "server.key": f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (home / ".config" / "uv" / "uv.toml").write_text(
        f'[[index]]\nname = "other"\nurl = "https://me:{OTHERS["uv.toml"]}@b.invalid/simple"\nexplicit = true\n'
    )
    made.environ |= {
        "AWS_SECRET_ACCESS_KEY": OTHERS["environment"],
        "UV_INDEX_CORP_PASSWORD": OTHERS["named"],
        "UV_INDEX_CORP_USERNAME": "me",
    }


def everything(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each file below ``path`` with its bytes, and with those in archives and compressed streams."""
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield from unpacked(str(file), file.read_bytes())


def unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if data[:2] == b"\x1f\x8b":
        try:
            yield from unpacked(f"{name} (unpacked)", gzip.decompress(data))
        except (OSError, EOFError, zlib.error):
            return
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for one in archive:
                if one.isfile():
                    stream = archive.extractfile(one)
                    assert stream is not None
                    yield from unpacked(f"{name}: {one.name}", stream.read())
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            for member in wheel.namelist():
                yield from unpacked(f"{name}: {member}", wheel.read(member))


def forms(secret: str) -> tuple[bytes, ...]:
    """How a secret may be written."""
    pairs = (f"{user}:{secret}" for user in ("user", "me"))
    return (
        secret.encode(),
        quote(secret, safe="").encode(),
        *(base64.b64encode(pair.encode()).rstrip(b"=") for pair in pairs),
    )


def revealed(name: str, data: bytes) -> list[str]:
    return [f"{name}: {secret}" for secret in SECRETS if any(form in data for form in forms(secret))]


def test_planted_secrets_are_found_in_no_byte_that_is_kept_or_said(tmp_path: Path) -> None:
    with (
        world(tmp_path / "world") as made,
        serve(tmp_path / "extra") as extra,
        repositories.serve(tmp_path / "repositories", user="user", password=GIT) as repository,
    ):
        plant(made)
        made.index.password, extra.password = DEFAULT, EXTRA
        made.environ["UV_DEFAULT_INDEX"] = made.index.url.replace("//", f"//user:{quote(DEFAULT, safe='')}@")
        made.environ["EXTRA_TOKEN"] = EXTRA
        make_wheel(made.index.directory, "plain")
        spy = (
            "import os; seen = repr(sorted(os.environ.items())); "
            "(pathlib.Path('old') / 'seen.py').write_text('SEEN = ' + repr(seen))"
        )
        make_source(made.index.directory, "old", extra=spy)
        make_wheel(extra.directory, "private")
        make_project(tmp_path / "repositories" / "lib", name="lib")
        first = commit(tmp_path / "repositories" / "lib", {})
        made.write(
            {
                "app.py": "app = 1\n",
                "requirements.txt": f"--extra-index-url {extra.url.replace('//', '//user:${EXTRA_TOKEN}@')}\n"
                f"plain\nold\nprivate\nlib @ git+{repository}/lib/.git@{first}\n",
            }
        )
        commit(made.project, {".gitignore": "deploy\n"})
        git(made.project, "remote", "add", "origin", f"https://me:{OTHERS['remote']}@a.invalid/app.git")
        git(made.project, "config", "http.extraHeader", f"Authorization: {OTHERS['remote']}")

        said = []
        locked = made.run(("lock", "PROJECT"))
        assert locked.status == 0, locked.stderr
        for output in ("oci:OUT", "archive:OUT.tar"):
            built = made.run(("build", "PROJECT", "--locked", "--output", output, "--json"))
            assert built.status == 0, built.stderr
            said += [built.stdout, built.stderr]
        said += [
            one
            for words in (("plan", "PROJECT"), ("plan", "PROJECT", "--json", "--explain"))
            for one in _run(made, *words)
        ]
        made.environ["UV_DEFAULT_INDEX"] = made.index.url.replace("//", f"//user:{OTHERS['refused']}@")
        made.environ["EXTRA_TOKEN"] = OTHERS["refused"]
        made.environ["GROCKER_CACHE"] = str(made.place / "cache of the refused")
        refused = made.run(("build", "PROJECT", "--refresh", "--ignore-lock", "--output", "store"))
        assert refused.status in (69, 77), refused.stderr
        said += [locked.stdout, locked.stderr, refused.stdout, refused.stderr]

        found = [one for number, text in enumerate(said) for one in revealed(f"log {number}", text.encode())]
        kept = [
            made.cache,
            made.place / "cache of the refused",
            made.out.parent / "out",
            made.project / "grocker.lock",
            made.out.parent / "out.tar",
        ]
        assert all(path.exists() for path in kept)
        count = 0
        for path in kept:
            for name, data in everything(path) if path.is_dir() else unpacked(str(path), path.read_bytes()):
                count += 1
                found += revealed(name, data)
        assert found == []
        assert count > 100
        names = {path for path, data in everything(made.out.parent / "out") if b"SEEN = " in data}
        assert names, "the wheel that was built with all this around is in the image"


def _run(made: World, *arguments: str) -> tuple[str, str]:
    outcome = made.run(arguments)
    assert outcome.status == 0, outcome.stderr
    return outcome.stdout, outcome.stderr
