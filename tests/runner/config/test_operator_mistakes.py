from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.runner.config import operator_mistakes
from grocker.runner.config.configuration import IniText
from grocker.runner.contract.names import ContainerLayout

_BASE = IniText(name="50.ini", path="/base.ini", text="[polls]\ntitle = a\n[redis]\nport = 1\n[db]\nurl = x\n[cache]\n")


def _own(text: str) -> IniText:
    return IniText(name="90_x.ini", path="/config/app/90_x.ini", text=text)


@pytest.fixture
def warnings(capfd: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    def read() -> list[str]:
        return capfd.readouterr().err.splitlines()

    return read


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (["90_x.ini"], ["90_x.ini"]),
        (["90_x.ini", "50_default_settings.ini", "app/90_y.ini"], ["50_default_settings.ini", "90_x.ini"]),
        (["App/90_x.ini"], ["App/90_x.ini"]),
        (["shop/app.ini", "x.ini/"], ["shop/app.ini", "x.ini"]),
        (["app/90_x.ini", "crontab", "ssh-dir/x.ini", "README", "..data/90_x.ini", ".90_x.ini"], []),
        ([], []),
    ],
)
def test_files_in_the_wrong_place_are_named(
    tmp_path: Path, warnings: Callable[[], list[str]], files: list[str], named: list[str]
) -> None:
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        if file.endswith("/"):
            path.mkdir()
        else:
            path.touch()
    operator_mistakes.warn_misplaced_files(ContainerLayout(config=str(tmp_path)))
    expected = ", ".join(f"{tmp_path}/{name}" for name in named)
    message = f"grocker: warning: ignored, because only {tmp_path}/app/*.ini is read: {expected}; move them, or mount "
    assert warnings() == ([f"{message}their directory, there"] if named else [])


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (["/confg"], ["/confg is mounted, but is not one of the image's directories; did you mean /config?"]),
        (
            ["/configs", "/config"],
            ["/configs is mounted, but is not one of the image's directories; did you mean /config?"],
        ),
        (["/meida"], ["/meida is mounted, but is not one of the image's directories; did you mean /media?"]),
        (["/script"], ["/script is mounted, but is not one of the image's directories; did you mean /scripts?"]),
        (["/Scripts"], ["/Scripts is mounted, but is not one of the image's directories; did you mean /scripts?"]),
        (["/", "/proc", "/tmp", "/config", "/media", "/scripts", "/config/app", "/mnt", "/data", "/dev/log"], []),
    ],
)
def test_mount_that_is_nearly_one_of_the_contract_is_told(
    tmp_path: Path, warnings: Callable[[], list[str]], points: list[str], told: list[str]
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("".join(f"7 1 0:5 / {point} rw - ext4 /dev/x rw\n" for point in points) + "odd\n")
    operator_mistakes.warn_mistyped_mounts(ContainerLayout(), str(mounts))
    assert warnings() == [f"grocker: warning: {one}" for one in told]
    operator_mistakes.warn_mistyped_mounts(ContainerLayout(), str(tmp_path / "none"))
    assert warnings() == []


def test_no_configuration_is_no_mistake(tmp_path: Path, warnings: Callable[[], list[str]]) -> None:
    operator_mistakes.warn_misplaced_files(ContainerLayout(config=str(tmp_path / "none")))
    assert warnings() == []


@pytest.mark.parametrize(
    ("section", "meant"),
    [
        ("pols", "polls"),
        ("pollls", "polls"),
        ("polls2", "polls"),
        ("rediz", "redis"),
        ("erdis", "redis"),
        ("Redis", "redis"),
        ("DB", "db"),
        ("polls", ""),
        ("dc", ""),
        ("d", ""),
        ("mail", ""),
        ("cache2x", ""),
        ("DEFAULT", ""),
    ],
)
def test_section_that_is_nearly_one_of_the_application_is_told(
    warnings: Callable[[], list[str]], section: str, meant: str
) -> None:
    operator_mistakes.warn_mistyped_sections([_BASE, _own(f"[{section}]\nx = [y]\n[other]\n")], "/base.ini")
    message = (
        f"grocker: warning: /config/app/90_x.ini: the application has no section [{section}] of its own; did you mean "
    )
    assert warnings() == ([f"{message}[{meant}]?"] if meant else [])


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"POLLS_REDIS_PORT": "tcp://10.0.0.5:6379", "POLLS_REDIS_SERVICE_HOST": "10.0.0.5"}, "POLLS_REDIS_PORT"),
        ({"POLLS_REDIS_PORT": "udp://10.0.0.5:53", "POLLS_REDIS_SERVICE_HOST": "10.0.0.5"}, "POLLS_REDIS_PORT"),
        (
            {"POLLS_REDIS_PORT": "tcp://172.17.0.2:6379", "POLLS_REDIS_PORT_6379_TCP": "tcp://172.17.0.2:6379"},
            "POLLS_REDIS_PORT",
        ),
        (
            {"POLLS_PORT": "tcp://[fd00::5]:80", "POLLS_SERVICE_HOST": "fd00::5"},
            "POLLS_SERVICE_HOST",
        ),
        ({"POLLS_REDIS_PORT": "tcp://10.0.0.5:6379"}, ""),
        ({"POLLS_REDIS_PORT": "6379", "POLLS_REDIS_SERVICE_HOST": "10.0.0.5"}, ""),
        ({"POLLS_MAIL_PORT": "tcp://10.0.0.5:25", "POLLS_MAIL_SERVICE_HOST": "10.0.0.5"}, ""),
        ({"KUBERNETES_PORT": "tcp://10.0.0.1:443", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ""),
    ],
)
def test_key_that_a_service_of_kubernetes_overrides_is_told(
    warnings: Callable[[], list[str]], environ: dict[str, str], told: str
) -> None:
    texts = [_BASE, _own("[service]\nhost = a\n")]
    operator_mistakes.warn_service_links(texts, "POLLS", environ)
    lines = warnings()
    assert len(lines) == bool(told)
    if told:
        assert lines[0].startswith(f"grocker: warning: {told} overrides ")
        assert lines[0].endswith("not from you; set enableServiceLinks: false in the pod")
