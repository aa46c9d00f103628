"""C6: what is hidden, and what need not be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grocker.runner.config import masking as secret_words
from grocker.runner.config.masking import MASK, mask_secrets

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "runner.md"


@pytest.mark.parametrize(
    "key",
    [
        *("password", "db_password", "dbpasswd", "passphrase", "secret_key", "client-secret", "token", "api_tokens"),
        *("apikey", "api_key", "api-key", "accesskey", "key", "keys", "credentials", "auth", "http_auth", "dsn"),
        *("sentry.dsn", "pass", "smtp_pass", "pw", "pwd", "pin", "salt", "private", "cookie", "webhook", "jwt"),
        *("access_key_id", "token_name_prefix", "password1", "key2", "PASSWORD", "aws_access_key"),
    ],
)
def test_secret_is_hidden_when_its_key_says_so(key: str) -> None:
    assert mask_secrets("x", key, "hunter2") == MASK


@pytest.mark.parametrize(
    "key",
    [
        *("title", "debug", "user", "host", "author", "monkey", "keyboard", "hockey", "compass", "bypass_cache"),
        *("authority", "pinned", "spin", "passenger", "public_key", "public_keys"),
        *("password_file", "key_path", "ssl_key_file", "token_lifetime", "password_min_length", "session_cookie_name"),
        *("auth_backend", "jwt_algorithm", "api_key_header", "token_ttl"),
    ],
)
def test_value_is_shown_when_its_key_names_no_secret(key: str) -> None:
    assert mask_secrets("x", key, "hunter2") == "hunter2"


@pytest.mark.parametrize("section", ["secrets", "Passwords", "api-tokens", "credentials", "api.keys", "private"])
def test_whole_section_is_hidden_when_its_name_says_so(section: str) -> None:
    assert mask_secrets(section, "alice", "hunter2") == MASK


@pytest.mark.parametrize("section", ["auth", "keyboard", "polls", "key-value-store"])
def test_section_is_not_hidden_when_its_name_says_little(section: str) -> None:
    assert mask_secrets(section, "backend", "ldap") == "ldap"


@pytest.mark.parametrize("value", ["", "true", "No", "off", "none"])
def test_nothing_and_switches_are_no_secrets(value: str) -> None:
    assert mask_secrets("x", "password", value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgres://app:hunter2@db:5432/app", f"postgres://{MASK}@db:5432/app"),
        ("redis://:hunter2@cache", f"redis://{MASK}@cache"),
        ("https://hunter2@errors.example.org/1", f"https://{MASK}@errors.example.org/1"),
        ("postgres://app:hun@ter/2@db/app", f"postgres://{MASK}@db/app"),
        ("amqp://a:hunter2@h1,amqp://b:hunter2@h2/v", f"amqp://{MASK}@h1,amqp://{MASK}@h2/v"),
        ('["redis://:hunter2@h1", "redis://h2"]', f'["redis://{MASK}@h1", "redis://h2"]'),
        ("host=db password=hunter2 dbname=app", f"host=db password={MASK} dbname=app"),
        ("host=db password='hun ter2' dbname=app", f"host=db password='{MASK}' dbname=app"),
        ("Server=db;User Id=app;Pwd=hunter2;", f"Server=db;User Id=app;Pwd={MASK};"),
        (
            "Endpoint=https://q.example.org/;SharedAccessKey=hunter2=",
            f"Endpoint=https://q.example.org/;SharedAccessKey={MASK}",
        ),
        ("https://api.example.org/?user=a&token=hunter2", f"https://api.example.org/?user=a&token={MASK}"),
        ('{"user": "a", "password": "hunter\\"2"}', f'{{"user": "a", "password": "{MASK}"}}'),
        ("-----BEGIN PRIVATE KEY-----\nhunter2", MASK),
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2", MASK),
        ("https://example.org:8080/path?page=2", "https://example.org:8080/path?page=2"),
        ("ops@example.org, dev@example.org", "ops@example.org, dev@example.org"),
        ("level=info:format=json", "level=info:format=json"),
        ("-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN CERTIFICATE-----\nabc"),
    ],
)
def test_secret_within_a_value_is_hidden_alone(value: str, shown: str) -> None:
    assert mask_secrets("x", "url", value) == shown


def test_mask_is_as_long_for_every_secret() -> None:
    assert mask_secrets("x", "password", "a") == mask_secrets("x", "password", "a" * 99) == MASK


@pytest.mark.slow
def test_hiding_a_long_value_does_not_hang() -> None:
    """Each pattern goes through a value once; a pattern that tried again at every character would take hours."""
    dear = ("a://", "a", "a=", '"', "a:", "\\", "a://b@", "password=", 'a="', "a='b=\"", " ", "a ", "-----BEGIN ")
    for text in dear:
        mask_secrets("x", "url", text * 200_000)
        mask_secrets("x", text * 200_000, text)


@pytest.mark.parametrize(
    "words", [secret_words.ANYWHERE, secret_words.WORDS, secret_words.TAILS, secret_words.SECTIONS]
)
def test_reference_has_the_words(words: tuple[str, ...]) -> None:
    section = PAGE.read_text("utf-8").partition("## The effective configuration")[2]
    lists = [set(re.findall(r"`([^`]+)`", paragraph)) for paragraph in section.split("\n\n")]
    assert set(words) in lists
