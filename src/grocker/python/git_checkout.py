"""Commits of git repositories, fetched by the host's git, with its configuration and its access.

Sources: git-fetch(1), git(1) "Environment Variables".
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from grocker import command
from grocker.digest import hexadecimal, of
from grocker.errors import DeniedError, GrockerError, MissingError, UnavailableError
from grocker.python.indexes import hide_credentials
from grocker.python.sources import GitSource
from grocker.python.uv import PATH
from grocker.regex import regex
from grocker.store import Store

_PASSED = regex(
    r"HOME|PATH|XDG_CONFIG_HOME|SSH_(AUTH_SOCK|AGENT_PID|ASKPASS)|GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|PROXY_.*)"
    r"|GIT_(SSL|HTTP|CONFIG)_.*|SSL_CERT_(FILE|DIR)|(HTTP|HTTPS|ALL|NO)_PROXY|(http|https|all|no)_proxy"
)
_OPTIONS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.logAllRefUpdates": "false",
    "core.autocrlf": "false",
    "core.symlinks": "true",
    "gc.auto": "0",
    "advice.detachedHead": "false",
}
_FIXED = {
    "LC_ALL": "C.UTF-8",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_TEMPLATE_DIR": "",
}
_GONE = regex(
    r"couldn't find remote ref|not our ref|unadvertised object|bad object|unknown revision|not a tree|no such ref"
    r"|did not match any|not a valid object name|[Nn]eeded a single revision|upload-pack: not our ref",
    re.IGNORECASE,
)
_NO_REPOSITORY = regex(
    r"[Rr]epository .*not found|does not appear to be a git repository|does not exist|error: 404|not a git repository"
)
_DENIED = regex(
    r"Authentication failed|could not read (Username|Password)|Permission denied|terminal prompts disabled"
    r"|error: 40[13]|Host key verification failed|access denied",
    re.IGNORECASE,
)


def find_commit(source: GitSource, environ: Mapping[str, str]) -> str:
    """The commit that the source's reference is now at, by asking its server unless the reference is a commit.

    ``environ``: the caller's. Raises UnavailableError without git or network, MissingError for a reference or a
    repository that is gone, DeniedError.
    """
    if source.is_commit:
        return source.reference
    action = f"resolving {source.shown}"
    listed = _git(source, environ, ["ls-remote", "--", source.public_url], action=action)
    if listed.status != 0:
        raise _translate(listed.stderr, source, action)
    lines = [line.split("\t", 1) for line in listed.stdout.decode("utf-8", "replace").splitlines()]
    found = {line[1]: line[0] for line in lines if len(line) == 2}
    name = source.reference
    for one in (f"refs/tags/{name}^{{}}", f"refs/tags/{name}", f"refs/heads/{name}", name) if name else ("HEAD",):
        if one in found:
            return found[one]
    short = {commit for commit in found.values() if len(name) >= 7 and commit.startswith(name)}
    if len(short) == 1:
        return short.pop()
    if re.fullmatch(r"[0-9a-f]{7,39}", name):
        return name  # an older commit's, which is fetched before git can complete it
    raise _gone(source, action)


def checkout(
    store: Store, source: GitSource, commit: str, environ: Mapping[str, str], *, submodules: bool = False
) -> Path:
    """The work tree of the source's repository at ``commit``, from the store or fetched; its HEAD is detached.

    ``submodules``: whether they are fetched too. Raises as ``find_commit``.
    """
    about = ["grocker git checkout 1", source.public_url, commit, "submodules" if submodules else ""]
    key = "git-" + hexadecimal(of("\n".join(about).encode()))
    with store.lock(f"tree-{key}"):
        tree = store.tree(key)
        if tree is None:
            with store.new_tree(key) as new:
                _fetch(source, commit, new, environ, submodules=submodules)
            tree = store.tree(key)
    assert tree is not None
    return tree


def _fetch(source: GitSource, commit: str, tree: Path, environ: Mapping[str, str], *, submodules: bool) -> None:
    action = f"fetching {source.shown}"
    url = source.public_url
    kind = ["--object-format=sha256"] if len(commit) == 64 else []

    def run(*arguments: str) -> command.Output:
        return _git(source, environ, arguments, action=action, directory=tree)

    def must(*arguments: str) -> None:
        output = run(*arguments)
        if output.status != 0:
            raise _translate(output.stderr, source, action)

    must("init", "--quiet", *kind)
    # Branches and tags, because back ends read versions from them; then the commit, if no branch leads to it.
    names = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    must("fetch", "--quiet", "--update-head-ok", "--no-recurse-submodules", "--", url, *names)
    if run("cat-file", "-e", f"{commit}^{{commit}}").status != 0:
        output = run("fetch", "--quiet", "--no-recurse-submodules", "--", url, commit)
        if output.status != 0:
            raise _translate(output.stderr, source, action, is_reference=True)
    must("-c", "submodule.recurse=false", "checkout", "--quiet", "--detach", commit)
    if submodules:
        must("submodule", "--quiet", "update", "--init", "--recursive", "--checkout")
    for name in ("FETCH_HEAD", "ORIG_HEAD", "logs", "hooks"):
        path = tree / ".git" / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _git(
    source: GitSource,
    environ: Mapping[str, str],
    arguments: Sequence[str],
    *,
    action: str,
    directory: Path | None = None,
) -> command.Output:
    """Run git; credentials of the source's address go into its environment: command lines are public."""
    environment = {"PATH": PATH, **{k: v for k, v in environ.items() if _PASSED.fullmatch(k)}, **_FIXED}
    # A repository elsewhere has no submodules on this host.
    local = ":file" if urlsplit(source.url).scheme == "file" else ""
    environment["GIT_ALLOW_PROTOCOL"] = f"https:http:ssh:git{local}"
    program = shutil.which("git", path=environment["PATH"])
    if program is None:
        raise UnavailableError(f"{action}: this host has no git", hint="install git, and build again")
    options = dict(_OPTIONS)
    if source.url != source.public_url:
        options[f"url.{source.url}.insteadOf"] = source.public_url
    given = int(environment.get("GIT_CONFIG_COUNT") or 0)
    for number, (name, value) in enumerate(options.items(), start=given):
        environment[f"GIT_CONFIG_KEY_{number}"], environment[f"GIT_CONFIG_VALUE_{number}"] = name, value
    environment["GIT_CONFIG_COUNT"] = str(given + len(options))
    return command.run([program, *arguments], action=action, environment=environment, directory=directory)


def _translate(text: str, source: GitSource, action: str, *, is_reference: bool = False) -> GrockerError:
    plain = hide_credentials(text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    reason = " ".join(one.removeprefix("fatal:").strip() for one in told[-3:])[:400]
    check = f"check with: git ls-remote {source.public_url}"
    if _GONE.search(plain) or (is_reference and not _DENIED.search(plain)):
        return _gone(source, action)
    if _DENIED.search(plain):
        return DeniedError(f"{action}: git is denied access: {reason}", hint=f"give git access to it, and {check}")
    if _NO_REPOSITORY.search(plain):
        return MissingError(f"{action}: no such repository: {reason}", hint=f"fix the address, or {check}")
    return UnavailableError(f"{action}: git failed: {reason}", hint=check)


def _gone(source: GitSource, action: str) -> MissingError:
    what = "commit" if source.is_commit else "branch, tag or commit"
    return MissingError(
        f"{action}: the repository has no {what} {source.reference or 'HEAD'!r}",
        hint=f"name one that exists: git ls-remote {source.public_url}",
    )
