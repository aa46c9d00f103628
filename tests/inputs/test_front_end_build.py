"""The commands and inputs with which a front end is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.inputs.front_end import FrontEnd
from grocker.inputs.front_end_build import draft_build, find_inputs
from tests.inputs.test_front_end import tree

TOP = FrontEnd("", "npm", "package-lock.json", ("shop/static/dist",), "x")
INNER = FrontEnd("ui", "npm", "package-lock.json", ("ui/dist",), "x")


@pytest.mark.parametrize(
    ("front_end", "commands"),
    [
        (TOP, ["npm ci", "npm run build"]),
        (INNER, ["cd ui && npm ci", "cd ui && npm run build"]),
        (FrontEnd("ui", "npm", "", ("ui/dist",), "x"), ["cd ui && npm install", "cd ui && npm run build"]),
        (FrontEnd("a b;c", "npm", "x", ("x",), "x"), ["cd 'a b;c' && npm ci", "cd 'a b;c' && npm run build"]),
        (
            FrontEnd("", "yarn", "yarn.lock", ("x",), "x", "yarn@1"),
            ["npx --yes yarn@1 install --frozen-lockfile --ignore-engines", "npx --yes yarn@1 run build"],
        ),
        (
            FrontEnd("", "yarn", "yarn.lock", ("x",), "x", "@yarnpkg/cli-dist@4"),
            ["npx --yes @yarnpkg/cli-dist@4 install --immutable", "npx --yes @yarnpkg/cli-dist@4 run build"],
        ),
        (
            FrontEnd("", "pnpm", "pnpm-lock.yaml", ("x",), "x", "pnpm@9"),
            ["npx --yes pnpm@9 install --frozen-lockfile", "npx --yes pnpm@9 run build"],
        ),
    ],
)
def test_commands_install_what_the_lock_says_and_build(
    tmp_path: Path, front_end: FrontEnd, commands: list[str]
) -> None:
    table = draft_build(front_end, tree(tmp_path, {}))
    assert table is not None
    assert table["commands"] == commands
    assert (table["dependencies"], table["network"]) == (["nodejs", "npm"], True)


def test_git_is_there_when_the_lock_has_packages_of_git(tmp_path: Path) -> None:
    files = tree(tmp_path, {"package-lock.json": '{"resolved": "git+ssh://git@host/a/b.git#1"}'})
    table = draft_build(TOP, files)
    assert table is not None
    assert table["dependencies"] == ["nodejs", "npm", "git"]


def test_manager_that_cannot_be_had_has_no_commands(tmp_path: Path) -> None:
    assert draft_build(FrontEnd("", "bun", "bun.lock", ("x",), "x"), tree(tmp_path, {})) is None


SITE = {
    **dict.fromkeys(("package.json", "package-lock.json", "vite.config.js", "README.md", "eslint.config.mjs"), ""),
    **dict.fromkeys(("shop/views.py", "shop/widget.js", "shop/static/img/a.svg", "shop/static/css/a.css"), ""),
    **dict.fromkeys(("assets/main.ts", "assets/css/site.scss", "assets/logo.png", "shop/templates/a.html"), ""),
    **dict.fromkeys(("shop/locale/de/LC_MESSAGES/djangojs.po", "tests/ui/a.js", "data/prices.json"), ""),
}
BASE = ["assets/**", "package-lock.json", "package.json", "shop/*.js", "shop/static/**", "shop/templates/**"]


@pytest.mark.parametrize(
    ("front_end", "files", "inputs"),
    [
        (TOP, {}, [*BASE, "vite.config.js"]),
        (
            TOP,
            {"vite.config.js": "read('./shop/locale'); x = 'none'"},
            sorted([*BASE, "shop/locale/**", "vite.config.js"]),
        ),
        (TOP, {"vite.config.js": "alias: { '@': 'shop' }, a: '../..', b: '/etc'"}, [*BASE, "vite.config.js"]),
        (TOP, {"vite.config.js": 'x = "data/prices.json"'}, sorted([*BASE, "data/prices.json", "vite.config.js"])),
        (
            TOP,
            {"tailwind.config.js": "content: ['./shop/**/*.{html,py}', './*.none']"},
            sorted([*BASE, "shop/**/*.html", "shop/**/*.py", "tailwind.config.js", "vite.config.js"]),
        ),
        (TOP, {"assets/css/site.css": '@import "tailwindcss";'}, []),
        (TOP, {"eslint.config.mjs": "files: ['**/*.py']"}, [*BASE, "vite.config.js"]),
        (INNER, {}, ["ui/**"]),
        (
            INNER,
            {"ui/tailwind.config.js": "['../shop/templates/**/*.html', './src/**/*.ts']"},
            ["ui/**", "shop/templates/**/*.html"],
        ),
        (INNER, {"ui/src/a.css": '@source "../../shop/templates";'}, ["ui/**", "shop/templates/**"]),
    ],
)
def test_inputs_are_what_the_build_reads(
    tmp_path: Path, front_end: FrontEnd, files: Mapping[str, str], inputs: list[str]
) -> None:
    assert find_inputs(front_end, tree(tmp_path, {**SITE, **files})) == inputs


def test_outputs_are_no_inputs(tmp_path: Path) -> None:
    front_end = FrontEnd("", "npm", "", ("web/dist",), "x")
    assert find_inputs(front_end, tree(tmp_path, {"web/dist/old.js": "", "app.py": ""})) == []
