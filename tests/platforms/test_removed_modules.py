"""What Python's library has lost, and who brings it back."""

from __future__ import annotations

from grocker.platforms.removed_modules import ALL, UNDECLARED, bringing, modules_of, removed_modules


def test_modules_are_lost_from_the_release_that_removed_them() -> None:
    assert removed_modules("3.11") == frozenset()
    assert "distutils" in removed_modules("3.12")
    assert "cgi" not in removed_modules("3.12")
    assert removed_modules("3.13t") == removed_modules("3.14") == ALL - UNDECLARED.keys()


def test_distributions_bring_modules_back() -> None:
    assert modules_of("legacy-cgi", "2.6.4") == {"cgi", "cgitb"}
    assert modules_of("standard-telnetlib", "3.13.0") == {"telnetlib"}
    assert modules_of("setuptools", "82.0.0") == {"distutils"}
    assert modules_of("setuptools", "81.0.0") == {"distutils", "pkg_resources"}
    assert modules_of("setuptools", "59.8.0") == {"pkg_resources"}
    assert modules_of("flask", "3.1.2") == frozenset()
    assert (bringing("cgi"), bringing("nis")) == ("legacy-cgi", "")
