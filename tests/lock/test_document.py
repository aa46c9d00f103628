"""The lock as a file."""

from __future__ import annotations

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.digest import Digest
from grocker.errors import SettingsError
from grocker.lock.document import parse, render
from grocker.lock.values import (
    Base,
    BuildRequirement,
    DebianPackage,
    Interpreter,
    Lock,
    PlatformLock,
    PythonFile,
    StandalonePython,
    merge_locks,
)

SUM = Digest("sha256:" + "0" * 64)
PACKAGES = (
    DebianPackage("libc6", "2.41-12", "amd64", "trixie", "pool/main/g/glibc/libc6_2.41-12_amd64.deb", 2847, SUM),
    DebianPackage("zlib1g", "1:1.3.1", "amd64", "trixie-security", "pool/main/z/zlib/zlib1g.deb", 87, SUM),
)
FILES = (
    PythonFile("django", "5.2", "django-5.2-py3-none-any.whl", "default", 8301, SUM),
    PythonFile("numpy", "2.3.0", "numpy-2.3.0-cp313-cp313-manylinux_2_28_x86_64.whl", "default", 1690, SUM),
)
ARM = DebianPackage("libc6", "2.41-12", "arm64", "trixie", "pool/main/g/glibc/libc6_2.41-12_arm64.deb", 2700, SUM)


def lock(*platforms: PlatformLock, build: tuple[BuildRequirement, ...] = ()) -> Lock:
    return Lock(
        inputs={"requirements": SUM, "debian": SUM},
        base=Base("debian", "trixie"),
        interpreter=Interpreter("cpython", "3.13", "debian:trixie"),
        platforms=platforms,
        build=build,
    )


BUILD = (BuildRequirement("flit-core", "3.12.0", hashes=(SUM,)),)
LOCK = lock(PlatformLock("linux/amd64", PACKAGES, FILES), build=BUILD)
TEXT = f'''\
version = 1

[inputs]
debian = "{SUM}"
requirements = "{SUM}"

[base]
distribution = "debian"
suite = "trixie"

[interpreter]
implementation = "cpython"
source = "debian:trixie"
version = "3.13"

[[debian]]
name = "libc6"
version = "2.41-12"
arch = "amd64"
suite = "trixie"
path = "pool/main/g/glibc/libc6_2.41-12_amd64.deb"
size = 2847
sha256 = "{SUM}"
platforms = [
    "linux/amd64",
]

[[debian]]
name = "zlib1g"
version = "1:1.3.1"
arch = "amd64"
suite = "trixie-security"
path = "pool/main/z/zlib/zlib1g.deb"
size = 87
sha256 = "{SUM}"
platforms = [
    "linux/amd64",
]

[[python]]
name = "django"
version = "5.2"
file = "django-5.2-py3-none-any.whl"
index = "default"
size = 8301
sha256 = "{SUM}"
platforms = [
    "linux/amd64",
]

[[python]]
name = "numpy"
version = "2.3.0"
file = "numpy-2.3.0-cp313-cp313-manylinux_2_28_x86_64.whl"
index = "default"
size = 1690
sha256 = "{SUM}"
platforms = [
    "linux/amd64",
]

[[build]]
name = "flit-core"
version = "3.12.0"
hashes = [
    "{SUM}",
]
'''


def test_lock_is_written_sorted_and_a_value_a_line() -> None:
    assert render(LOCK) == TEXT
    assert tomllib.loads(TEXT)["version"] == 1


@given(st.permutations(PACKAGES), st.permutations(FILES))
def test_lock_is_the_same_text_in_whatever_order_its_values_come(
    packages: list[DebianPackage], files: list[PythonFile]
) -> None:
    shuffled = lock(PlatformLock("linux/amd64", tuple(packages), tuple(files)), build=BUILD)
    assert render(shuffled) == TEXT


BUILT = PythonFile(
    "old", "1.0", "old-1.0-py3-none-any.whl", "sdist", 880, SUM, SUM, ("flit-core==3.12.0", 'x==1 ; os_name == "nt"')
)


def test_row_of_a_wheel_from_an_sdist_says_from_what_and_with_what() -> None:
    built = lock(PlatformLock("linux/amd64", PACKAGES, (BUILT,)))
    [row] = tomllib.loads(render(built))["python"]
    assert list(row)[-3:] == ["platforms", "sdist", "build"]
    linked = msgspec.structs.replace(BUILT, libraries=("libpq5", "libstdc++6"))
    compiled = lock(PlatformLock("linux/amd64", (), (linked,)))
    assert parse(render(compiled), place="here") == compiled
    assert parse(render(built), place="grocker.lock") == built


@pytest.mark.parametrize("pin", ["x", "x>=1", "x==1 -r /etc/passwd", "x==1\n--index-url y", "x==1 ; a # b", "-e==1"])
def test_build_pin_of_a_row_is_one_pin(pin: str) -> None:
    file = msgspec.structs.replace(BUILT, build=(pin,))
    with pytest.raises(SettingsError, match=r"python\[0\]\.build"):
        parse(render(lock(PlatformLock("linux/amd64", PACKAGES, (file,)))), place="grocker.lock")


def test_lock_has_no_empty_tables_when_nothing_is_built() -> None:
    assert set(tomllib.loads(render(lock()))) == {"version", "inputs", "base", "interpreter"}


