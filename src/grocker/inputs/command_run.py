"""Run the project's build commands in a sandbox, and take over what they wrote. Imported only when they have to run."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from grocker.command import SlowProgramError
from grocker.config.settings import BuildSettings
from grocker.context import Context
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError, UnavailableError
from grocker.inputs.produced import FILES, CommandResult, ProducedFile
from grocker.inputs.toolchain import DebianToolchain
from grocker.progress import Task
from grocker.python import hide_credentials
from grocker.python.source_tree import SourceFile, SourceTree, copy_tree
from grocker.regex import regex
from grocker.sandbox.host_network import HostNetwork, hide, read_host_network
from grocker.sandbox.run import DiskLimitError, NoSandboxError, find_isolation, run
from grocker.sandbox.sandbox import Bind, Limits, Sandbox
from grocker.store.writing import storage
from grocker.tar.keys import cache_key

_ACTION = "running the build commands"
_PLACE = "/build/app"
"""where the project is in the sandbox"""
_CACHE = "/cache/npm"
LIMITS = Limits(memory=1 << 44)
"""of commands, but for the time; Node reserves 10 GiB of addresses for each WebAssembly memory and uses few of them"""
_LINES = 20
"""of the output, in an error"""
_WIDEST = 500
"""characters of such a line"""
_LOOP = 'n=0; for one do printf "\\036%d\\n" "$n"; n=$((n+1)); sh -c "$one" || exit; done'
"""runs its arguments one after the other, each announced by its number after a record separator"""
_ANNOUNCED = regex(r"\x1e(?P<number>\d{1,6})\Z")
_NOT_FOUND = regex(r"(?:^|: )(?:\d+: )?(?P<name>[\w.+-]+): (?:command )?not found\Z")
_PACKAGES = {"npm": "npm", "npx": "npm", "node": "nodejs", "nodejs": "nodejs", "msgfmt": "gettext", "sassc": "sassc"}
"""the Debian package of a program whose name is another one's, or that is often missing"""
_NOT_HAD = frozenset({"yarn", "pnpm", "bun", "corepack", "deno"})
"""programs that Debian does not have under that name"""
_FIXED = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/build/home",
    "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "npm_config_cache": _CACHE,
    "npm_config_logs_max": "0",
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_progress": "false",
    # One after the other: npm 9 runs as many as there are processors, and in a chroot without /proc Node sees none.
    "npm_config_foreground_scripts": "true",
}
_CHOICES = (
    "allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone,"
    " kernel.apparmor_restrict_unprivileged_userns; docker run --security-opt seccomp=unconfined), run Grocker as root,"
    " or run the commands before grocker build and remove them from [tool.grocker.build]"
)
_REPRODUCE = "reproduce it in the project's directory, or fix commands in [tool.grocker.build]"
_WRITE = "correct the commands and outputs in [tool.grocker.build]: `grocker init --dry-run` prints those that ran"
_OFFLINE = regex(
    r"ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|getaddrinfo"
    r"|[Nn]etwork is unreachable"
)
_ESCAPE = regex(r"\x1b\[[0-9;?]*[A-Za-z]")


class CommandRun(msgspec.Struct, frozen=True):
    """What is run, and on which files."""

    root: Path
    """the project's directory"""
    tree: SourceTree
    """its files"""
    settings: BuildSettings
    npmrc: tuple[Path, ...]
    """its files of that name"""
    epoch: int
    """seconds since 1970: the time of its files"""
    origin: str = ""
    """the ``package.json`` that the commands follow from; empty: the settings"""


class _Follower:
    """Follows the output: which command runs, and what it writes."""

    def __init__(self, commands: Sequence[str], task: Task, plain: Callable[[str], str]) -> None:
        self._commands = commands
        self._task = task
        self._plain = plain
        self.number = 0

    def line(self, text: str) -> None:
        """Take a line."""
        found = _ANNOUNCED.match(text)
        if found is not None and int(found["number"]) < len(self._commands):
            self.number = int(found["number"])
            self._task.show(self.command)
        elif text.strip():
            self._task.show(self._plain(text))

    @property
    def command(self) -> str:
        """The one that runs, for people."""
        return self._plain(" ".join(self._commands[self.number].split()))


