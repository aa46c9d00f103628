from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from grocker.runner.contract.spec import ContainerUser
from grocker.runner.prepare import account


def _absent_uid() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(54321, 65000) if uid not in taken)


def test_account_is_the_images_when_the_entry_fits(tmp_path: Path) -> None:
    own = pwd.getpwuid(os.getuid())
    made = account.prepare_account(
        ContainerUser(name="blue", home=own.pw_dir), own.pw_uid, own.pw_gid, str(tmp_path), ""
    )
    assert made.variables == {}
    assert list(tmp_path.iterdir()) == []


def test_account_is_made_when_the_uid_has_no_entry(tmp_path: Path) -> None:
    uid = _absent_uid()
    made = account.prepare_account(ContainerUser(), uid, 54321, str(tmp_path), "/lib/other.so", installed=True)
    assert made.name == "blue"
    assert made.variables == {
        "LD_PRELOAD": "libnss_wrapper.so:/lib/other.so",
        "NSS_WRAPPER_PASSWD": f"{tmp_path}/passwd",
        "NSS_WRAPPER_GROUP": f"{tmp_path}/group",
    }
    passwd = (tmp_path / "passwd").read_text().splitlines()
    assert passwd[0] == f"blue:x:{uid}:54321:blue:/home/blue:/bin/bash"
    assert any(line.startswith("root:") for line in passwd)
    assert "blue:x:54321:" in (tmp_path / "group").read_text().splitlines()


def test_account_replaces_the_entry_when_its_home_is_another(tmp_path: Path) -> None:
    made = account.prepare_account(ContainerUser(), 0, 0, str(tmp_path), "", installed=True)
    passwd = (tmp_path / "passwd").read_text().splitlines()
    assert passwd[0] == "root:x:0:0:root:/home/blue:/bin/bash"
    assert made.name == "root"
    assert len([line for line in passwd if line.split(":")[2] == "0"]) == 1
    assert made.variables["LD_PRELOAD"] == "libnss_wrapper.so"


def test_account_warns_when_the_library_is_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        account.prepare_account(ContainerUser(), _absent_uid(), 0, str(tmp_path), "", installed=False).variables == {}
    )
    assert "libnss-wrapper" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("         0          0 4294967295\n", 1000),
        ("0 1001 1\n1 100000 65536\n", 100999),  # podman, rootless
        ("0 165536 65536\n", 166536),  # docker with userns-remap
        ("0 1 500\n", 1000),
        ("damaged\n", 1000),
        (None, 1000),
    ],
)
def test_on_host_follows_the_map_of_the_engine(tmp_path: Path, text: str | None, outside: int) -> None:
    if text is not None:
        (tmp_path / "uid_map").write_text(text)
    assert account.host_uid(1000, str(tmp_path / "uid_map")) == outside
