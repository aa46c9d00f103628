"""Ranges of Node's versions, and the suite whose Node fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grocker.config.settings import DebianSettings, Settings
from grocker.errors import UnavailableError
from grocker.inputs.front_end import FrontEnd
from grocker.inputs.node import NodeNeeds, choose_node, read_node_needs, satisfies
from grocker.inputs.toolchain import DebianToolchain
from tests.inputs.conftest import Workplace
from tests.inputs.test_front_end import tree

NODES = {"bookworm": "18.20.4+dfsg-1~deb12u2", "trixie": "20.19.2+dfsg-1+deb13u3", "forky": "24.21.0+dfsg-1"}


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        *((one, True) for one in ("*", "", "x", ">=18", ">= 18.0.0", "20", "20.x", "20.19", "v20.19.2", "=20.19.2")),
        *((one, True) for one in ("^20.9.0", "^20", "~20.19", "~20.19.1", ">18", "<=20", "<21", "18 - 20")),
        *((one, True) for one in ("^18.14.0 || ^20.0.0 || >=24.0.0", ">=18 <21", ">=v12.22.7", ">=0.8.x", "lts/*")),
        *((one, True) for one in ("^20.19.0-rc.1", "<=20.19.2", "18.0.0 - 20.19.2", "~20")),
        *(
            (one, False)
            for one in (">=22", "22", "^22.12.0 || >=24", "20.18", "^20.20", "~20.18.0", ">20", "<20", "<=18", ">20.19")
        ),
        *(
            (one, False)
            for one in (">20.19.2", "<20.19.2", "18 - 19", ">=18 <20", "^18", "=20.19.3", "^0.12", "^0.0.3")
        ),
    ],
)
def test_version_is_in_a_range_of_npm(text: str, is_in: bool) -> None:
    assert satisfies((20, 19, 2), text) is is_in


def test_needs_are_those_of_the_package_and_of_its_lock(tmp_path: Path) -> None:
    lock = {
        "": {"engines": {"node": ">=1"}},
        "node_modules/a": {"engines": {"node": ">=20"}},
        "node_modules/b": {"engines": {"node": ">=99"}, "optional": True},
        "node_modules/c": {"engines": ["node >=6"]},
        "node_modules/d": {"engines": {"node": "*"}},
    }
    files = tree(
        tmp_path,
        {
            "ui/package.json": json.dumps({"engines": {"node": "^22"}}),
            "ui/package-lock.json": json.dumps({"packages": lock}),
        },
    )
    front_end = FrontEnd("ui", "npm", "package-lock.json", ("ui/dist",), "x")
    assert read_node_needs(front_end, files) == NodeNeeds("^22", (">=20",))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"engines": 1}', '{"packages": []}', "[" * 99999, '{"engines": {"node": 1}}']
)
def test_package_that_says_nothing_of_node_needs_nothing(tmp_path: Path, text: str) -> None:
    files = tree(tmp_path, {"package.json": text, "package-lock.json": text})
    front_end = FrontEnd("", "npm", "package-lock.json", ("dist",), "x")
    assert read_node_needs(front_end, files) == NodeNeeds("*", ())


@pytest.mark.parametrize(
    ("needs", "suite", "chosen", "meets"),
    [
        (NodeNeeds("*", ()), None, "trixie", True),
        (NodeNeeds("*", ()), "bookworm", "bookworm", True),
        (NodeNeeds("*", (">=20",)), "bookworm", "trixie", True),
        (NodeNeeds(">=22", ()), None, "forky", True),
        (NodeNeeds("^18", (">=99",)), None, "bookworm", True),
        (NodeNeeds("^22", (">=24",)), None, "forky", False),
        (NodeNeeds("^22", ()), None, "trixie", False),
    ],
)
def test_suite_is_the_first_whose_node_meets_most(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    needs: NodeNeeds,
    suite: str | None,
    chosen: str,
    meets: bool,
) -> None:
    monkeypatch.setattr(DebianToolchain, "package_version", lambda self, name: NODES[self.image.suite.name])
    settings = Settings(debian=DebianSettings(suite=suite))
    found = choose_node(workplace.context, settings, "amd64", needs, refresh=False)
    assert (found.toolchain.image.suite.name, found.meets) == (chosen, meets)
    assert found.version == NODES[chosen].partition("+")[0]


def test_suite_that_the_mirror_lacks_is_left_out(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(self: DebianToolchain, name: str) -> str:
        if self.image.suite.name != "trixie":
            raise UnavailableError("no such suite")
        return NODES["trixie"]

    monkeypatch.setattr(DebianToolchain, "package_version", version)
    found = choose_node(workplace.context, Settings(), "amd64", NodeNeeds("^22", ()), refresh=False)
    assert found.toolchain.image.suite.name == "trixie"
    with pytest.raises(UnavailableError):
        choose_node(
            workplace.context,
            Settings(debian=DebianSettings(suite="forky")),
            "amd64",
            NodeNeeds("*", ()),
            refresh=False,
        )
