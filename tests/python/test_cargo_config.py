"""Where this host's cargo gets crates from."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.python.cargo_config import CrateSource, read_cargo_config

DEFAULT = "https://github.com/rust-lang/crates.io-index"
REPLACED = '[source.crates-io]\nreplace-with = "near"\n'


def source(home: Path, config: str, registry: str = DEFAULT, credentials: str = "", **environ: str) -> CrateSource:
    (home / ".cargo").mkdir()
    (home / ".cargo/config.toml").write_text(config)
    (home / ".cargo/credentials.toml").write_text(credentials)
    return read_cargo_config({"HOME": str(home), **environ}).find_source(registry)


def test_registry_without_a_name_is_at_its_sparse_index_when_nothing_is_configured(tmp_path: Path) -> None:
    name = DEFAULT.rpartition("/")[2].removesuffix("-index")
    environ = {"HOME": str(tmp_path), "CARGO_REGISTRY_TOKEN": "secret"}
    found = read_cargo_config(environ).find_source(DEFAULT)
    assert found == CrateSource(f"https://index.{name}/")


@pytest.mark.parametrize(
    ("config", "credentials", "environ", "found"),
    [
        (
            f'{REPLACED}[source.near]\nregistry = "sparse+https://near.example/index/"',
            "",
            {},
            CrateSource("https://near.example/index/"),
        ),
        (
            f'{REPLACED}[registries.near]\nindex = "sparse+https://near.example"',
            '[registries.near]\ntoken = "secret"',
            {},
            CrateSource("https://near.example/", "secret"),
        ),
        (
            f'{REPLACED}[source.near]\nreplace-with = "far"\n[source.far]\nregistry = "sparse+https://far.example/"',
            "",
            {"CARGO_REGISTRIES_FAR_TOKEN": "other"},
            CrateSource("https://far.example/", "other"),
        ),
        (
            f"""{REPLACED}[source.near]\nregistry = "sparse+https://near.example/"
            [registries.mine]\nindex = "sparse+https://near.example/"\ntoken = "plain"
            """,
            "",
            {},
            CrateSource("https://near.example/", "plain"),
        ),
        (f'{REPLACED}[source.near]\nlocal-registry = "/srv/crates"', "", {}, CrateSource("file:///srv/crates")),
    ],
)
def test_replacement_of_a_source_is_followed_with_the_token_of_its_registry(
    tmp_path: Path, config: str, credentials: str, environ: dict[str, str], found: CrateSource
) -> None:
    assert source(tmp_path, config, credentials=credentials, **environ) == found


def test_registry_of_its_own_gets_no_other_ones_token(tmp_path: Path) -> None:
    config = '[registry]\ntoken = "first"\n[registries.mine]\nindex = "sparse+https://mine.example/"\ntoken = "second"'
    other = source(tmp_path, config, "sparse+https://other.example/")
    assert other == CrateSource("https://other.example/")
    config_read = read_cargo_config({"HOME": str(tmp_path)})
    assert config_read.find_source("sparse+https://mine.example/").token == "second"
    assert config_read.find_source(DEFAULT).token is None
    with pytest.raises(SettingsError, match="an index in git"):
        config_read.find_source(DEFAULT.replace("github.com", "other.example"))
    assert config_read.find_name("sparse+https://mine.example/") == "mine"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[source", "malformed TOML"),
        ('[source.crates-io]\nreplace-with = "crates-io"', "replace each other in a loop"),
        (f'{REPLACED}[source.near]\ndirectory = "vendor"', "source 'near' has directory"),
        (REPLACED, "source 'near' has nothing"),
        (f'{REPLACED}[source.near]\nregistry = "https://u:secret@x.example/i"', "https://x.example/i: an index in git"),
    ],
)
def test_configuration_that_cannot_be_followed_is_an_error_without_secrets(
    tmp_path: Path, config: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        source(tmp_path, config)
    assert said in caught.value.message
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_proxy_and_certificates_of_cargo_count(tmp_path: Path) -> None:
    source(tmp_path, '[http]\nproxy = "http://proxy.example:3128"\ncainfo = "ca.pem"')
    network = read_cargo_config({"HOME": str(tmp_path)}).network
    assert network["https_proxy"] == "http://proxy.example:3128"
    assert network["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    other = read_cargo_config({"CARGO_HOME": str(tmp_path / ".cargo"), "CARGO_HTTP_PROXY": "http://other.example"})
    assert other.network["https_proxy"] == "http://other.example"