def test_lock_reads_back_as_it_was_written_when_it_has_two_platforms() -> None:
    both = lock(PlatformLock("linux/amd64", PACKAGES, FILES), PlatformLock("linux/arm64", (ARM,), FILES[:1]))
    text = render(both)
    assert text.count('name = "django"') == 1
    assert parse(text, place="grocker.lock") == both
    assert merge_locks((both.only("linux/arm64"), both.only("linux/amd64"))) == both


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\nversion = 2", "not TOML"),
        ("version = 2", "version 2"),
        ("", "version None"),
        ("version = 1", "inputs"),
        (TEXT.replace('suite = "trixie"', "suite = 3"), "str"),
        (TEXT + "\n[more]\n", "more"),
    ],
)
def test_lock_is_refused_with_its_place_when_it_is_malformed(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, place="app/grocker.lock")
    assert caught.value.message.startswith("app/grocker.lock: ")
    assert words in caught.value.message
    assert caught.value.hint == "recreate it: grocker lock"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(f'sha256 = "{SUM}"', 'sha256 = "sha256:/etc/hostname"', id="an absolute path"),
        pytest.param(f'sha256 = "{SUM}"', f'sha256 = "sha256:{"../" * 8}tmp/x"', id="a path upwards"),
        pytest.param(f'sha256 = "{SUM}"', f'sha256 = "sha256:{"A" * 64}"', id="upper case"),
        pytest.param(f'sha256 = "{SUM}"', f'sha256 = "sha256:{"0" * 63}"', id="a digit too few"),
        pytest.param(f'sha256 = "{SUM}"', f'sha256 = "{SUM}\\n"', id="a line end behind it"),
        pytest.param(f'sha256 = "{SUM}"', f'sha256 = "sha512:{"0" * 64}"', id="another algorithm"),
        pytest.param("pool/main/g/glibc/libc6_2.41-12_amd64.deb", "../../x.deb", id="a package above the archive"),
        pytest.param("pool/main/g/glibc/libc6_2.41-12_amd64.deb", "pool/../../x.deb", id="a path that climbs"),
        pytest.param("pool/main/g/glibc/libc6_2.41-12_amd64.deb", "//host/x.deb", id="another host"),
        pytest.param("pool/main/g/glibc/libc6_2.41-12_amd64.deb", "pool/x.deb?y", id="a query"),
        pytest.param(
            'file = "django-5.2-py3-none-any.whl"', 'file = "../django-5.2-py3-none-any.whl"', id="a wheel above"
        ),
        pytest.param('name = "django"', 'name = "--index-url"', id="an option for uv"),
        pytest.param('name = "django"', 'name = "x\\n--index-url https://evil.example"', id="a second line for uv"),
        pytest.param('version = "5.2"', 'version = "5.2 --no-deps"', id="an option behind a version"),
        pytest.param('version = "3.12.0"', 'version = "3\\n-r /etc/passwd"', id="a second line in build constraints"),
        pytest.param("size = 2847", "size = -1", id="a negative size"),
        pytest.param("size = 2847", f"size = {10**30}", id="a size without bounds"),
    ],
)
def test_lock_is_refused_when_a_value_would_be_more_than_its_word(old: str, new: str) -> None:
    text = render(LOCK)
    assert old in text
    with pytest.raises(SettingsError, match=r"grocker\.lock"):
        parse(text.replace(old, new, 1), place="grocker.lock")


STANDALONE = StandalonePython("3.12.16", "20261110", "cpython-3.12.16+20261110-x86_64.tar.gz", 31, SUM)


def test_standalone_interpreter_of_each_platform_is_in_the_lock_and_no_address() -> None:
    arm = msgspec.structs.replace(STANDALONE, file="cpython-3.12.16+20261110-aarch64.tar.gz")
    made = Lock(
        inputs={"python": "3.12.16"},
        base=Base("debian", "trixie"),
        interpreter=Interpreter("cpython", "3.12", "standalone"),
        platforms=(PlatformLock("linux/amd64", (), (), STANDALONE), PlatformLock("linux/arm64", (ARM,), (), arm)),
        build=(),
    )
    text = render(made)
    assert "://" not in text
    assert tomllib.loads(text)["standalone"] == [
        {
            "version": "3.12.16",
            "build": "20261110",
            "file": f"cpython-3.12.16+20261110-{machine}.tar.gz",
            "size": 31,
            "sha256": SUM,
            "platforms": [platform],
        }
        for machine, platform in (("aarch64", "linux/arm64"), ("x86_64", "linux/amd64"))
    ]
    assert parse(text, place="grocker.lock") == made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('version = "3.12.16"', 'version = "3.12.16; rm"'),
        ('version = "3.12.16"', 'version = "3.12"'),
        ('build = "20261110"', 'build = "../x"'),
        ('file = "cpython-3.12.16+20261110-x86_64.tar.gz"', 'file = "../x.tar.gz"'),
        ('file = "cpython-3.12.16+20261110-x86_64.tar.gz"', 'file = "x.zip"'),
    ],
)
def test_standalone_interpreter_that_is_malformed_is_refused(before: str, after: str) -> None:
    text = render(lock(PlatformLock("linux/amd64", (), (), STANDALONE)))
    assert before in text
    with pytest.raises(SettingsError):
        parse(text.replace(before, after), place="grocker.lock")
