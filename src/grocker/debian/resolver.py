"""Resolve names of packages to the closed set of packages that they need. Pure.

No backtracking: the highest version in the suites wins, the first alternative that exists, and of the packages that
provide a virtual one the most important, then the first by name. A virtual package that is requested by name needs one
provider alone, as with apt. Of alternatives, an Essential package wins, or what it provides: every Debian system has
it. A conflict is an error that names both sides, because the result of a search would be unpredictable.
Source: Debian Policy 7.2 (Depends, Pre-Depends), 7.3, 7.4 (Breaks, Conflicts), 7.5 (Provides).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from grocker.debian import control, version
from grocker.debian.control import Alternatives, Relation
from grocker.debian.index import PackageIndex, PackageRecord
from grocker.digest import from_hex
from grocker.errors import CorruptError, MissingError, SettingsError
from grocker.lock.values import DebianPackage

NOT_NEEDED: frozenset[str] = frozenset(
    {
        "adduser",
        "cdebconf",
        "debconf",
        "debconf-2.0",
        "dpkg",
        "init-system-helpers",
        "install-info",
        "passwd",
        "ucf",
        "usr-is-merged",
        "usrmerge",
    }
)
"""Packages that only maintainer scripts need, which never run in an image: a dependency on one counts as met.
One that is requested by name is installed. perl-base is not among them: psql is a perl script."""

NEEDED_BY_SCRIPTS: Mapping[str, frozenset[str]] = {"nginx": frozenset({"iproute2"})}
"""By package, dependencies that only its own maintainer scripts need (nginx: ``ss``, to check port 80)."""

ESSENTIAL_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "locales": ("perl-base",),
    "sudo": ("libpam-runtime",),
    "xvfb": ("util-linux",),
}
"""By package, Essential packages whose programs its own scripts run: it need not depend on them, and images lack them
(validlocale and update-locale: ``perl``; xvfb-run: ``getopt`` and ``mcookie``), or what Essential packages bring (sudo:
PAM's common files)."""

_HINT = "the mirror's archive is broken: use another mirror"
_SHOWN = 12
"""providers of a virtual package, in an error"""
_PRIORITIES = {"required": 0, "important": 1, "standard": 2, "optional": 3, "extra": 4}


def needed_by_scripts(names: Iterable[str]) -> set[str]:
    """The packages that the maintainer scripts of these packages need besides the usual tools."""
    return {needed for name in names for needed in NEEDED_BY_SCRIPTS.get(name, ())}


class PackageSet(msgspec.Struct, frozen=True):
    """A closed set of packages."""

    packages: tuple[DebianPackage, ...]
    """sorted by name"""
    reasons: Mapping[str, str]
    """for each package, the first one that depends on it; empty for one that was requested by name"""

    def why(self, name: str) -> tuple[str, ...]:
        """The chain of dependencies from a package that was requested by name down to ``name``."""
        chain = [name]
        while parent := self.reasons.get(chain[-1]):
            chain.append(parent)
        return tuple(reversed(chain))


class _Candidate(msgspec.Struct, frozen=True):
    record: PackageRecord
    suite: str


def resolve(indexes: Sequence[PackageIndex], names: Iterable[str]) -> PackageSet:
    """The packages named by ``names``, and all their dependencies.

    ``names``: each ``NAME`` or ``NAME=VERSION``; a virtual name stands for its only provider.
    ``indexes``: of one architecture; of equal versions, the one in the first index wins.
    Raises MissingError when there is no such package or version, SettingsError for packages that
    conflict, and for a virtual name with several providers.
    """
    return _Resolution(indexes).run(sorted(set(names)))


class _Resolution:
    def __init__(self, indexes: Sequence[PackageIndex]) -> None:
        self.indexes = indexes
        self.chosen: dict[str, _Candidate] = {}
        self.reasons: dict[str, str] = {}
        self.provided: dict[str, list[tuple[str, str]]] = {}
        """virtual name → (provider, provided version or empty)"""
        self.queue: deque[str] = deque()
        self.essential: dict[str, _Candidate] | None = None

    def run(self, names: Iterable[str]) -> PackageSet:
        for name in names:
            self.ask(name)
        while self.queue:
            self.follow(self.queue.popleft())
        self.refuse_conflicts()
        chosen = sorted(self.chosen.items())
        return PackageSet(tuple(_package(c.record, c.suite) for _, c in chosen), dict(sorted(self.reasons.items())))

    def candidates(self, name: str) -> list[_Candidate]:
        """All versions of ``name``, the highest first."""
        found = [_Candidate(record, index.suite) for index in self.indexes for record in index.records(name)]
        try:
            found.sort(key=lambda candidate: version.key(candidate.record.version), reverse=True)
        except ValueError as error:
            raise CorruptError(f"reading the package index: {name}: {error}", hint=_HINT) from error
        return found

    def ask(self, text: str) -> None:
        """Choose a package that was requested by name."""
        name, equals, wanted = text.partition("=")
        name, wanted = name.strip(), wanted.strip()
        relation = Relation(name, "=" if equals else "", wanted)
        try:
            found = self.best(relation)
        except ValueError as error:
            raise SettingsError(
                f"invalid Debian package {text!r}: {error}", hint="write NAME, or NAME=VERSION with the full version"
            ) from error
        if found is None and not equals:
            providers = self.providers(relation)
            if len(providers) > 1:
                raise _ambiguous(name, sorted(one.record.name for one in providers))
            found = providers[0] if providers else None
        if found is None:
            raise self.missing(name, wanted)
        self.take(found, "")

    def missing(self, name: str, wanted: str) -> MissingError:
        suites = ", ".join(index.suite for index in self.indexes)
        if wanted and (others := self.candidates(name)):
            return MissingError(
                f"no version {wanted} of the Debian package {name} in {suites}",
                hint="available: " + ", ".join(dict.fromkeys(other.record.version for other in others)),
            )
        known = sorted({known for index in self.indexes for known in index.names()})
        near = get_close_matches(name, known, 3, 0.75) or [other for other in known if other.startswith(name)][:3]
        return MissingError(
            f"no Debian package {name} in {suites}",
            hint="did you mean " + " or ".join(near) + "?"
            if near
            else "check the name: package names change between Debian releases",
        )

    def best(self, relation: Relation) -> _Candidate | None:
        """The highest version of the package that ``relation`` names, if one is accepted."""
        return next((c for c in self.candidates(relation.name) if relation.accepts(c.record.version)), None)

    def providers(self, relation: Relation) -> list[_Candidate]:
        """The packages that provide what ``relation`` names: by priority, then by name."""
        names = sorted({name for index in self.indexes for name in index.providers(relation.name)})
        found: list[_Candidate] = []
        for name in names:
            candidate = self.best(Relation(name))
            if candidate is not None and any(
                _provides(relation, other) for other in self.relations(candidate.record, "provides")
            ):
                found.append(candidate)
        found.sort(key=lambda c: (_PRIORITIES.get(c.record.priority, 5), c.record.name))
        return found

    def relations(self, record: PackageRecord, field: str) -> tuple[Alternatives, ...]:
        try:
            found = control.relations(getattr(record, field))
        except ValueError as error:
            raise CorruptError(f"reading the package index: {field} of {record.name}: {error}", hint=_HINT) from error
        if field == "provides" and any(len(group) != 1 for group in found):
            raise CorruptError(
                f"reading the package index: {field} of {record.name}: alternatives are not allowed", hint=_HINT
            )
        return found

    def take(self, candidate: _Candidate, reason: str) -> None:
        """Add a package, unless its name is taken; its dependencies are followed later."""
        record = candidate.record
        taken = self.chosen.get(record.name)
        if taken is not None:
            if taken.record.version != record.version:
                raise SettingsError(
                    f"conflicting versions of package {record.name}: {taken.record.version} and {record.version}",
                    hint=f"request only one version of {record.name}",
                )
            return
        self.chosen[record.name] = candidate
        self.reasons[record.name] = reason
        for (provided,) in self.relations(record, "provides"):
            self.provided.setdefault(provided.name, []).append((record.name, provided.version))
        self.queue.append(record.name)

    def follow(self, name: str) -> None:
        """Choose the dependencies of a chosen package."""
        record = self.chosen[name].record
        scripts = NEEDED_BY_SCRIPTS.get(name, frozenset())
        for field in ("pre_depends", "depends"):
            for group in self.relations(record, field):
                if not any(relation.name in scripts or self.met(relation) for relation in group):
                    self.choose(name, group)
        for program in ESSENTIAL_PROGRAMS.get(name, ()):
            found = self.best(Relation(program))
            if found is not None and program not in self.chosen:
                self.take(found, name)

    def met(self, relation: Relation) -> bool:
        if relation.name in NOT_NEEDED and relation.name not in self.chosen:
            return True
        chosen = self.chosen.get(relation.name)
        if chosen is not None and relation.accepts(chosen.record.version):
            return True
        return any(
            not relation.operator or (provided and relation.accepts(provided))
            for _, provided in self.provided.get(relation.name, ())
        )

    def find_essential(self, group: Alternatives) -> _Candidate | None:
        """The Essential package that meets one of the alternatives: apt finds it installed."""
        if self.essential is None:
            names = {name for index in self.indexes for name in index.essential()}
            self.essential = {name: one for name in sorted(names) if (one := self.best(Relation(name))) is not None}
        for relation in group:
            for name, one in self.essential.items():
                provided = self.relations(one.record, "provides")
                if name == relation.name and relation.accepts(one.record.version):
                    return one
                if any(_provides(relation, other) for other in provided):
                    return one
        return None

    def choose(self, name: str, group: Alternatives) -> None:
        essential = self.find_essential(group)
        if essential is not None and essential.record.name not in self.chosen:
            self.take(essential, name)
            return
        for relation in group:
            if relation.name in self.chosen:
                continue  # chosen in another version, which `met` rejected
            found = self.best(relation) or next(iter(self.providers(relation)), None)
            if found is not None and found.record.name not in self.chosen:
                self.take(found, name)
                return
        text = " | ".join(map(str, group))
        taken = [self.chosen[relation.name].record for relation in group if relation.name in self.chosen]
        if taken:
            raise SettingsError(
                f"package {name} depends on {text}, but {taken[0].name} is {taken[0].version}",
                hint=f"choose another version of {taken[0].name} or of {self.find_requested(name)}",
            )
        raise MissingError(
            f"package {name} depends on {text}, which is not in " + ", ".join(index.suite for index in self.indexes),
            hint=f"check that the mirror is complete, or remove {self.find_requested(name)}",
        )

    def find_requested(self, name: str) -> str:
        """Find the package that was requested by name and requires ``name``."""
        while self.reasons.get(name):
            name = self.reasons[name]
        return name

    def refuse_conflicts(self) -> None:
        for name, candidate in sorted(self.chosen.items()):
            for field in ("conflicts", "breaks"):
                for group in self.relations(candidate.record, field):
                    for relation in group:
                        other = self.hit(name, relation)
                        if other is not None:
                            verb = "conflicts with" if field == "conflicts" else "breaks"
                            raise SettingsError(
                                f"package {name} {verb} {relation}, and {other} is in the image",
                                hint=f"remove {self.find_requested(name)} or {self.find_requested(other)}",
                            )

    def hit(self, name: str, relation: Relation) -> str | None:
        """The chosen package, other than ``name``, that ``relation`` excludes."""
        chosen = self.chosen.get(relation.name)
        if chosen is not None and relation.name != name and relation.accepts(chosen.record.version):
            return relation.name
        for provider, provided in self.provided.get(relation.name, ()):
            # Policy 7.5: only versioned Provides satisfy a versioned relation; a package never conflicts with itself.
            if provider != name and (not relation.operator or (provided and relation.accepts(provided))):
                return provider
        return None


def _ambiguous(name: str, providers: Sequence[str]) -> SettingsError:
    shown = ", ".join(providers[:_SHOWN]) + (f" and {len(providers) - _SHOWN} more" if len(providers) > _SHOWN else "")
    return SettingsError(
        f"{name} is a virtual package that {len(providers)} packages provide: {shown}",
        hint=f"name one of them instead of {name}",
    )


def _provides(relation: Relation, group: Alternatives) -> bool:
    (provided,) = group
    if provided.name != relation.name:
        return False
    return not relation.operator or bool(provided.version and relation.accepts(provided.version))


def _package(record: PackageRecord, suite: str) -> DebianPackage:
    try:
        digest = from_hex(record.sha256)
    except ValueError as error:
        raise CorruptError(f"reading the package index: {record.name}: {error}", hint=_HINT) from error
    return DebianPackage(
        name=record.name,
        version=record.version,
        architecture=record.architecture,
        suite=suite,
        filename=record.path,
        size=record.size,
        sha256=digest,
    )
