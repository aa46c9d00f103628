"""The lock as a file."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from grocker.digest import Digest
from grocker.lock.document import render
from grocker.lock.values import Base, BuildRequirement, DebianPackage, Interpreter, Lock, PythonFile

SUM = Digest("sha256:" + "0" * 64)
PACKAGES = (
    DebianPackage("libc6", "2.41-12", "amd64", "trixie", "pool/main/g/glibc/libc6_2.41-12_amd64.deb", 2847, SUM),
    DebianPackage("zlib1g", "1:1.3.1", "amd64", "trixie-security", "pool/main/z/zlib/zlib1g.deb", 87, SUM),
)
FILES = (
    PythonFile("django", "5.2", "django-5.2-py3-none-any.whl", "default", 8301, SUM),
    PythonFile("numpy", "2.3.0", "numpy-2.3.0-cp313-cp313-manylinux_2_28_x86_64.whl", "default", 1690, SUM),
)
LOCK = Lock(
    platform="linux/amd64",
    base=Base("debian", "trixie"),
    interpreter=Interpreter("cpython", "3.13", "debian:trixie"),
    debian=PACKAGES,
    python=FILES,
    build=(BuildRequirement("flit-core", "3.12.0"),),
    inputs=SUM,
)
TEXT = f'''\
version = 1
inputs = "{SUM}"

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

[[debian]]
name = "zlib1g"
version = "1:1.3.1"
arch = "amd64"
suite = "trixie-security"
path = "pool/main/z/zlib/zlib1g.deb"
size = 87
sha256 = "{SUM}"

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
'''


def test_lock_is_written_sorted_and_a_value_a_line() -> None:
    assert render(LOCK) == TEXT
    assert tomllib.loads(TEXT)["version"] == 1


@given(st.permutations(PACKAGES), st.permutations(FILES))
def test_lock_is_the_same_text_in_whatever_order_its_values_come(
    packages: list[DebianPackage], files: list[PythonFile]
) -> None:
    shuffled = Lock(LOCK.platform, LOCK.base, LOCK.interpreter, tuple(packages), tuple(files), LOCK.build, LOCK.inputs)
    assert render(shuffled) == TEXT


def test_lock_has_no_empty_tables_when_nothing_is_built() -> None:
    empty = Lock(LOCK.platform, LOCK.base, LOCK.interpreter, (), (), (), LOCK.inputs)
    assert set(tomllib.loads(render(empty))) == {"version", "inputs", "base", "interpreter"}
