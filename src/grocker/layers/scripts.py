"""The layer with the effects of maintainer scripts that run for real, in a sandbox. Imported only when they run.

dpkg configures the packages in a root of the image's packages, its static configuration, and the Essential packages
that scripts take for granted. What changed is the layer. fakeroot shows them the uid 0 and the owners that they set, so
that the result is the same for every user of every host.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import msgspec

from grocker import debian
from grocker.context import Context, download
from grocker.debian import dpkg, effects
from grocker.errors import MissingError
from grocker.layers.configured import FailedScriptsError, find_scripts
from grocker.layers.debian import unpack_package
from grocker.layers.workbench import Workbench
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.plan.layers import PlannedLayer
from grocker.platforms.architectures import is_foreign
from grocker.platforms.target import Target
from grocker.regex import regex
from grocker.sandbox.emulation import suggest, warn_if_foreign
from grocker.sandbox.run import CHOICES, NoSandboxError, find_isolation, run
from grocker.sandbox.sandbox import HOSTNAME, Bind, Limits, Sandbox
from grocker.store.writing import storage
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink, hide
from grocker.tar.keys import cache_key
from grocker.tar.member import Member
from grocker.tar.unpack import unpack

_ACTION = "running maintainer scripts"
_LIMITS = Limits(seconds=1800, memory=1 << 44)
"""of all scripts together; a Java machine reserves far more addresses than it uses"""
_WORKERS = 2
_LINES = 20
"""of the output, in an error"""
_WIDEST = 300
"""characters of such a line"""
_FAILED = regex(r"^dpkg: error processing package (?P<name>\S+) |^grocker: the preinst of (?P<preinst>\S+) failed")
_CONTROL = "/grocker"
"""where the run's own files are in the sandbox"""
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "DEBCONF_NOWARNINGS": "yes",
    "UCF_FORCE_CONFFNEW": "1",
    "PERL_HASH_SEED": "0",
    "FAKEROOTDONTTRYCHOWN": "1",
}
_POLICY = File("usr/sbin/policy-rc.d", b"#!/bin/sh\nexit 101\n", 0o755)
"""refuses to start services"""
_HOSTS = File("etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{HOSTNAME}\n".encode())
"""postfix writes the host's full name into its configuration; the image has another file"""


_CHOICES = "allow user namespaces (docker run --security-opt seccomp=unconfined), or run Grocker as root"
_STATIC = 'set configure = "static" in [tool.grocker.debian]'


class ScriptRun(msgspec.Struct, frozen=True):
    """Which scripts run, on which packages."""

    packages: DebianAnswer
    """of the image"""
    pending: tuple[str, ...]
    """names of those whose scripts run"""
    tools: DebianAnswer
    """what these run with besides, none of the image's"""
    target: Target
    user: tuple[str, int]
    """name and uid of the image's user"""
    epoch: int
    """seconds since 1970: the time that files have and programs write"""
    locales: tuple[str, ...] = ()
    """see ``layers.debian.DebianPackages``"""


def make(layer: PlannedLayer, bench: Workbench) -> Member:
    """Make the member of a layer of the kind ``scripts``.

    Raises FailedScriptsError for a script that fails, UnavailableError if none can run here or one does not end,
    MissingError if the store was pruned since the image was planned.
    """
    context, target = bench.context, bench.target
    answer, plan = bench.packages.answer, bench.plan
    found = find_scripts(context.store, answer, bench.settings.debian.configure)
    if found is None or found.tools is None:
        raise MissingError("the list of maintainer scripts to run is no longer in the cache", hint="build again")
    asked = ScriptRun(answer, found.packages, found.tools, target, plan.user, plan.epoch, bench.settings.locales)

    def making() -> Member:
        try:
            _check_machine(context, target)
            warn_if_foreign(context.progress, target.architecture)
            changes = run_scripts(context, asked)
        except NoSandboxError as error:
            raise describe_refusal(bench.packages.facts(), error) from error
        if changes.secrets:
            keys = ", ".join(f"/{path}" for path in changes.secrets)
            context.progress.warn(
                f"private keys that maintainer scripts created are left out of the image: {keys}",
                hint="create or mount keys when the container starts: all containers would share those in the image",
            )
        entries = [*changes.entries, *map(hide, changes.removed)]
        return members.make_member(context.store, key, entries, subject="maintainer scripts", epoch=plan.epoch)

    key = cache_key("scripts", layer.key)
    return members.find_or_make(context.store, key, making)