def make(context: Context, toolchain: DebianToolchain, asked: CommandRun) -> CommandResult:
    """Run the commands and keep what they wrote in the store.

    Raises CorruptError for a command that fails, MissingError for a program or output that is not there, SettingsError
    for an output that leads out of the project or has a secret, UnavailableError for a command that takes too long or
    does not reach the network, DiskLimitError for one that writes too much, NoSandboxError.
    """
    settings, commands = asked.settings, asked.settings.commands or ()
    root = toolchain.compose(())
    network = read_host_network(context.environ, asked.npmrc) if settings.network else HostNetwork({}, {})

    def plain(text: str) -> str:
        return hide(hide_credentials(_ESCAPE.sub("", text)), network.secrets)

    with ExitStack() as stack:
        cache = stack.enter_context(_npm_cache(context, asked.root)) if settings.network else None
        scratch = stack.enter_context(context.store.scratch())
        build = scratch / "build"
        with storage(_ACTION, scratch):
            for made in (scratch / "sandbox", build / "home"):
                made.mkdir(parents=True)
        copy_tree(asked.tree, build / "app", epoch=asked.epoch)
        binds = [Bind(build, "/build", is_writable=True)]
        if cache is not None:
            binds.append(Bind(cache, _CACHE, is_writable=True))
        if network.files:
            binds.append(Bind(_make_etc(root.tree / "etc", scratch / "etc", network), "/etc"))
        fixed = {**_FIXED, "SOURCE_DATE_EPOCH": str(asked.epoch)}
        action = f"building the front end of {asked.origin} (commands = [] in [tool.grocker.build] turns this off)"
        with context.progress.task(action if asked.origin else _ACTION) as task:
            follower = _Follower(commands, task, plain)
            sandbox = Sandbox(
                root.tree,
                tuple(binds),
                {**settings.env, **network.environment, **fixed},
                has_network=settings.network,
                limits=msgspec.structs.replace(LIMITS, seconds=settings.timeout),
            )
            try:
                output = run(
                    sandbox,
                    ["sh", "-c", _LOOP, "sh", *commands],
                    isolation=find_isolation(scratch / "sandbox"),
                    scratch=scratch / "sandbox",
                    directory=_PLACE,
                    action=_ACTION,
                    on_line=follower.line,
                )
            except NoSandboxError as error:
                raise NoSandboxError(f"{_ACTION}: {error.message}", hint=_CHOICES) from error
            except DiskLimitError as error:
                reason = error.message.removeprefix(f"{_ACTION}: ")
                raise DiskLimitError(f"build command {follower.command!r}: {reason}", hint=error.hint) from error
            except SlowProgramError as error:
                raise UnavailableError(
                    f"build command {follower.command!r}: timeout: the commands took longer than {settings.timeout} s",
                    hint="raise timeout in [tool.grocker.build], or find out what it is waiting for",
                ) from error
        if output.status != 0:
            said = plain(output.stdout.decode("utf-8", "replace"))
            raise _failure(asked, follower.command, said, output.status)
        with storage("reading the outputs of the build commands", build):
            files, removed = _collect(asked, build / "app")
            return _keep(context, build / "app", files, removed, network.secrets)


@contextmanager
def _npm_cache(context: Context, project: Path) -> Iterator[Path]:
    """Hold the project's own cache of npm: another project must not be able to plant anything there."""
    name = hashlib.sha256(os.fsencode(project.absolute())).hexdigest()[:32]
    place = context.store.root / "downloads" / "npm" / name
    with context.store.lock(f"npm-{name}"):
        with storage(_ACTION, place):
            place.mkdir(parents=True, exist_ok=True)
        yield place


def _make_etc(source: Path, target: Path, network: HostNetwork) -> Path:
    """Copy the root's ``/etc``, and add the host's network configuration."""
    with storage(_ACTION, target):
        shutil.copytree(source, target, symlinks=True)
        for name, data in network.files.items():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.write_bytes(data)
            place.chmod(0o644)
    return target


def _failure(asked: CommandRun, command: str, said: str, status: int) -> GrockerError:
    lines = [line.rstrip()[:_WIDEST] for line in re.split(r"[\r\n]+", said) if line.strip()]
    lines = [line for line in lines if _ANNOUNCED.match(line) is None]
    shown = "".join(f"\n    {line}" for line in lines[-_LINES:])
    missed = _NOT_FOUND.search(lines[-1]) if lines else None
    if status == 127 and missed is not None:
        name = missed["name"]
        package = _PACKAGES.get(name, name)
        hint = f'install its Debian package: dependencies = ["{package}"] in [tool.grocker.build]'
        if name in _NOT_HAD:
            hint = f"Debian does not package it: run `npx --yes {name}`, or run the command before grocker build"
        return MissingError(f"build command {command!r}: program {name!r} not found", hint=hint)
    if status > 128 or status < 0:
        number = status - 128 if status > 0 else -status
        return CorruptError(
            f"build command {command!r}: killed by signal {number}{shown}",
            hint="if it ran out of memory (signal 9), build on a machine with more",
        )
    if _OFFLINE.search(said) is not None:
        if asked.settings.network:
            return UnavailableError(
                f"build command {command!r}: no answer from the network{shown}",
                hint="check this host's network, and the registry in npm's configuration",
            )
        remedy = "set network = true in [tool.grocker.build]: without it, commands have no network"
    else:
        remedy = _WRITE if asked.origin else _REPRODUCE
    return CorruptError(f"build command {command!r}: exit status {status}{shown}", hint=remedy)


# -- what they wrote ---------------------------------------------------------------------------------------------------


