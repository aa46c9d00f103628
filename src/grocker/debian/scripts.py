"""Decide which maintainer scripts need not run: those that were reviewed, or consist of known debhelper snippets.

A script is covered when somebody has reviewed it and recorded why an image does not need it (``reviewed.txt``), or when
it consists of known debhelper snippets. Any other one has to run, in the sandbox, or is reported.
Only preinst and postinst matter: an image is never upgraded, and nothing is removed from it.
Source: Debian Policy 6; debhelper, autoscripts/.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache

import msgspec

from grocker.debian.alternatives import calls
from grocker.debian.capabilities import encode
from grocker.debian.facts import Facts
from grocker.platforms.architectures import ARCHITECTURES
from grocker.regex import regex


class UnreviewedScript(msgspec.Struct, frozen=True):
    """A script that nobody has reviewed."""

    package: str
    name: str
    """``preinst`` or ``postinst``"""
    reason: str
    """the first command in it that is not known to be covered"""
    fingerprint: str
    """of the script, for a review"""


_SNIPPET = regex(
    r"^# Automatically added by (?P<tool>[A-Za-z0-9_]+)(?:/\S+)?\n(?P<body>.*?)^# End automatically added section$\n?",
    re.MULTILINE | re.DOTALL,
)

INERT_SNIPPETS: dict[str, str] = {
    "dh_apparmor": "AppArmor is the host's",
    "dh_installalternatives": "the links are made from its words",
    "dh_installdeb": "dpkg-maintscript-helper acts on upgrades",
    "dh_installdebconf": "debconf's questions are for removal and upgrades",
    "dh_installinit": "no init system",
    "dh_installlogrotate": "nothing rotates logs",
    "dh_installmenu": "no menus",
    "dh_installsystemd": "no systemd",
    "dh_installsystemduser": "no systemd",
    "dh_installsysusers": "sysusers.d is read",
    "dh_installtmpfiles": "tmpfiles.d is for directories that each boot makes anew",
    "dh_installudev": "no udev",
    "dh_installxfonts": "no X server",
    "dh_makeshlibs": "ld.so.cache is written",
    "dh_python3": "bytecode is compiled by the builder",
    "dh_systemd_enable": "no systemd",
    "dh_systemd_start": "no systemd",
    "dh_bash_completion": "no completion cache",
    "dh_icons": "icon caches are optional",
    "dh_installdocs": "no documentation",
    "dh_installemacsen": "no Emacs",
    "dh_installinfo": "no documentation",
    "dh_installman": "no documentation",
    "dh_installmime": "no desktop",
    "dh_installcron": "no cron daemon",
    "dh_lintian": "no effect",
}
"""Snippets without effect in an image, by the debhelper program that writes them, and why."""

_IDLE = regex(r"\s*(?:#.*|:|true|set\s+-[eu]+|exit\s+0|umask\s+0?22|export\s+LC_ALL=C(?:\.UTF-8)?)?\s*(?:#.*)?\Z")
_MAINTSCRIPT = regex(r"\s*dpkg-maintscript-helper\s+(?:rm_conffile|mv_conffile|symlink_to_dir|dir_to_symlink)\s.*--")

_TRIPLET = regex(rf"\b(?:{'|'.join(re.escape(row.triplet) for row in ARCHITECTURES.values())})\b")


def normalise(script: str, architecture: str = "", version: str = "") -> str:
    """``script`` without comments, blank lines and indentation, and with placeholders for architecture and version.

    A review therefore covers every architecture, and security updates that change nothing else.
    """
    lines = []
    for number, line in enumerate(script.splitlines()):
        text = line.strip()
        if text and (number == 0 or not text.startswith("#")):
            lines.append(text)
    text = "\n".join(lines) + "\n"
    text = _TRIPLET.sub("TRIPLET", text)
    if architecture not in ("", "all"):
        text = re.sub(rf"(?<=:){re.escape(architecture)}\b", "ARCHITECTURE", text)
    # A native package's short version would match unrelated text.
    if "-" in version:
        text = text.replace(version, "VERSION")
    return text


def fingerprint(script: str, architecture: str = "", version: str = "") -> str:
    """SHA-256 of the normalised script, as ``reviewed.txt`` has it."""
    return hashlib.sha256(normalise(script, architecture, version).encode()).hexdigest()


@cache
def read_reviews() -> dict[str, str]:
    """The fingerprint of every reviewed script, and why an image does not need it."""
    from importlib import resources

    found = {}
    for line in resources.files("grocker.debian").joinpath("reviewed.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            mark, _, rest = line.partition("  ")
            found[mark] = rest
    return found


def find_unreviewed(facts: Iterable[Facts], reviews: Mapping[str, str] | None = None) -> tuple[UnreviewedScript, ...]:
    """The scripts that are not covered, by package and script.

    ``reviews``: by fingerprint; None: those that come with Grocker.
    """
    reviews = read_reviews() if reviews is None else reviews
    found = []
    for package in facts:
        for name, script in sorted(package.scripts.items(), reverse=True):
            mark = fingerprint(script, package.architecture, package.version)
            if mark in reviews:
                continue
            reason = find_unknown_command(script)
            if reason is not None:
                effects = describe_effects(script)
                reason = f"{reason} ({'; '.join(effects)})" if effects else reason
                found.append(UnreviewedScript(package.name, name, reason, mark))
    return tuple(found)


_ALTERNATIVES = regex(r"update-alternatives\s[^\n]*--install")
_SANDBOX_SNIPPETS = frozenset({"dh_icons", "dh_installmime", "dh_installtmpfiles", "dh_installxfonts"})
"""snippets whose effect an image does without; they run where a sandbox is made anyway"""


_IF_POSSIBLE, _BESIDES = "(run if possible) ", "(run beside others) "
"""begin the reason of a review: an image does without the script, but is better with it"""


def find_pending(
    facts: Iterable[Facts],
    *,
    everything: bool = False,
    has_sandbox: Callable[[], bool] = lambda: True,
    failed: Collection[str] = (),
    reviews: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """The names of the packages whose scripts run for real, sorted; none if all effects are done statically.

    If one has to run, so do those with alternatives, which depend on each other. ``everything``: all that have scripts.
    ``has_sandbox``: whether scripts can run; asked if only such would run that an image does without. ``failed``: what
    ``find_omissible`` returned; these do not run. ``reviews``: see ``find_unreviewed``.
    """
    reviews = read_reviews() if reviews is None else reviews
    packages = tuple(facts)
    if everything:
        return tuple(sorted(one.name for one in packages if one.scripts))
    found = {one.package for one in find_unreviewed(packages, reviews)}
    if not found:
        found = set(find_optional(packages, reviews)).difference(failed)
        if not found or not has_sandbox():
            return ()
    found |= {one.name for one in packages if _is_worth_running(one, reviews)}
    return tuple(sorted(found.difference(failed)))


def find_omissible(facts: Iterable[Facts], failed: Collection[str]) -> tuple[str, ...]:
    """Return those of the packages whose scripts failed that an image does without, sorted."""
    packages = tuple(facts)
    required = {one.package for one in find_unreviewed(packages)}
    return tuple(sorted(set(failed).intersection(find_optional(packages)) - required))


def _is_worth_running(package: Facts, reviews: Mapping[str, str]) -> bool:
    snippets = {match["tool"] for script in package.scripts.values() for match in _SNIPPET.finditer(script)}
    return (
        any(map(_ALTERNATIVES.search, package.scripts.values()))
        or not snippets.isdisjoint(_SANDBOX_SNIPPETS)
        or bool(_find_mark(package, (_IF_POSSIBLE, _BESIDES), reviews))
    )


def find_optional(facts: Iterable[Facts], reviews: Mapping[str, str] | None = None) -> dict[str, str]:
    """The packages with scripts that run if there is a sandbox, by name, and what an image lacks without them."""
    reviews = read_reviews() if reviews is None else reviews
    found = {one.name: _find_mark(one, (_IF_POSSIBLE,), reviews) for one in facts}
    return {name: reason for name, reason in sorted(found.items()) if reason}


def _find_mark(package: Facts, marks: tuple[str, ...], reviews: Mapping[str, str]) -> str:
    """What follows one of ``marks`` in the review of a script; empty if no script has one."""
    for script in package.scripts.values():
        reason = _review(package, script, reviews)
        for mark in marks:
            if reason.startswith(mark):
                return reason.removeprefix(mark)
    return ""


def _review(package: Facts, script: str, reviews: Mapping[str, str]) -> str:
    """Return why an image does not need a script; empty if nobody has reviewed it."""
    review = reviews.get(fingerprint(script, package.architecture, package.version), "")
    return review.partition("  ")[2]


_SETS = regex(r"\(sets (?P<capabilities>\S+) on (?P<path>\S+)\) ")


def find_capabilities(package: Facts) -> dict[str, bytes]:
    """The file capabilities that reviewed scripts of a package set, by path: values of ``security.capability``."""
    found = {}
    for script in package.scripts.values():
        if "setcap" in script:  # few do, and a fingerprint takes longer
            match = _SETS.match(_review(package, script, read_reviews()))
            if match is not None:
                found[match["path"]] = encode(match["capabilities"])
    return found


_EFFECTS = (
    (r"\bupdate-alternatives\b", "its commands in /etc/alternatives are missing"),
    (
        r"\bupdate-ca-certificates\b|\bkeytool\b|ca-certificates-java|\bjks\b",
        "its certificate store is empty, so TLS connections fail",
    ),
    (r"\bodbcinst\b", "its ODBC drivers are not registered"),
    (r"\b(?:adduser|useradd|addgroup|groupadd)\b", "its user or group does not exist"),
    (r"\b(?:locale-gen|update-locale|localedef)\b", "its locales are missing"),
    (r"\b(?:fc-cache|update-fonts-\w+)\b", "its fonts may not be found"),
    (
        r"\b(?:gdk-pixbuf-query-loaders|glib-compile-schemas|update-mime-database|gio-querymodules)\b",
        "its plug-ins and schemas are not registered",
    ),
    (r"\b(?:ucf|install)\b[^\n]*\s/etc/|\bcp\b[^\n]*\s/etc/|>\s*/etc/", "its configuration in /etc is missing"),
    (r"\b(?:mkdir|install\s+-d)\b[^\n]*/var/", "its directories in /var are missing"),
)
"""what a command of a script does, and what an image without it lacks"""


def describe_effects(script: str) -> tuple[str, ...]:
    """The features that may not work because ``script`` did not run; empty if none is known."""
    commands = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    return tuple(words for pattern, words in _EFFECTS if re.search(pattern, commands))


def find_unknown_command(script: str) -> str | None:
    """The first command in ``script`` that may have an effect in an image, or None."""
    for match in _SNIPPET.finditer(script):
        tool = match["tool"]
        if tool not in INERT_SNIPPETS:
            return f"a snippet of {tool}"
        if tool == "dh_installalternatives" and any(found is None for _, found in calls(match["body"])):
            return "an update-alternatives call with shell expansions"
    rest = _SNIPPET.sub("", script)
    first, _, body = rest.partition("\n")
    if not re.match(r"#!\s*/bin/(?:sh|bash|dash)\b", first):
        return f"unsupported interpreter: {first[2:].strip() if first.startswith('#!') else '(none)'}"
    for line in _without_empty_cases(body).splitlines():
        if not _IDLE.match(line) and not _MAINTSCRIPT.match(line):
            return line.strip()
    return None


_CASE = regex(r"^\s*case\s+\"?\$\{?1\}?\"?\s+in\b(?P<body>.*?)^\s*esac\b[^\n]*$", re.MULTILINE | re.DOTALL)
_SAID = r"""(?:"(?:\\.|\$1|[^"`$\\\n])*"|'[^'\n]*')[ \t]*(?:1?>&2)?[ \t]*\n"""
_ARM = regex(
    rf"\s*(?:#[^\n]*\n|\(?[a-z*|\"'\s-]+\)|;;|:[ \t]*\n|true[ \t]*\n|exit[ \t]+[01][ \t]*\n|echo[ \t]+{_SAID})\s*"
)


def _without_empty_cases(body: str) -> str:
    """The usual ``case "$1" in configure) ;; …`` in which no branch does anything."""

    def idle(match: re.Match[str]) -> str:
        text, position = match["body"], 0
        while position < len(text):
            arm = _ARM.match(text, position)
            if arm is None or arm.end() == position:
                return match[0]
            position = arm.end()
        return ""

    return _CASE.sub(idle, body)
