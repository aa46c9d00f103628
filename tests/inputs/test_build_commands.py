"""When build commands run, and what of a project is loaded with what they wrote."""

from __future__ import annotations

import hashlib
import sys

import msgspec
import pytest

from grocker.config.settings import Settings
from grocker.errors import MissingError, SettingsError
from grocker.inputs import command_run
from grocker.inputs.application import Application
from grocker.inputs.load import load_application
from grocker.inputs.produced import FILES, CommandResult, ProducedFile
from grocker.inputs.toolchain import DebianToolchain
from grocker.platforms.suites import SUITES
from grocker.platforms.target import Target
from grocker.resolve.lock import not_reproducible
from grocker.tar.entry import File
from tests.inputs.test_application_directory import Workplace, workplace  # noqa: F401 - a fixture

BUILD = {"commands": ["make"], "outputs": ["out"], "inputs": ["*.js"]}


class Runs:
    """Stands for the sandbox: writes one file, and counts."""

    def __init__(self) -> None:
        self.asked: list[command_run.CommandRun] = []
        self.machine = 0

    def make(self, context: object, toolchain: DebianToolchain, asked: command_run.CommandRun) -> CommandResult:
        self.asked.append(asked)
        data = b"built %d" % len(self.asked)
        name = f"made-{len(self.asked)}"
        with toolchain.context.store.new_tree(name) as tree:
            (tree / FILES / "out").mkdir(parents=True)
            (tree / FILES / "out" / "main.js").write_bytes(data)
        file = ProducedFile("out/main.js", hashlib.sha256(data).hexdigest(), machine=self.machine)
        return CommandResult(name, (file,))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr(command_run, "make", found.make)
    monkeypatch.setattr(DebianToolchain, "root_key", lambda self: f"root of {self.image.architecture}")
    return found


def built(application: Application) -> str:
    [data] = [one.data for one in application.installed.entries if one.path == "opt/app/out/main.js"]  # type: ignore[union-attr]
    assert isinstance(data, bytes)
    return data.decode()


@pytest.mark.usefixtures("runs")
def test_tree_has_what_commands_wrote_and_watches_what_they_read(workplace: Workplace, runs: Runs) -> None:  # noqa: F811
    workplace.write({"app.py": "x = 1", "a.js": "", "out/main.js": "of the host"})
    application = workplace.load("./", build=BUILD)
    assert built(application) == "built 1"
    assert str(workplace.place / "./a.js") in application.files
    assert not any("trees" in path for path in application.files)
    workplace.write({"app.py": "x = 2"})
    assert built(workplace.load("./", build=BUILD)) == "built 1"
    workplace.write({"a.js": "changed"})
    assert built(workplace.load("./", build=BUILD)) == "built 2"
    assert [file.path for file in runs.asked[0].tree.files] == ["a.js", "app.py", "out/main.js"]


@pytest.mark.usefixtures("runs")
def test_include_may_name_what_commands_write(workplace: Workplace) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": ""})
    assert built(workplace.load("./", build=BUILD, include=["out"])) == "built 1"
    with pytest.raises(SettingsError, match="include: the project has no file or directory 'other'"):
        workplace.load("./", build=BUILD, include=["other"])


def test_lost_result_is_made_again(workplace: Workplace, runs: Runs) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": ""})
    workplace.load("./", build=BUILD)
    workplace.context.store.forget_tree("made-1")
    assert built(workplace.load("./", build=BUILD)) == "built 2"
    assert len(runs.asked) == 2


@pytest.mark.usefixtures("runs")
def test_lock_says_what_ran_with_a_network(workplace: Workplace) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": ""})
    assert not_reproducible(workplace.load("./")) == ()
    assert not_reproducible(workplace.load("./", build=BUILD)) == ()
    assert not_reproducible(workplace.load("./", build={**BUILD, "network": True})) == ("build.commands",)


def test_commands_see_files_that_the_image_does_not_get(workplace: Workplace, runs: Runs) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": "", ".npmrc": "legacy-peer-deps=true", "front/.npmrc": "_auth=abc"})
    application = workplace.load("./", build=BUILD, exclude=["*.js"])
    assert [file.path for file in runs.asked[0].tree.files] == [".npmrc", "a.js", "app.py"]
    assert [path.name for path in runs.asked[0].npmrc] == [".npmrc", ".npmrc"]
    assert not any(
        one.path.endswith((".npmrc", "a.js")) for one in application.installed.entries if isinstance(one, File)
    )


def test_program_for_another_processor_is_refused(workplace: Workplace, runs: Runs) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": ""})
    runs.machine = 8
    with pytest.raises(MissingError, match="out/main.js is not a program for amd64"):
        workplace.load("./", build=BUILD)


def test_commands_run_on_the_host_s_processor_whatever_the_image_is_for(
    workplace: Workplace,  # noqa: F811
    runs: Runs,
) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    request = workplace.request("./", build=BUILD)
    for architecture in ("amd64", "arm64"):
        target = Target(SUITES["trixie"], architecture)
        assert built(load_application(msgspec.structs.replace(request, target=target))) == "built 1"
    assert len(runs.asked) == 1


@pytest.mark.usefixtures("runs")
def test_commands_are_refused_where_there_is_no_project(workplace: Workplace) -> None:  # noqa: F811
    workplace.write({"bot.py": "# /// script\n# dependencies = []\n# ///\n"})
    with pytest.raises(SettingsError, match="build.commands: bot.py is not a project"):
        workplace.load("bot.py", build=BUILD)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"commands": ["x"]}, "commands require outputs"),
        ({"outputs": ["x"]}, "outputs requires commands"),
        ({"network": True}, "network requires commands"),
        ({"commands": ["  "], "outputs": ["x"]}, "Expected `str` matching"),
        ({"commands": ["x"], "outputs": ["/x"]}, "Expected `str` matching"),
        ({"commands": ["x"], "outputs": ["a/../../x"]}, "Expected `str` matching"),
        ({"commands": ["x"], "outputs": ["./"]}, "outputs cannot be the whole project"),
        ({"commands": ["x"], "outputs": ["x"], "inputs": ["../x"]}, "Expected `str` matching"),
        ({"commands": ["x"], "outputs": ["x"], "timeout": 0}, "Expected `int` >= 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"build": table}, Settings)


def test_kept_result_imports_nothing_of_the_sandbox(workplace: Workplace, runs: Runs) -> None:  # noqa: F811
    workplace.write({"app.py": "", "a.js": ""})
    workplace.load("./", build=BUILD)
    heavy = ("grocker.sandbox", "grocker.inputs.command_run")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.startswith(heavy)]:
            patch.delitem(sys.modules, name)
        workplace.write({"app.py": "x = 1"})
        assert built(workplace.load("./", build=BUILD)) == "built 1"
        assert [name for name in sys.modules if name.startswith(heavy)] == []
    assert len(runs.asked) == 1
