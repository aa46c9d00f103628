"""Which maintainer scripts need not run."""

from __future__ import annotations

import dataclasses
import re

import msgspec
import pytest

from grocker.debian import deb, scripts
from grocker.debian.capabilities import encode
from grocker.debian.facts import Facts
from grocker.tar.entry import File
from tests.support.archive import Package


def facts(version: str = "1.0-1", **texts: str) -> Facts:
    return Facts(
        fields={"Package": "hello", "Version": version, "Architecture": "amd64"},
        paths=(),
        scripts=texts,
        conffiles={},
        md5sums="",
        libraries=(),
        contents={},
        python=(),
    )


SYSTEMD = """\
# Automatically added by dh_installsystemd/13.24.2
if [ "$1" = "configure" ]; then
\tdeb-systemd-helper enable 'hello.service' >/dev/null || true
fi
# End automatically added section
"""
ALTERNATIVE = """\
# Automatically added by dh_installalternatives/13.24.2
if [ "$1" = "configure" ]; then
\tupdate-alternatives --install /usr/bin/editor editor /usr/bin/hello 50 \\
\t    --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/hello.1.gz
fi
# End automatically added section
"""
MAINTSCRIPT = """\
# Automatically added by dh_installdeb/13.24.2
dpkg-maintscript-helper rm_conffile /etc/hello.conf 1.0~ -- "$@"
# End automatically added section
"""
SETTLED = {
    "empty": "#!/bin/sh\nset -e\n\nexit 0\n",
    "comments": "#! /bin/sh\n# see: dh_installdeb(1)\nset -eu\n:\n",
    "debhelper's snippets": "#!/bin/sh\nset -e\n" + SYSTEMD + ALTERNATIVE + MAINTSCRIPT,
    "the usual case": """#!/bin/sh
set -e
case "$1" in
    configure)
    ;;
    abort-upgrade|abort-remove|abort-deconfigure)
    ;;
    *)
        echo "postinst called with unknown argument '$1'" >&2
        exit 1
    ;;
esac
exit 0
""",
}


@pytest.mark.parametrize("script", SETTLED.values(), ids=SETTLED)
def test_script_is_settled_when_it_does_nothing_that_an_image_needs(script: str) -> None:
    assert scripts.find_unknown_command(script) is None
    assert scripts.find_unreviewed([facts(postinst=script)]) == ()


UNSETTLED = {
    "a command": ("#!/bin/sh\nset -e\nmake-it-so --now\n", "make-it-so --now"),
    "a command after snippets": ("#!/bin/sh\n" + SYSTEMD + "rm -rf /x\n", "rm -rf /x"),
    "a command in a case": ('#!/bin/sh\ncase "$1" in\n  configure)\n    touch /x\n  ;;\nesac\n', 'case "$1" in'),
    "a command behind a word": ("#!/bin/sh\nexit 0; touch /x\n", "exit 0; touch /x"),
    "a command in an echo": ('#!/bin/sh\ncase "$1" in\n*)\necho $(touch /x)\n;;\nesac\n', 'case "$1" in'),
    "a pipe after an echo": ('#!/bin/sh\ncase "$1" in\n*)\necho x | tee /x\n;;\nesac\n', 'case "$1" in'),
    "an unknown snippet": (
        "#!/bin/sh\n# Automatically added by dh_new/14\ntouch /x\n# End automatically added section\n",
        "a snippet of dh_new",
    ),
    "an alternative with a variable": (
        "#!/bin/sh\n" + ALTERNATIVE.replace("/usr/bin/hello", "/usr/bin/$x"),
        "update-alternatives",
    ),
    "another interpreter": ("#!/usr/bin/perl\nexit 0\n", "/usr/bin/perl"),
    "a program": ("\x7fELF", "unsupported interpreter"),
}


@pytest.mark.parametrize(("script", "reason"), UNSETTLED.values(), ids=UNSETTLED)
def test_script_is_reported_when_it_does_more(script: str, reason: str) -> None:
    (found,) = scripts.find_unreviewed([facts(postinst=script)])
    assert (found.package, found.name) == ("hello", "postinst")
    assert reason in found.reason


