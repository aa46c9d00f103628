"""The way to a one-shot command: what it loads is what it costs (design: at most 40 ms over the bare command)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grocker.runner.contract import installed_files as texts

RUNNER = Path(__file__).resolve().parents[2] / "src" / "grocker" / "runner"

# Each of these takes more than a millisecond, and none is needed.
_DEAR = {
    *("argparse", "asyncio", "dataclasses", "glob", "inspect", "json", "logging", "pathlib", "selectors", "shutil"),
    *("socket", "subprocess", "tempfile", "threading", "traceback", "typing", "urllib", "zipfile", "ctypes", "struct"),
    *("configparser", "contextlib", "enum", "functools", "re", "signal"),
}

_PREPARE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from grocker_runner import main
from grocker_runner.contract import codec
from grocker_runner.contract.names import ContainerLayout
from grocker_runner.prepare.preparation import prepare
from grocker_runner.process import one_shot, program
root = sys.argv[2]
image = codec.decode(open(f"{root}/image.json", "rb").read())
layout = ContainerLayout(
    config=f"{root}/config", scratch=f"{root}/scratch", base_settings=f"{root}/50_default_settings.ini"
)
environ = prepare(image, dict(os.environ), layout)
program.find_program(("true",), environ["PATH"], f"{root}/scripts")
print(*sorted(sys.modules))
"""


def _dotted(path: Path) -> str:
    """A module's name in the image."""
    parts = path.relative_to(RUNNER).with_suffix("").parts
    return ".".join(("grocker_runner", *(part for part in parts if part != "__init__")))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The runner as it is in an image, by its other name."""
    library = tmp_path / "lib"
    shutil.copytree(RUNNER, library / "grocker_runner", ignore=shutil.ignore_patterns("__pycache__"))
    return library


def _python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "-S", *arguments], capture_output=True, text=True, check=False)


def test_main_loads_little_before_a_command(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "config" / "app").mkdir(parents=True)
    (tmp_path / "config" / "app" / "90_x.ini").write_text("[x]\na = 1\n")
    (tmp_path / "50_default_settings.ini").write_text(texts.DEFAULT_SETTINGS)
    home = str(tmp_path)
    (tmp_path / "image.json").write_text(
        '{"any_service":false,"contract":1,"crontab":null,"django_settings_module":null,"extras":[],"grocker":"1",'
        '"installed":"",'
        '"name":"x","namespace":"X","schema":1,"services":{},"user":{"gid":0,"home":"'
        + home
        + '","name":"blue","uid":1000},'
        '"variables":{},"version":"1"}'
    )
    done = _python("-c", _PREPARE, installed, tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert sorted(loaded & _DEAR) == []
    assert "grocker_runner.supervise" not in loaded
    assert not any(name.partition(".")[0] == "grocker" for name in loaded)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(_dotted(path) for path in RUNNER.rglob("*.py")))
def test_main_and_every_module_work_by_their_name_in_the_image(installed: Path, name: str) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2]); print('typing' in sys.modules)"
    done = _python("-c", code, installed, name)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["supervise.startup", "supervise.process_specs", "servers.nginx", "cron.service"])
def test_main_loads_no_enumerations_before_the_first_process(installed: Path, name: str) -> None:
    """They are made anew in each interpreter, which takes half as long as its start."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2]); print(*sorted(sys.modules))"
    done = _python("-c", code, installed, f"grocker_runner.{name}")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & {"enum", "re", "signal", "socket", "typing"} == set()


def test_main_says_what_is_wrong_when_the_image_is_damaged(installed: Path) -> None:
    program = installed / "grocker-runner"
    program.write_text(texts.PROGRAMS["grocker-runner"].replace("/opt/grocker/lib", str(installed)))
    done = _python(program, "run", "true")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 1)
    assert "/opt/grocker/image.json" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("exec",)])
def test_main_refuses_when_it_is_called_wrongly(installed: Path, arguments: tuple[str, ...]) -> None:
    program = installed / "grocker-runner"
    program.write_text(texts.PROGRAMS["grocker-runner"].replace("/opt/grocker/lib", str(installed)))
    done = _python(program, *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 1)