def can_run(context: Context, target: Target) -> bool:
    """Tell whether this host can run scripts of images for ``target``."""
    if _is_refused(context, target):
        return False
    with context.store.scratch() as scratch:
        try:
            find_isolation(scratch)
        except NoSandboxError:
            return False
    return True


def _is_refused(context: Context, target: Target) -> bool:
    return not context.emulates and is_foreign(target.architecture)


def _check_machine(context: Context, target: Target) -> None:
    if not _is_refused(context, target):
        return
    with context.store.scratch() as scratch:
        remedy = suggest(target.architecture, scratch)
    raise NoSandboxError(
        f"the image is for {target.architecture}, and this host is {os.uname().machine}",
        hint=f"{remedy}; or build on an {target.architecture} host",
    )


def describe_refusal(facts: Sequence[debian.Facts], error: NoSandboxError) -> NoSandboxError:
    """Say what an image without the scripts would lack."""
    lacks: dict[str, list[str]] = {}
    for one in debian.find_unreviewed(facts):
        script = next(package.scripts[one.name] for package in facts if package.name == one.package)
        lacks.setdefault(one.package, []).extend(debian.describe_effects(script))
    said = [f"{name}: {'; '.join(dict.fromkeys(words))}" for name, words in lacks.items() if words]
    without = f" ({' / '.join(said)})" if said else ""
    choice = _CHOICES if error.hint == CHOICES else error.hint
    return NoSandboxError(
        f"cannot run the maintainer scripts of {', '.join(lacks)}: {error.message}",
        hint=f"{choice}; or build the image without their effects{without}: {_STATIC}",
    )


def run_scripts(context: Context, asked: ScriptRun) -> effects.Changes:
    """Run the scripts, and return what they changed in the image.

    Raises FailedScriptsError for a script that fails, UnavailableError for one that does not end, NoSandboxError.
    """
    with context.store.scratch() as scratch:
        tree, control, sandbox = scratch / "tree", scratch / "control", scratch / "sandbox"
        with storage(_ACTION, scratch):
            for place in (tree, control, sandbox):
                place.mkdir()
        isolation = find_isolation(sandbox)
        image, generated = _compose(context, asked, tree, control)
        what = f"{_ACTION} of {len(asked.pending)} Debian packages"
        with context.progress.task(what) as task:
            output = run(
                _sandbox(tree, control, scratch / "top", asked.epoch),
                ["fakeroot-sysv", "--", "sh", f"{_CONTROL}/configure.sh"],
                isolation=isolation,
                scratch=sandbox,
                action=_ACTION,
                on_line=lambda line: task.show(line) if line.strip() else None,
            )
        if output.status != 0:
            raise describe_failure(output.stdout.decode("utf-8", "replace"), output.status)
        with storage("reading the changes of maintainer scripts", tree):
            read = {name: (control / name).read_bytes() for name in ("before", "after", "capabilities")}
            before = effects.read_listing(read["before"])
            after = effects.read_listing(read["after"], read["capabilities"])
            changes = effects.find_changes(before, after, lambda path: (tree / path).read_bytes())
        # Scripts write some files that Grocker generates anew, with the same content.
        kept = tuple(entry for entry in changes.entries if entry not in generated)
        removed = tuple(path for path in changes.removed if path in image)
        return msgspec.structs.replace(changes, entries=kept, removed=removed)


def _sandbox(tree: Path, control: Path, top: Path, epoch: int) -> Sandbox:
    """Return the sandbox: each directory at the tree's top is writable, and the links beside them are the root's."""
    top.mkdir()
    binds = [Bind(control, _CONTROL, is_writable=True)]
    for name in sorted(os.listdir(tree)):
        place = tree / name
        if place.is_symlink():
            (top / name).symlink_to(os.readlink(place))
        elif place.is_dir() and name not in ("dev", "proc", "sys", "tmp"):
            binds.append(Bind(place, f"/{name}", is_writable=True))
    environment = {**_ENVIRONMENT, "SOURCE_DATE_EPOCH": str(epoch)}
    return Sandbox(top, tuple(binds), environment, has_ipc=True, limits=_LIMITS)  # fakeroot uses System V's