def _collect(asked: CommandRun, copy: Path) -> tuple[list[ProducedFile], tuple[str, ...]]:
    """Find what commands wrote below the outputs, and what they removed there."""
    own = {file.path: file for file in asked.tree.files}
    found: dict[str, ProducedFile] = {}
    for output in _find_outputs(asked, copy):
        _check_way(copy, output)
        below = [output] if not (copy / output).is_dir() else list(_list_files(copy, output))
        if not below:
            raise MissingError(
                f"build.outputs: {output!r} has no files after the commands ran",
                hint="fix outputs in [tool.grocker.build]: paths are relative to the project",
            )
        found |= {path: _read(copy, path, output) for path in below}
    made = [one for path, one in sorted(found.items()) if path not in own or not _is_same(own[path], one)]
    places = [f"{os.path.normpath(output)}/" for output in asked.settings.outputs]
    removed = tuple(
        path for path in sorted(own) if path not in found and any(f"{path}/".startswith(place) for place in places)
    )
    return made, removed


def _find_outputs(asked: CommandRun, copy: Path) -> list[str]:
    """Return the outputs; of those that were read from a front end's configuration, the ones that are there."""
    outputs = list(map(os.path.normpath, asked.settings.outputs))
    if not asked.origin:
        return outputs
    there = [one for one in outputs if os.path.lexists(copy / one)]
    if not there:
        raise MissingError(f"the build did not write {' or '.join(map(repr, outputs))}", hint=_WRITE)
    return there


def _is_same(own: SourceFile, made: ProducedFile) -> bool:
    return (own.digest, own.executable, own.target) == (made.digest, made.executable, made.target)


def _check_way(copy: Path, output: str) -> None:
    """Raise if an output is not there, or a link leads to it: it might lead out of the project."""
    parts = output.split("/")
    for number in range(1, len(parts) + 1):
        path = "/".join(parts[:number])
        try:
            mode = os.lstat(copy / path).st_mode
        except OSError:
            raise MissingError(
                f"build.outputs: {output!r} does not exist after the commands ran",
                hint="fix outputs in [tool.grocker.build]: paths are relative to the project",
            ) from None
        if stat.S_ISLNK(mode):
            raise SettingsError(
                f"build.outputs: {output!r} is reached through the link {path!r}",
                hint="name the directory that the link points to",
            )


def _list_files(copy: Path, directory: str) -> Iterator[str]:
    """Yield everything but directories below a directory, without following links."""
    left = [directory]
    while left:
        below = left.pop()
        with os.scandir(copy / below) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{below}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                left.append(path)
            else:
                yield path


def _read(copy: Path, path: str, output: str) -> ProducedFile:
    if not path.isprintable():
        raise SettingsError(
            f"build.outputs: the file name {os.fsencode(path)!r} is not printable UTF-8",
            hint="change the commands to write printable names in UTF-8",
        )
    mode = os.lstat(copy / path).st_mode
    if stat.S_ISLNK(mode):
        target = os.readlink(copy / path)
        end = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if os.path.isabs(target) or not f"{end}/".startswith(f"{output}/"):
            raise SettingsError(
                f"build.outputs: the link {path!r} points outside {output!r}, to {target!r}",
                hint="change the commands to write a copy instead of a link",
            )
        return ProducedFile(path, hashlib.sha256(os.fsencode(target)).hexdigest(), target=target)
    if not stat.S_ISREG(mode):
        raise SettingsError(
            f"build.outputs: {path!r} is not a file, a directory or a link",
            hint="remove it at the end of the commands",
        )
    os.chmod(copy / path, 0o600)
    with open(copy / path, "rb") as stream:
        head = stream.read(20)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    machine = int.from_bytes(head[18:20], "little") if head.startswith(b"\x7fELF") else 0
    return ProducedFile(path, digest, bool(mode & 0o100), machine=machine)


def _keep(
    context: Context, copy: Path, files: Sequence[ProducedFile], removed: tuple[str, ...], secrets: Sequence[str]
) -> CommandResult:
    """Move the files into the store, unless one of them has a secret of this host."""
    needles = [secret.encode() for secret in secrets]
    for file in files:
        if file.target is None and any(one in (copy / file.path).read_bytes() for one in needles):
            raise SettingsError(
                f"build.outputs: {file.path!r} contains a password or token from this host's npm configuration",
                hint="fix the command that writes it: an image must not contain secrets",
            )
    store = context.store
    key = cache_key("build outputs", [msgspec.structs.astuple(file) for file in files])
    with store.lock(f"tree-{key}"):
        if store.tree(key) is None:
            with store.new_tree(key) as tree, storage(_ACTION, tree):
                (tree / FILES).mkdir()
                for file in files:
                    place = tree / FILES / file.path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if file.target is not None:
                        place.symlink_to(file.target)
                        continue
                    os.rename(copy / file.path, place)
                    os.chown(place, os.geteuid(), os.getegid())
                    place.chmod(0o755 if file.executable else 0o644)
    store.share_tree(key)
    return CommandResult(key, tuple(files), removed)
