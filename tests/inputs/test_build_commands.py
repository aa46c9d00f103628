"""When build commands run, and what of a project is loaded with what they wrote."""

from __future__ import annotations

import hashlib
import json
import sys

import msgspec
import pytest

from grocker.config.settings import Settings
from grocker.errors import CorruptError, MissingError, SettingsError
from grocker.inputs import command_run, package
from grocker.inputs.application import Application
from grocker.inputs.load import load_application
from grocker.inputs.produced import FILES, CommandResult, ProducedFile
from grocker.inputs.toolchain import DebianToolchain
from grocker.platforms.suites import SUITES
from grocker.platforms.target import Target
from grocker.progress import Silent
from grocker.resolve.lock import not_reproducible
from grocker.tar.entry import File
from tests.inputs.conftest import Workplace

BUILD = {"commands": ["make"], "outputs": ["out"], "inputs": ["*.js"]}


class Runs:
    """Stands for the sandbox: writes one file, and counts."""

    def __init__(self) -> None:
        self.asked: list[command_run.CommandRun] = []
        self.toolchains: list[DebianToolchain] = []
        self.machine = 0

    def make(self, context: object, toolchain: DebianToolchain, asked: command_run.CommandRun) -> CommandResult:
        self.asked.append(asked)
        self.toolchains.append(toolchain)
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
def test_tree_has_what_commands_wrote_and_watches_what_they_read(workplace: Workplace, runs: Runs) -> None:
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
def test_include_may_name_what_commands_write(workplace: Workplace) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    assert built(workplace.load("./", build=BUILD, include=["out"])) == "built 1"
    with pytest.raises(SettingsError, match="include: the project has no file or directory 'other'"):
        workplace.load("./", build=BUILD, include=["other"])


def test_lost_result_is_made_again(workplace: Workplace, runs: Runs) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    workplace.load("./", build=BUILD)
    workplace.context.store.forget_tree("made-1")
    assert built(workplace.load("./", build=BUILD)) == "built 2"
    assert len(runs.asked) == 2


@pytest.mark.usefixtures("runs")
def test_lock_says_what_ran_with_a_network(workplace: Workplace) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    assert not_reproducible(workplace.load("./")) == ()
    assert not_reproducible(workplace.load("./", build=BUILD)) == ()
    assert not_reproducible(workplace.load("./", build={**BUILD, "network": True})) == ("build.commands",)


def test_commands_see_files_that_the_image_does_not_get(workplace: Workplace, runs: Runs) -> None:
    workplace.write({"app.py": "", "a.js": "", ".npmrc": "legacy-peer-deps=true", "front/.npmrc": "_auth=abc"})
    application = workplace.load("./", build=BUILD, exclude=["*.js"])
    assert [file.path for file in runs.asked[0].tree.files] == [".npmrc", "a.js", "app.py"]
    assert [path.name for path in runs.asked[0].npmrc] == [".npmrc", ".npmrc"]
    assert not any(
        one.path.endswith((".npmrc", "a.js")) for one in application.installed.entries if isinstance(one, File)
    )


def test_program_for_another_processor_is_refused(workplace: Workplace, runs: Runs) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    runs.machine = 8
    with pytest.raises(MissingError, match="out/main.js is not a program for amd64"):
        workplace.load("./", build=BUILD)


def test_commands_run_on_the_host_s_processor_whatever_the_image_is_for(
    workplace: Workplace,
    runs: Runs,
) -> None:
    workplace.write({"app.py": "", "a.js": ""})
    request = workplace.request("./", build=BUILD)
    for architecture in ("amd64", "arm64"):
        target = Target(SUITES["trixie"], architecture)
        assert built(load_application(msgspec.structs.replace(request, target=target))) == "built 1"
    assert len(runs.asked) == 1


@pytest.mark.usefixtures("runs")
def test_commands_are_refused_where_there_is_no_project(workplace: Workplace) -> None:
    workplace.write({"bot.py": "# /// script\n# dependencies = []\n# ///\n"})
    with pytest.raises(SettingsError, match="build.commands: bot.py is not a project"):
        workplace.load("bot.py", build=BUILD)


PACKAGE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "6"}}'
SITE = {"app.py": "OUT = 'out'", "main.js": "", "package.json": PACKAGE, "package-lock.json": "{}"}
SITE["vite.config.js"] = "build: { outDir: 'out' }"


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found = {"trixie": "20.19.2+dfsg-1", "forky": "24.1.0", "bookworm": "18.1.0"}
    monkeypatch.setattr(DebianToolchain, "package_version", lambda self, name: found[self.image.suite.name])
    return found


def warnings(workplace: Workplace) -> list[tuple[str, str | None]]:
    progress = workplace.context.progress
    assert isinstance(progress, Silent)
    return progress.warnings


