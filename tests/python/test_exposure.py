"""Files that an image holds by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.python import InstallScheme, Wheel, read_tree, read_wheel
from grocker.python.exposure import Exposed, Suspects, find_exposed, find_suspects, holds_credentials, looks_secret
from tests.python.test_git import git
from tests.support.wheels import make_wheel

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "app/.env.production", "prod.env", "id_rsa", ".ssh/id_ed25519", "server.key", "tls/key.pem", "a.P12"),
        *("db.sqlite3", "db.sqlite3-wal", ".pgpass", ".npmrc", "service-account.json", "gcp-credentials.json"),
        *("secrets.yml", "client_secret.json", "x.jks"),
    ],
)
def test_names_of_secrets_are_known(path: str) -> None:
    assert looks_secret(path)


@pytest.mark.parametrize(
    "path", [".env.example", "id_rsa.pub", "keys.py", "environment.txt", "secrets.py", "a.sql", "envelope.html"]
)
def test_names_of_other_files_are_not_taken_for_secrets(path: str) -> None:
    assert not looks_secret(path)


def test_certificates_alone_are_no_secret() -> None:
    assert not looks_secret("ca.pem", CERTIFICATE)
    assert looks_secret("ca.pem", CERTIFICATE + b"-----BEGIN PRIVATE KEY-----\n")


def wheel(directory: Path, files: dict[str, str | bytes]) -> Wheel:
    return read_wheel(make_wheel(directory, files=files), InstallScheme("3.13"))


def exposed(tmp_path: Path, rules: str, configuration: str = "") -> Exposed:
    """What is exposed by a wheel of all files of a package below ``src``."""
    files = {
        "app/__init__.py": b"",
        "app/local_settings.py": b"KEY = 's3cret'\n",
        "app/secrets/key.pem": b"key",
        "app/.env": b"A=1",
        "app/static/app.js": b"built",
        "app/big.sqlite3": bytes(9 << 20),
    }
    root = tmp_path / "p"
    for name, data in files.items():
        (root / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "src" / name).write_bytes(data)
    (root / "pyproject.toml").write_text(configuration)
    if rules:
        (root / ".gitignore").write_text(rules)
        git("init", "-q", cwd=root)
    made = wheel(tmp_path / "w", {**files, "app/made.key": b"by the back end"})
    tree = read_tree(root, now=0)
    found = find_exposed(made.entries, tree, find_suspects(tree))
    short = tuple(tuple(path.partition("/app/")[2] for path in paths) for paths in (found.ignored, found.secret))
    return Exposed(short[0], short[1], found.sources)


def test_files_that_git_ignores_and_secrets_are_told_with_their_sources(tmp_path: Path) -> None:
    assert exposed(tmp_path, "local_settings.py\nsecrets/\n") == Exposed(
        ("local_settings.py", "secrets/key.pem"),
        (".env", "big.sqlite3"),
        ("src/app/.env", "src/app/big.sqlite3", "src/app/local_settings.py", "src/app/secrets/key.pem"),
    )


def test_secrets_are_told_without_a_repository(tmp_path: Path) -> None:
    assert exposed(tmp_path, "").secret == (".env", "big.sqlite3", "secrets/key.pem")


@pytest.mark.parametrize(
    "configuration",
    [
        "[tool.hatch.build]\nartifacts = ['src/app/static']\n",
        "[tool.hatch.build]\nartifacts = ['*.js']\n",
        "[tool.poetry]\ninclude = ['src/app/static/app.js']\n",
    ],
)
def test_generated_files_that_the_configuration_names_are_meant(tmp_path: Path, configuration: str) -> None:
    assert exposed(tmp_path, "static/\n", configuration).ignored == ()


def test_generated_files_that_it_does_not_name_are_told(tmp_path: Path) -> None:
    assert exposed(tmp_path, "static/\n", "[tool.hatch.build]\npackages = ['src/app']\n").ignored == ("static/app.js",)


def test_secrets_of_a_wheel_are_told_by_their_names_alone(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"app/id_rsa": "x", "app/ca.pem": CERTIFICATE, "app/x.py": ""}
    assert find_exposed(wheel(tmp_path, files).entries, None, Suspects()) == Exposed(
        (), ("opt/venv/lib/python3.13/site-packages/app/id_rsa",), ()
    )


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("requirements.txt", "--index-url https://me:hunter2@example.invalid/simple\n", True),
        ("requirements/prod.txt", "lib @ git+https://token@example.invalid/lib\n", True),
        ("pyproject.toml", 'url = "https://me:hunter2@example.invalid/simple"\n', True),
        ("requirements.txt", "--index-url https://me:${TOKEN}@example.invalid/simple\n", False),
        (
            "requirements.txt",
            "a @ git+ssh://git@example.invalid/a\nb @ git+https://example.invalid/b@v1",
            False,
        ),
        ("uv.lock", 'url = "https://example.invalid/lib-1.0.tar.gz"', False),
        ("notes.txt", "https://me:hunter2@example.invalid/", False),
    ],
)
def test_credentials_in_files_that_name_indexes_are_found(tmp_path: Path, name: str, text: str, found: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert holds_credentials(path) is found
