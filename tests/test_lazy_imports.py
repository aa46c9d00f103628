from __future__ import annotations

import subprocess
import sys

import pytest

import grocker.python
from grocker.python import source_tree


def test_name_of_a_package_is_its_modules_when_it_is_used() -> None:
    assert grocker.python.read_tree is source_tree.read_tree
    assert vars(grocker.python)["read_tree"] is source_tree.read_tree


def test_modules_of_a_package_wait_until_a_name_of_theirs_is_used() -> None:
    text = (
        "import sys; import grocker.python as p; before = 'grocker.python.target' in sys.modules; p.WheelTarget; "
        "print(before, 'grocker.python.target' in sys.modules, 'grocker.python.uv' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]


def test_name_that_a_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'grocker\.python' has no attribute 'nothing'$"):
        getattr(grocker.python, "nothing")  # noqa: B009 - mypy knows that it is not there
