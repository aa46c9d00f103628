"""The layers of an image and what each depends on, from the bottom up.

A layer's key is a digest of everything that its bytes depend on; whoever has a result under that key needs neither the
inputs nor the work. The order puts what changes seldom below what changes often (design, "Layers are pure functions").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from grocker import __version__
from grocker.digest import Digest
from grocker.lock.values import DebianPackage, PlatformLock, PythonFile
from grocker.tar.member import LAYOUT, LEVEL, PART

LARGE = 6 << 20
"""bytes: a wheel from this size has a layer of its own, which every image and node shares"""
MOST_LARGE = 12
"""of the largest wheels; overlay stops at 127 layers, and a pull is slow long before"""


class Application(msgspec.Struct, frozen=True):
    """What the application's layer is made of, beside the interpreter."""

    wheel: Digest
    """of the application's own wheel, which is in no other layer, also where the lock has it"""
    subject: str
    """``polls-site 1.0``"""
    image_json: bytes
    settings_ini: bytes
    """``50_default_settings.ini``"""
    crontab: bytes | None = None
    """the jobs, if there are any (contract, K1)"""


class Layer(msgspec.Struct, frozen=True):
    """One layer: its name, its key, and the inputs that made the key."""

    name: str
    key: str
    inputs: tuple[str, ...]
    """for people: what it is made of"""


class Plan(msgspec.Struct, frozen=True):
    """The layers of one image, bottom first."""

    platform: str
    interpreter: str
    """key of the interpreter that compiles"""
    debian: Layer
    generated: Layer
    runner: Layer
    large: tuple[tuple[Layer, PythonFile], ...]
    wheels: tuple[Layer, tuple[PythonFile, ...]] | None
    environment: Layer
    application: Layer

    @property
    def lowest(self) -> tuple[Layer, ...]:
        """Debian's part."""
        return (self.debian, self.generated)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, bottom first."""
        wheels = () if self.wheels is None else (self.wheels[0],)
        large = tuple(layer for layer, _ in self.large)
        return (self.debian, self.generated, self.runner, *large, *wheels, self.environment, self.application)


def plan(
    lock: PlatformLock,
    application: Application,
    *,
    compiling: Sequence[DebianPackage],
    runner: str,
    lock_text: str,
    python: str,
    user: tuple[str, int],
    epoch: int,
) -> Plan:
    """The plan of an image.

    ``compiling``: the packages whose interpreter compiles, of the host's architecture.
    ``runner``: digest of the runner's files. ``lock_text``: the lock as it stands in the image.
    ``python``: the interpreter's release series.
    ``user``: name and uid. ``epoch``: seconds, the one time of every file.
    """
    interpreter = interpreter_key(compiling)
    packages = [f"{p.name} {p.version}" for p in lock.debian]
    sums = [p.sha256 for p in lock.debian]
    large, small = _split([f for f in lock.python if f.sha256 != application.wheel])

    def layer(name: str, inputs: Sequence[str], *identity: Any) -> Layer:
        return Layer(name, key("layer", name, epoch, *identity), tuple(inputs))

    def wheels(files: Sequence[PythonFile]) -> list[str]:
        return [f"{f.name} {f.version}" for f in files]

    return Plan(
        platform=lock.platform,
        interpreter=interpreter,
        debian=Layer("debian", debian_key(lock.debian, epoch), tuple(packages)),
        generated=layer(
            "generated", [f"user {user[0]} {user[1]}", "static configuration", "bytecode"], sums, user, interpreter
        ),
        runner=layer("runner", [f"runner {runner[:12]}"], runner, interpreter),
        large=tuple((layer(f"wheel {f.name}", wheels([f]), [f.sha256], interpreter), f) for f in large),
        wheels=(layer("wheels", wheels(small), [f.sha256 for f in small], interpreter), small) if small else None,
        environment=layer("environment", ["pyvenv.cfg", "grocker.lock"], lock_text, python),
        application=layer(
            "application",
            [application.subject],
            application.wheel,
            application.image_json.decode(),
            application.settings_ini.decode(),
            application.crontab.decode("latin-1") if application.crontab is not None else None,
            interpreter,
        ),
    )


def debian_key(packages: Iterable[DebianPackage], epoch: int) -> str:
    """The key of the layer of these packages."""
    return key("layer", "debian", epoch, [package.sha256 for package in sorted(packages)])


def key(*identity: Any) -> str:
    """A cache key, 64 hexadecimal digits, of values and of this Grocker: no other one's result is trusted."""
    document = msgspec.json.encode([__version__, LAYOUT, LEVEL, PART, *identity], order="deterministic")
    return hashlib.sha256(document).hexdigest()


_INTERPRETER = ("libpython3.", "python3.")
_INTERPRETER_LIBRARIES = frozenset({"libc6", "libgcc-s1", "zlib1g", "libexpat1", "libssl3t64", "libssl3", "libzstd1"})


def is_interpreter(package: DebianPackage) -> bool:
    """Whether the image's interpreter needs that package to compile."""
    return package.name.startswith(_INTERPRETER) or package.name in _INTERPRETER_LIBRARIES


def interpreter_key(packages: Sequence[DebianPackage]) -> str:
    """The key of the interpreter that these packages make: bytecode depends on it."""
    return key("interpreter", sorted(p.sha256 for p in packages if is_interpreter(p)))


def _split(files: Sequence[PythonFile]) -> tuple[tuple[PythonFile, ...], tuple[PythonFile, ...]]:
    """Wheels with a layer of their own, and the others; both by name."""
    candidates = sorted((f for f in files if f.size >= LARGE), key=lambda f: (-f.size, f.name))[:MOST_LARGE]
    large = frozenset(f.name for f in candidates)
    ordered = sorted(files)
    return tuple(f for f in ordered if f.name in large), tuple(f for f in ordered if f.name not in large)