def test_both_scripts_are_reported_when_neither_is_known() -> None:
    found = scripts.find_unreviewed([facts(preinst="#!/bin/sh\na\n", postinst="#!/bin/sh\nb\n")])
    assert [script.name for script in found] == ["preinst", "postinst"]


def test_script_is_settled_when_somebody_has_reviewed_it() -> None:
    script = "#!/bin/sh\nset -e\nmake-it-so\n"
    reviews = {scripts.fingerprint(script): "it is so"}
    assert scripts.find_unreviewed([facts(postinst=script)], reviews) == ()


def test_fingerprint_is_the_same_when_version_architecture_and_comments_change() -> None:
    one = '#!/bin/sh\n# 2.0-1\nfiles=$(dpkg -L libx:amd64)\n\n  ls /usr/lib/x86_64-linux-gnu "2.0-1"\n'
    other = '#!/bin/sh\nfiles=$(dpkg -L libx:arm64)\nls /usr/lib/aarch64-linux-gnu "2.0-2"\n'
    assert scripts.fingerprint(one, "amd64", "2.0-1") == scripts.fingerprint(other, "arm64", "2.0-2")
    assert scripts.fingerprint(one, "amd64", "2.0-1") != scripts.fingerprint(one + "rm x\n", "amd64", "2.0-1")


def test_review_has_a_reason_when_it_stands_in_the_table() -> None:
    table = scripts.read_reviews()
    assert table
    for mark, rest in table.items():
        assert len(mark) == 64, rest
        script, _, reason = rest.partition("  ")
        assert "/p" in script
        assert len(reason) > 8, rest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("update-alternatives --install /usr/bin/$t $t $basedir/$t 100", "alternatives are missing"),
        ("setup_path; keytool -importkeystore", "TLS connections fail"),
        ("odbcinst -i -d -f /usr/share/x.ini", "ODBC drivers are not registered"),
        ("adduser --system x", "user or group does not exist"),
        ("echo x > /etc/x.conf", "configuration in /etc is missing"),
    ],
)
def test_unreviewed_script_is_told_with_what_may_not_work(line: str, words: str) -> None:
    (found,) = scripts.find_unreviewed([facts(postinst=f"#!/bin/sh\nset -e\nfoo\n{line}\n")])
    assert found.reason.startswith("foo (")
    assert words in found.reason


def test_comments_of_a_script_have_no_effects() -> None:
    assert scripts.describe_effects("#!/bin/sh\n# update-alternatives\nfoo\n") == ()


def named(name: str, **texts: str) -> Facts:
    return msgspec.structs.replace(facts(**texts), fields={"Package": name, "Version": "1", "Architecture": "all"})


UNREVIEWED = "#!/bin/sh\nadduser --system hello\n"


def test_no_script_is_pending_when_all_are_done_statically() -> None:
    packages = [
        named("a", postinst=f"#!/bin/sh\n{SYSTEMD}"),
        named("b", postinst=f"#!/bin/sh\n{ALTERNATIVE}"),
        named("c"),
    ]
    assert scripts.find_pending(packages) == ()
    assert scripts.find_pending(packages, everything=True) == ("a", "b")


def test_packages_with_alternatives_are_pending_beside_one_that_has_to_run() -> None:
    packages = [
        named("hello", postinst=UNREVIEWED),
        named("service", postinst=f"#!/bin/sh\n{SYSTEMD}"),
        named("editor", postinst=f"#!/bin/sh\n{ALTERNATIVE}"),
    ]
    assert scripts.find_pending(packages) == ("editor", "hello")


def review(script: str, reason: str) -> dict[str, str]:
    return {scripts.fingerprint(script, "all", "1"): f"x/postinst (trixie)  {reason}"}


CACHE, AGENT = "#!/bin/sh\nfill-a-cache\n", "#!/bin/sh\nchmod 2755 /usr/bin/agent\n"
REVIEWS = {
    **review(CACHE, "(run if possible) programs do without the cache"),
    **review(AGENT, "(run beside others) guards memory"),
}


