"""The layers of an image and what each depends on, from the bottom up. Pure.

A layer's key is a digest of everything that its bytes depend on; with a result under that key, a build needs neither
the inputs nor the work. Layers that change rarely are below those that change often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from grocker.config.settings import PYTHON_PACKAGES
from grocker.digest import Digest
from grocker.lock.values import DebianPackage, PlatformLock, PythonFile, StandalonePython
from grocker.plan.documents import Documents
from grocker.plan.subject import StaticPlace
from grocker.platforms.interpreters import STANDALONE_FORMAT
from grocker.platforms.suites import suite_of
from grocker.tar.keys import cache_key

LARGE = 6 << 20
"""bytes: a wheel of this size or more has a layer of its own, which all images and nodes share"""
MOST_LARGE = 12
"""of the largest wheels; overlay stops at 127 layers, and a pull is slow long before"""

Kind = Literal[
    "debian",
    "configured",
    "scripts",
    "interpreter",
    "runner",
    "wheel",
    "wheels",
    "environment",
    "data",
    "static",
    "application",
]
"""What a layer holds; each kind has a recipe in ``grocker.layers``."""
DEBIAN_KINDS: frozenset[Kind] = frozenset({"debian", "configured", "scripts"})
WHEEL_KINDS: frozenset[Kind] = frozenset({"wheel", "wheels"})


class PlannedLayer(msgspec.Struct, frozen=True):
    """One layer."""

    kind: Kind
    title: str
    """for people, and in the image's history"""
    key: str
    """names its result in the store"""
    inputs: tuple[str, ...]
    """for people: what it is made of"""
    files: tuple[Digest, ...] = ()
    """the packages or wheels in it"""


def plan_layers(
    lock: PlatformLock,
    documents: Documents,
    *,
    wheel: Digest,
    subject: str,
    interpreter: str,
    runner: str,
    lock_text: str,
    python: str,
    standalone: StandalonePython | None = None,
    user: tuple[str, int],
    epoch: int,
    prefer: Sequence[str] = (),
    data: str = "",
    static: StaticPlace | None = None,
    scripts: Sequence[str] = (),
    locales: Sequence[str] = (),
    tools: Sequence[str] = (),
    sees_debian_modules: bool = False,
) -> tuple[PlannedLayer, ...]:
    """Plan the layers of an image, bottom first.

    ``wheel``: the application's own, which is in no other layer even if the lock has it; ``subject``: its name and
    version. ``interpreter``: the key of the interpreter that compiles. ``runner``: digest of the runner's files.
    ``lock_text``: the lock as the image gets it. ``python``: the interpreter's release series. ``standalone``: its
    archive, if it is not Debian's. ``user``: name and uid. ``epoch``: seconds since 1970, the one time of every file.
    ``prefer``: distributions whose files count where wheels differ. ``data``: digest of the application's large files,
    if they have a layer of their own. ``static``: collected files. ``scripts``: names of the packages whose maintainer
    scripts run. ``tools``: digests of what these run with. ``locales``: in the image.
    ``sees_debian_modules``: whether the environment shows the modules of Debian's packages.
    """
    large, small = _split([f for f in lock.python if f.sha256 != wheel])

    def layer(
        kind: Kind, inputs: Sequence[str], *identity: Any, title: str | None = None, files: Sequence[Digest] = ()
    ) -> PlannedLayer:
        name = title or kind
        return PlannedLayer(kind, name, cache_key("layer", name, epoch, *identity), tuple(inputs), tuple(files))

    def wheels(kind: Kind, files: Sequence[PythonFile], title: str) -> PlannedLayer:
        sums = [f.sha256 for f in files]
        # A preferred wheel's files may be left out of any other.
        others = [tuple(prefer), [f.sha256 for f in (*large, *small)]] if prefer else []
        named = [f"{f.name} {f.version}" for f in files]
        return layer(kind, named, sums, interpreter, *others, title=title, files=sums)

    packages = (*(p.sha256 for p in lock.debian), *sorted(locales))
    own = [
        wheel,
        documents.image_json.decode(),
        documents.settings_ini.decode(),
        documents.crontab.decode("latin-1") if documents.crontab is not None else None,
        interpreter,
        *([static.digest] if static is not None and static.hide else []),
    ]
    return (
        PlannedLayer(
            *("debian", "debian", debian_key(lock.debian, epoch, locales)),
            inputs=tuple(f"{p.name} {p.version}" for p in lock.debian),
            files=tuple(p.sha256 for p in lock.debian),
        ),
        layer(
            "configured",
            [f"user {user[0]} {user[1]}", "static configuration", *([] if standalone else ["bytecode"])],
            *(packages, user, *([] if standalone else [interpreter])),
            title="generated",
        ),
        *(
            [
                layer(
                    "scripts",
                    [f"{p.name} {p.version}" for p in lock.debian if p.name in scripts],
                    *(packages, user, tuple(scripts), tuple(tools)),
                    title="maintainer scripts",
                )
            ]
            if scripts
            else []
        ),
        *(
            [
                layer(
                    "interpreter",
                    [f"cpython {standalone.version}{f' {standalone.build}' if standalone.build else ''}"],
                    *(STANDALONE_FORMAT, standalone.sha256, interpreter, has_debian_python(lock.debian)),
                    files=(standalone.sha256,),
                )
            ]
            if standalone is not None
            else []
        ),
        layer("runner", [f"runner {runner[:12]}"], runner, interpreter),
        *(wheels("wheel", [f], f"wheel {f.name}") for f in large),
        *([wheels("wheels", small, "wheels")] if small else []),
        layer(
            "environment",
            ["pyvenv.cfg", "grocker.lock"],
            *(lock_text, python, *([PYTHON_PACKAGES] if sees_debian_modules else [])),
        ),
        *([layer("data", [f"large files of {subject}"], data)] if data else []),
        *([layer("static", [f"files in {static.place}"], static.digest, static.place)] if static else []),
        layer("application", [subject], *own),
    )


def debian_key(packages: Iterable[DebianPackage], epoch: int, locales: Sequence[str] = ()) -> str:
    """Return the key of the layer of these packages, with these of all locales."""
    return cache_key("layer", "debian", epoch, [*(package.sha256 for package in sorted(packages)), *sorted(locales)])


def has_debian_python(packages: Iterable[DebianPackage]) -> bool:
    """Tell whether Debian's ``/usr/bin/python3`` is among these packages."""
    return any(package.name == "python3-minimal" for package in packages)


def is_interpreter(package: DebianPackage) -> bool:
    """Tell whether the image's interpreter needs that package to compile."""
    return suite_of(package.suite).is_interpreter(package.name)


def interpreter_key(packages: Sequence[DebianPackage], standalone: StandalonePython | None = None) -> str:
    """Return the key of the interpreter in these packages, or of a standalone one on them: bytecode depends on it."""
    own = [STANDALONE_FORMAT, standalone.sha256] if standalone is not None else []
    return cache_key("interpreter", sorted(p.sha256 for p in packages if is_interpreter(p)), *own)


def _split(files: Sequence[PythonFile]) -> tuple[tuple[PythonFile, ...], tuple[PythonFile, ...]]:
    """Return the wheels with a layer of their own, and the others; both by name."""
    candidates = sorted((f for f in files if f.size >= LARGE), key=lambda f: (-f.size, f.name))[:MOST_LARGE]
    large = frozenset(f.name for f in candidates)
    ordered = sorted(files)
    return tuple(f for f in ordered if f.name in large), tuple(f for f in ordered if f.name not in large)
