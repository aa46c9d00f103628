"""Keys: the same inputs the same key, another input another key, and only where it matters."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from grocker import digest
from grocker.digest import Digest
from grocker.lock.values import DebianPackage, PlatformLock, PythonFile, StandalonePython
from grocker.plan.documents import Documents
from grocker.plan.layers import LARGE, PlannedLayer, interpreter_key, plan_layers
from grocker.plan.subject import StaticPlace


def package(name: str, version: str = "1") -> DebianPackage:
    return DebianPackage(
        name, version, "amd64", "trixie", f"pool/{name}.deb", 9, digest.of(f"{name}{version}".encode())
    )


def wheel(name: str, version: str = "1", size: int = 9) -> PythonFile:
    return PythonFile(
        name, version, f"{name}-{version}-py3-none-any.whl", "default", size, digest.of(f"{name}{version}".encode())
    )


LOCK = PlatformLock(
    "linux/amd64",
    debian=(package("bash"), package("libpython3.13-stdlib")),
    python=(wheel("django"), wheel("numpy", size=LARGE)),
)
DOCUMENTS = Documents(b"{}", b"")
OWN = digest.of(b"0")


def planned(
    lock: PlatformLock = LOCK,
    documents: Documents = DOCUMENTS,
    own: Digest = OWN,
    epoch: int = 0,
    uid: int = 1000,
    data: str = "",
    static: StaticPlace | None = None,
    standalone: StandalonePython | None = None,
    scripts: Sequence[str] = (),
    locales: Sequence[str] = (),
    tools: Sequence[Digest] = (),
    sees_debian_modules: bool = False,
) -> tuple[PlannedLayer, ...]:
    return plan_layers(
        lock,
        documents,
        wheel=own,
        subject="polls 1",
        interpreter=interpreter_key(lock.debian, standalone),
        standalone=standalone,
        runner="r",
        python="3.13",
        lock_text=repr(lock),
        user=("blue", uid),
        epoch=epoch,
        data=data,
        static=static,
        scripts=scripts,
        locales=locales,
        tools=tools,
        sees_debian_modules=sees_debian_modules,
    )


def test_modules_of_debian_change_the_environment_alone() -> None:
    assert changed(planned(), planned(sees_debian_modules=True)) == {"environment"}


def test_scripts_have_a_layer_that_only_packages_their_tools_and_the_user_change() -> None:
    first = planned(scripts=("libc6",))
    assert [layer.kind for layer in first][:4] == ["debian", "configured", "scripts", "runner"]
    assert "maintainer scripts" not in changed(first, planned(own=LOCK.debian[0].sha256, scripts=("libc6",)))
    assert "maintainer scripts" in changed(first, planned(uid=1001, scripts=("libc6",)))
    assert "maintainer scripts" in changed(first, planned(scripts=("libc6", "zlib1g")))
    assert changed(first, planned(scripts=("libc6",), tools=(OWN,))) == {"maintainer scripts"}


def test_locales_change_the_layers_of_debian_in_any_order() -> None:
    first = planned(locales=("de_DE.UTF-8", "fr_FR.UTF-8"))
    assert changed(planned(), first) == {"debian", "generated"}
    assert changed(first, planned(locales=("de_DE.UTF-8",))) == {"debian", "generated"}
    assert not changed(first, planned(locales=("fr_FR.UTF-8", "de_DE.UTF-8")))


def changed(one: Sequence[PlannedLayer], other: Sequence[PlannedLayer]) -> set[str]:
    before = {layer.title: layer.key for layer in one}
    return {layer.title for layer in other if before.get(layer.title) != layer.key}


def test_plan_has_its_layers_in_the_designs_order() -> None:
    assert [layer.title for layer in planned()] == [
        *("debian", "generated", "runner", "wheel numpy", "wheels", "environment", "application")
    ]


def test_static_files_have_a_layer_below_the_application_when_they_are_collected() -> None:
    static = StaticPlace("/opt/static", "1", hide=False)
    assert [layer.title for layer in planned(static=static)][-3:] == ["environment", "static", "application"]
    assert changed(planned(), planned(static=static)) == {"static"}
    assert changed(planned(static=static), planned(static=replace(static, digest="2"))) == {"static"}


def test_data_of_the_application_have_a_layer_below_it() -> None:
    assert [layer.title for layer in planned(data="1")][-3:] == ["environment", "data", "application"]
    assert changed(planned(data="1"), planned(data="2")) == {"data"}


def test_application_is_made_anew_when_other_static_files_replace_its_own() -> None:
    hiding = StaticPlace("/opt/static", "1", hide=True)
    assert changed(planned(static=hiding), planned(static=replace(hiding, digest="2"))) == {"static", "application"}


def test_plan_is_the_same_when_the_inputs_are() -> None:
    assert planned() == planned()


def with_debian(*packages: DebianPackage) -> PlatformLock:
    return msgspec.structs.replace(LOCK, debian=packages)


def with_python(*files: PythonFile) -> PlatformLock:
    return msgspec.structs.replace(LOCK, python=files)


EVERYTHING = {"debian", "generated", "runner", "wheel numpy", "wheels", "environment", "application"}


@pytest.mark.parametrize(
    ("other", "layers"),
    [
        (planned(own=digest.of(b"1")), {"application"}),
        (planned(documents=replace(DOCUMENTS, image_json=b"{1}")), {"application"}),
        (planned(with_python(wheel("django", "2"), wheel("numpy", size=LARGE))), {"wheels", "environment"}),
        (planned(with_python(wheel("django"), wheel("numpy", "2", LARGE))), {"wheel numpy", "environment"}),
        (planned(with_debian(package("bash", "2"), LOCK.debian[1])), {"debian", "generated", "environment"}),
        (planned(with_debian(LOCK.debian[0], package("libpython3.13-stdlib", "2"))), EVERYTHING),
        (planned(uid=1001), {"generated"}),
        (planned(epoch=1), EVERYTHING),
    ],
    ids=["code", "settings", "small wheel", "large wheel", "package", "interpreter", "user", "epoch"],
)
def test_plan_changes_only_the_layers_that_depend_on_it_when(other: Sequence[PlannedLayer], layers: set[str]) -> None:
    assert changed(planned(), other) == layers


def test_plan_has_no_layer_for_small_wheels_when_there_is_none() -> None:
    assert [layer.title for layer in planned(with_python())] == [
        *("debian", "generated", "runner", "environment", "application")
    ]


def test_kinds_are_those_of_the_titles_and_each_wheel_is_named_by_its_digest() -> None:
    layers = {layer.title: layer for layer in planned()}
    assert [layer.kind for layer in planned()] == [
        *("debian", "configured", "runner", "wheel", "wheels", "environment", "application")
    ]
    assert layers["wheel numpy"].files == (LOCK.python[1].sha256,)
    assert layers["wheels"].files == (LOCK.python[0].sha256,)
    assert layers["debian"].files == tuple(one.sha256 for one in LOCK.debian)


def test_standalone_interpreter_is_a_layer_of_its_own_that_debians_do_not_depend_on() -> None:
    first = StandalonePython("3.12.15", "20261001", "cpython.tar.gz", 9, digest.of(b"15"))
    second = replace(first, version="3.12.16", build="20261110", sha256=digest.of(b"16"))
    one, other = planned(standalone=first), planned(standalone=second)
    assert [layer.title for layer in one][:4] == ["debian", "generated", "interpreter", "runner"]
    assert one[2].inputs == ("cpython 3.12.15 20261001",)
    assert one[2].files == (first.sha256,)
    assert "bytecode" in planned()[1].inputs and "bytecode" not in one[1].inputs
    assert changed(one, other) == {"interpreter", "runner", "wheel numpy", "wheels", "application"}
