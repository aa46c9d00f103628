"""Links that choose between programs."""

from __future__ import annotations

import pytest

from grocker.debian import alternatives
from grocker.debian.alternatives import Alternative
from grocker.debian.facts import Facts
from grocker.tar.entry import Directory, Symlink


def package(name: str, postinst: str) -> Facts:
    return Facts(
        fields={"Package": name, "Version": "1", "Architecture": "all"},
        paths=(),
        scripts={"postinst": postinst},
        conffiles={},
        md5sums="",
        libraries=(),
        contents={},
        python=(),
    )


MAWK = package(
    "mawk",
    """#!/bin/sh
update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\
    --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz \\
    --slave /usr/bin/nawk nawk /usr/bin/mawk
""",
)
GAWK = package("gawk", "#!/bin/sh\nupdate-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10 || true\n")


def links(*packages: Facts, present: set[str]) -> dict[str, str]:
    found = alternatives.entries(packages, present)
    assert found[0] == Directory("etc/alternatives")
    return {entry.path: entry.target for entry in found if isinstance(entry, Symlink)}


def test_links_are_made_when_there_is_one_candidate() -> None:
    assert links(MAWK, present={"usr/bin/mawk"}) == {
        "usr/bin/awk": "/etc/alternatives/awk",
        "etc/alternatives/awk": "/usr/bin/mawk",
        "usr/bin/nawk": "/etc/alternatives/nawk",
        "etc/alternatives/nawk": "/usr/bin/mawk",
    }


def test_highest_priority_wins_when_there_are_several() -> None:
    found = links(MAWK, GAWK, present={"usr/bin/mawk", "usr/bin/gawk"})
    assert found["etc/alternatives/awk"] == "/usr/bin/gawk"
    assert "usr/bin/nawk" not in found


def test_first_package_wins_when_priorities_are_equal() -> None:
    one = package("one", "update-alternatives --install /usr/bin/x x /usr/bin/one 1\n")
    two = package("two", "update-alternatives --install /usr/bin/x x /usr/bin/two 1\n")
    assert links(one, two, present={"usr/bin/one", "usr/bin/two"})["etc/alternatives/x"] == "/usr/bin/one"


def test_link_is_not_made_when_its_program_is_left_out_or_a_file_is_there() -> None:
    assert links(MAWK, present=set()) == {}
    assert "usr/bin/awk" not in links(MAWK, present={"usr/bin/mawk", "usr/bin/awk"})


def test_link_is_merged_when_it_lies_in_bin() -> None:
    text = "update-alternatives --install /bin/nc nc /bin/nc.openbsd 50\n"
    assert links(package("nc", text), present={"usr/bin/nc.openbsd"})["usr/bin/nc"] == "/etc/alternatives/nc"


@pytest.mark.parametrize(
    "call",
    [
        "/usr/bin/x x $path 5",
        "/usr/bin/x x /usr/bin/a",
        "/usr/bin/x x /a 5 --slave /b",
        '/usr/bin/x x "/a 5',
        "a b c d",
    ],
)
def test_call_is_not_carried_out_when_it_is_not_literal(call: str) -> None:
    ((_, found),) = alternatives.calls(f"update-alternatives --install {call}\n")
    assert found is None


def test_call_is_read_when_it_is_literal() -> None:
    ((_, found),) = alternatives.calls("update-alternatives --quiet --install /usr/bin/x x /usr/bin/y -5 >/dev/null\n")
    assert found == Alternative("x", "/usr/bin/x", "/usr/bin/y", -5)


def test_every_link_is_made_when_a_script_loops_over_names() -> None:
    text = """#!/bin/sh
for prog in convert identify; do
    if old "$prog"; then update-alternatives --remove-all $prog; fi
    update-alternatives --install /usr/bin/$prog \\
        $prog /usr/bin/${prog}-im7.q16 100 --slave /usr/share/man/$prog.1.gz $prog.1.gz /usr/share/man/x.1.gz
done
"""
    found = links(package("imagemagick", text), present={"usr/bin/convert-im7.q16", "usr/bin/identify-im7.q16"})
    assert found["etc/alternatives/convert"] == "/usr/bin/convert-im7.q16"
    assert found["usr/bin/identify"] == "/etc/alternatives/identify"


def test_loop_is_left_alone_when_its_words_come_from_a_command() -> None:
    text = "for p in $(ls); do\nupdate-alternatives --install /usr/bin/$p $p /usr/bin/$p.x 1\ndone\n"
    ((_, found),) = alternatives.calls(text)
    assert found is None