def _compose(context: Context, asked: ScriptRun, tree: Path, control: Path) -> tuple[set[str], set[Entry]]:
    """Unpack the packages, the tools and what the run itself needs.

    Returns the paths of the image, and the entries of its static configuration.
    """
    own = {package.name for package in asked.packages.packages}
    paths: set[str] = set()
    facts: list[debian.Facts] = []
    files: dict[str, Mapping[str, bytes]] = {}
    special: dict[tuple[int, int, int], list[str]] = {}
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="unpack") as pool:
        for answer in (asked.packages, asked.tools):
            what = "unpacking Debian packages to configure them"

            def read(package: DebianPackage, answer: DebianAnswer = answer) -> debian.UnpackedPackage:
                return unpack_package(_fetch(context, answer, package), package, asked.locales)

            with context.progress.task(what, len(answer.packages)) as task:
                for unpacked in pool.map(read, answer.packages):
                    unpack(unpacked.entries, tree)
                    _note_special(unpacked.entries, special)
                    facts.append(unpacked.facts)
                    files[unpacked.facts.name] = unpacked.control
                    if unpacked.facts.name in own:
                        paths.update(entry.path for entry in unpacked.entries)
                    task.advance(1)
    facts.sort(key=lambda one: (one.name, one.architecture))
    image = [one for one in facts if one.name in own]
    name, uid = asked.user
    static = [e for e in debian.configure(image, user=name, uid=uid).entries if not e.path.startswith("var/lib/dpkg/")]
    records = dpkg.working_entries(facts, files, asked.pending)
    unpack([_POLICY, _HOSTS, *records, *(entry for entry in static if entry.path != _HOSTS.path)], tree)
    _note_special([*records, *static], special)
    for path in ("usr/sbin/policy-rc.d", *(e.path for e in records if isinstance(e, File) and e.mode == 0o755)):
        (tree / path).chmod(0o755)
    _write_control(control, facts, asked.pending, files, special)
    _set_times(tree, asked.epoch)
    return paths | {entry.path for entry in static}, set(static)


def _fetch(context: Context, answer: DebianAnswer, package: DebianPackage) -> Path:
    return download(
        context,
        f"{answer.mirrors[package.suite]}/{package.filename}",
        digest=package.sha256,
        size=package.size,
        what=f"{package.name} {package.version}",
    )


def _note_special(entries: Sequence[Entry], special: dict[tuple[int, int, int], list[str]]) -> None:
    """Add the paths whose attributes ``unpack`` does not set."""
    for entry in entries:
        if isinstance(entry, Symlink | Hardlink):
            continue
        usual = (0o755,) if isinstance(entry, Directory) else (0o644, 0o755)
        if entry.mode not in usual or entry.uid or entry.gid:
            special.setdefault((entry.mode, entry.uid, entry.gid), []).append(entry.path)


def _write_control(
    control: Path,
    facts: Sequence[debian.Facts],
    pending: Sequence[str],
    files: Mapping[str, Mapping[str, bytes]],
    special: Mapping[tuple[int, int, int], Sequence[str]],
) -> None:
    names = {one.name: dpkg.record_name(one) for one in facts}
    lists = {
        "packages": [names[name] for name in pending],
        "preinst": [names[name] for name in pending if "preinst" in files[name]],
        "templates": [names[name] for name in names if name not in pending and "templates" in files[name]],
    }
    program = resources.files("grocker.debian").joinpath("configure.sh").read_bytes()
    with storage(_ACTION, control):
        (control / "owners").mkdir()
        for (mode, uid, gid), paths in special.items():
            text = "".join(f"/{path}\0" for path in paths)
            (control / "owners" / f"{mode:o}:{uid}:{gid}").write_text(text, "utf-8", "surrogateescape")
        for name, lines in lists.items():
            (control / name).write_text("".join(f"{line}\n" for line in lines))
        (control / "configure.sh").write_bytes(program)


def _set_times(tree: Path, epoch: int) -> None:
    """Give everything the image's one time: some caches hold the times of directories."""
    with storage(_ACTION, tree):
        for directory, _, names in os.walk(tree):
            for name in (*names, "."):
                os.utime(os.path.join(directory, name), (epoch, epoch), follow_symlinks=False)


def describe_failure(said: str, status: int) -> FailedScriptsError:
    """Say which scripts failed, and show what the first one wrote; ``said``: the run's output."""
    lines = [line.rstrip()[:_WIDEST] for line in said.splitlines() if line.strip()]
    matches = [(number, found) for number, line in enumerate(lines) if (found := _FAILED.match(line))]
    names = sorted({(one["name"] or one["preinst"]).partition(":")[0] for _, one in matches})
    of = f" of {', '.join(names)}" if names else ""
    end = matches[0][0] + 2 if matches else len(lines)
    begin = max((n for n in range(end) if lines[n].startswith("Setting up ")), default=0)
    shown = "".join(f"\n    {line}" for line in lines[max(begin, end - _LINES) : end])
    return FailedScriptsError(
        f"maintainer scripts{of} failed: exit status {status}{shown}",
        hint=f"to build without them, {_STATIC}",
        packages=names,
    )