@pytest.mark.usefixtures("nodes")
def test_front_end_that_is_not_built_is_built(workplace: Workplace, runs: Runs) -> None:
    workplace.write(SITE)
    application = workplace.load("./", build={"env": {"A": "b"}, "timeout": 60, "dependencies": ["libpq-dev"]})
    assert built(application) == "built 1"
    [asked] = runs.asked
    assert (asked.settings.commands, asked.settings.network) == (("npm ci", "npm run build"), True)
    assert (asked.settings.env, asked.settings.timeout, asked.settings.outputs) == ({"A": "b"}, 60, ("out",))
    assert asked.origin == "package.json"
    assert application.produced is not None
    assert (application.produced.origin, application.produced.commands) == ("package.json", asked.settings.commands)
    assert not_reproducible(application) == ("build.commands",)
    assert warnings(workplace) == []


@pytest.mark.usefixtures("nodes")
def test_front_end_is_built_again_only_when_it_changes(workplace: Workplace, runs: Runs) -> None:
    workplace.write({**SITE, "src/a.ts": ""})
    assert built(workplace.load("./")) == "built 1"
    workplace.write({"app.py": "OUT = 'out'\nx = 1", "README.md": "changed"})
    assert built(workplace.load("./")) == "built 1"
    workplace.write({"src/a.ts": "changed"})
    assert built(workplace.load("./")) == "built 2"
    workplace.write({"src/a.svg": "new"})
    assert built(workplace.load("./")) == "built 3"
    assert len(runs.asked) == 3


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("files", "build"),
    [
        ({}, {"commands": []}),
        ({"out/index.html": ""}, {}),
        ({"app.py": "x = 1"}, {}),
        ({"package.json": '{"scripts": {}}'}, {}),
    ],
)
def test_nothing_runs_when_it_is_turned_off_or_there_is_nothing_to_build(
    workplace: Workplace,
    runs: Runs,
    files: dict[str, str],
    build: dict[str, object],
) -> None:
    workplace.write({**SITE, **files})
    assert workplace.load("./", build=build).produced is None
    assert runs.asked == []
    assert warnings(workplace) == []


@pytest.mark.parametrize(
    ("lock", "hint"),
    [
        ("", "add npm's lock file so that Grocker builds it, or set commands in [tool.grocker.build]"),
        ("bun.lock", "run `bun run build` before grocker build; git must not ignore its output"),
    ],
)
def test_front_end_that_cannot_be_built_is_a_warning(
    workplace: Workplace,
    runs: Runs,
    lock: str,
    hint: str,
) -> None:
    files = {name: text for name, text in SITE.items() if name != "package-lock.json"}
    workplace.write({**files, **({lock: ""} if lock else {})})
    workplace.load("./")
    assert runs.asked == []
    assert warnings(workplace) == [("the front end of package.json is not built: the application lacks out", hint)]


def test_node_of_another_suite_builds_what_the_image_s_is_too_old_for(
    workplace: Workplace,
    runs: Runs,
    nodes: dict[str, str],
) -> None:
    workplace.write({**SITE, "package.json": PACKAGE[:-1] + ', "engines": {"node": ">=22"}}'})
    workplace.load("./")
    assert [one.image.suite.name for one in runs.toolchains] == ["forky"]
    assert warnings(workplace) == []
    nodes["forky"] = "21.0.0"
    workplace.context.store.forget_tree("made-1")
    workplace.load("./")
    assert [one.image.suite.name for one in runs.toolchains] == ["forky", "trixie"]
    [(text, _)] = warnings(workplace)
    assert text == "package.json asks for Node >=22; building with Debian's Node 20.19.2"


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(("written", "runs_npm"), [("demo/own.txt", False), ("demo/other.txt", True)])
def test_wheel_with_outputs_that_git_ignores_needs_no_npm(
    workplace: Workplace,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    runs_npm: bool,
) -> None:
    script = json.dumps({"scripts": {"build": f"sass a.scss -o {written}"}})
    project = {"package.json": script, "package-lock.json": "{}", ".dockerignore": "demo/*.txt", written: "on the disk"}
    workplace.write({"pyproject.toml": "[build-system]\nrequires = []\n", "demo/__init__.py": f"X = '{written}'"})
    wheel = workplace.package(project)
    monkeypatch.setattr(package, "load", lambda request, produced: wheel)
    application = workplace.load("./")
    assert (len(runs.asked) == 1) is runs_npm
    assert (application.produced is not None) is runs_npm


@pytest.mark.usefixtures("nodes")
def test_failing_front_end_says_how_to_turn_it_off(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> CommandResult:
        raise CorruptError("build command 'npm ci': exit status 1", hint="look")

    monkeypatch.setattr(command_run, "make", fail)
    monkeypatch.setattr(DebianToolchain, "root_key", lambda self: "root")
    workplace.write(SITE)
    with pytest.raises(CorruptError) as caught:
        workplace.load("./")
    assert caught.value.message == "building the front end of package.json: build command 'npm ci': exit status 1"
    assert caught.value.hint == "look; or turn it off: commands = [] in [tool.grocker.build]"


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


def test_kept_result_imports_nothing_of_the_sandbox(workplace: Workplace, runs: Runs) -> None:
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