def test_script_that_fills_a_cache_runs_where_there_is_a_sandbox() -> None:
    packages = [named("fonts", postinst=CACHE), named("ssh", postinst=AGENT), named("other")]
    assert scripts.find_pending(packages, reviews=REVIEWS) == ("fonts", "ssh")
    assert scripts.find_pending(packages, reviews=REVIEWS, has_sandbox=lambda: False) == ()
    assert scripts.find_optional(packages, REVIEWS) == {"fonts": "programs do without the cache"}


def test_script_that_an_image_does_without_runs_beside_others() -> None:
    packages = [named("ssh", postinst=AGENT), named("hello", postinst=UNREVIEWED)]
    assert scripts.find_pending(packages, reviews=REVIEWS) == ("hello", "ssh")
    assert scripts.find_pending(packages[:1], reviews=REVIEWS) == ()


def test_sandbox_is_not_tried_when_scripts_have_to_run_or_none_is_worth_it() -> None:
    def fail() -> bool:
        raise AssertionError

    packages = [named("fonts", postinst=CACHE), named("hello", postinst=UNREVIEWED)]
    assert scripts.find_pending(packages, reviews=REVIEWS, has_sandbox=fail) == ("fonts", "hello")
    assert scripts.find_pending([named("ssh", postinst=AGENT)], reviews=REVIEWS, has_sandbox=fail) == ()


def test_marks_of_reviews_are_spelt_as_they_are_read() -> None:
    reasons = [rest.partition("  ")[2] for rest in scripts.read_reviews().values()]
    marked = [reason for reason in reasons if reason.startswith("(")]
    marks = {re.sub("sets .* on .*", "sets", reason.partition(") ")[0]) for reason in marked}
    assert marks == {"(run if possible", "(run beside others", "(sets"}


PING = """\
#!/bin/sh
set -e
PROGRAM=$(dpkg-divert --truename /bin/ping)
if [ "$1" = configure ]; then
    # If we have setcap installed, try setting cap_net_raw+ep,
    # which allows us to install our binaries without the setuid
    # bit.
    if command -v setcap > /dev/null; then
        if setcap cap_net_raw+ep $PROGRAM; then
            chmod u-s $PROGRAM
        else
            echo "Setcap failed on $PROGRAM, falling back to setuid" >&2
            chmod u+s $PROGRAM
        fi
    else
        echo "Setcap is not installed, falling back to setuid" >&2
        chmod u+s $PROGRAM
    fi
fi
exit 0
"""
"""of iputils-ping in bookworm"""


def test_file_has_the_capabilities_that_a_reviewed_script_sets() -> None:
    ping = Package("iputils-ping", files={"bin/ping": "ping", "bin/ping4": "ping"}, control={"postinst": PING})
    found = {entry.path: entry for entry in deb.unpack_bytes(ping.deb(), name="iputils-ping").entries}
    one, other = found["usr/bin/ping"], found["usr/bin/ping4"]
    assert isinstance(one, File) and isinstance(other, File)
    assert (one.capability, other.capability) == (encode("cap_net_raw=ep"), b"")
    changed = dataclasses.replace(ping, control={"postinst": PING.replace("cap_net_raw", "cap_net_admin")})
    found = {entry.path: entry for entry in deb.unpack_bytes(changed.deb(), name="iputils-ping").entries}
    assert found["usr/bin/ping"] == msgspec.structs.replace(one, capability=b"")


def test_script_that_failed_is_omitted_when_the_image_does_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grocker.debian.scripts.read_reviews", lambda: REVIEWS)
    fonts, hello = named("fonts", postinst=CACHE), named("hello", postinst=UNREVIEWED)
    assert scripts.find_omissible([fonts, hello], ["fonts", "hello", "other"]) == ("fonts",)
    assert scripts.find_pending([fonts, hello]) == ("fonts", "hello")
    assert scripts.find_pending([fonts, hello], failed=["fonts"]) == ("hello",)
    assert scripts.find_pending([fonts], failed=["fonts"]) == ()
