"""Front ends that a project builds, recognised from its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grocker.inputs.front_end import find_front_ends, find_unbuilt
from grocker.inputs.tree_files import TreeFiles
from grocker.python.source_tree import SourceFile, hash_tree


def package(build: str = "vite build", **more: Any) -> str:
    return json.dumps({"scripts": {"build": build}, **more})


def tree(place: Path, files: Mapping[str, str]) -> TreeFiles:
    found = []
    for path, text in sorted(files.items()):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
        found.append(SourceFile(path, hashlib.sha256(text.encode()).hexdigest()))
    return TreeFiles(place, tuple(found), hash_tree(found), (), (), (), ())


VITE = {"vite": "^6"}


@pytest.mark.parametrize(
    ("directory", "files", "outputs"),
    [
        ("", {"package.json": package(devDependencies=VITE)}, ("dist",)),
        ("ui", {"ui/package.json": package(devDependencies=VITE)}, ("ui/dist",)),
        (
            "ui",
            {"ui/package.json": package(), "ui/vite.config.ts": "build: { outDir: '../app/static/ui' }"},
            ("app/static/ui",),
        ),
        (
            "",
            {"package.json": package(), "vite.config.js": 'outDir: path.resolve(__dirname, "app", "static/x")'},
            ("app/static/x",),
        ),
        (
            "",
            {"package.json": package(), "vite.config.mjs": "root: 'assets', build: { outDir: '../static/dist' }"},
            ("static/dist",),
        ),
        (
            "",
            {"package.json": package("webpack"), "webpack.config.js": "path: path.resolve(__dirname, 'out'),"},
            ("out",),
        ),
        ("", {"package.json": package("esbuild a.js --bundle --outdir=shop/static/js")}, ("shop/static/js",)),
        (
            "",
            {"package.json": package("tailwindcss -i a.css -o shop/static/site.css --minify")},
            ("shop/static/site.css",),
        ),
        (
            "web",
            {"web/package.json": package("react-scripts build", dependencies={"react-scripts": "5"})},
            ("web/build",),
        ),
        ("", {"package.json": package("tailwindcss -o /etc/site.css")}, ()),
        ("", {"package.json": package("make")}, ()),
        (
            "",
            {
                "package.json": package("webpack"),
                "webpack.config.js": (
                    "const x = {alias: {a: path.resolve(__dirname, 'shop/js')}};\nmodule.exports = ["
                    "{output: {path: path.resolve(__dirname, 'shop/static/dist'), clean: true}},\n"
                    '{output: {filename: "a", path: path.resolve(__dirname, "shop/admin/static/dist")}},\n'
                    "...all.map((one) => ({output: {path: path.resolve(\n  __dirname,\n  'shop/static/dist',\n)}}))];"
                ),
            },
            ("shop/static/dist", "shop/admin/static/dist"),
        ),
        (
            "",
            {
                "package.json": package("webpack --config bundler/production.js"),
                "bundler/production.js": "const { merge } = require('webpack-merge');\nmerge(require('./common'))",
                "bundler/common.js": "output: { path: path.resolve(__dirname, '../shop/static/bundles/') }",
            },
            ("shop/static/bundles",),
        ),
        (
            "",
            {
                "package.json": json.dumps(
                    {
                        "scripts": {
                            "build": "npm run js && npm run css",
                            "js": "rollup -c",
                            "css": "sass a.scss -o b.css",
                        }
                    }
                ),
                "rollup.config.mjs": "output: { format: 'iife', file: 'shop/static/bundle.js' }",
            },
            ("shop/static/bundle.js", "b.css"),
        ),
        ("", {"package.json": package(devDependencies=VITE), "vite.config.js": "build: { outDir: PLACES.dist }"}, ()),
        (
            "",
            {
                "package.json": package("webpack", devDependencies={"webpack": "5"}),
                "webpack.config.js": "output: { filename: 'a', path: place }",
            },
            (),
        ),
    ],
)
def test_outputs_are_those_that_the_build_is_configured_for(
    tmp_path: Path, directory: str, files: Mapping[str, str], outputs: tuple[str, ...]
) -> None:
    [found] = find_front_ends(tree(tmp_path, files))
    assert (found.directory, found.outputs) == (directory, outputs)


@pytest.mark.parametrize(
    ("files", "named", "manager", "tool"),
    [
        ({"package-lock.json": ""}, None, "npm", ""),
        ({"package-lock.json": ""}, "npm@10.8.2", "npm", ""),
        ({"yarn.lock": "# yarn lockfile v1\n"}, None, "yarn", "yarn@1"),
        ({"yarn.lock": "# yarn lockfile v1\n"}, "yarn@1.22.22+sha512.abc", "yarn", "yarn@1.22.22"),
        ({"yarn.lock": "__metadata:\n  version: 8\n"}, None, "yarn", "@yarnpkg/cli-dist@4"),
        ({"yarn.lock": "__metadata:\n  version: 6\n"}, None, "yarn", "@yarnpkg/cli-dist@3"),
        ({"yarn.lock": "__metadata:\n  version: 8\n"}, "yarn@4.5.0", "yarn", "@yarnpkg/cli-dist@4.5.0"),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, None, "pnpm", "pnpm@9"),
        ({"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, None, "pnpm", "pnpm@8"),
        ({"pnpm-lock.yaml": "lockfileVersion: 5.4\n"}, None, "pnpm", "pnpm@7"),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, "pnpm@10.1.0", "pnpm", "pnpm@10.1.0"),
        ({"pnpm-lock.yaml": ""}, "pnpm@9; rm -r /", "pnpm", "pnpm@9"),
        ({"bun.lock": ""}, None, "bun", ""),
        ({}, None, "npm", ""),
    ],
)
def test_manager_is_that_of_the_lock(
    tmp_path: Path, files: Mapping[str, str], named: str | None, manager: str, tool: str
) -> None:
    [found] = find_front_ends(tree(tmp_path, {"package.json": package(packageManager=named), **files}))
    assert (found.manager, found.tool) == (manager, tool)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "\0", '{"scripts": []}', '{"scripts": {"build": 1}}', '{"scripts": {"test": "x"}}', "[" * 99999],
)
def test_package_without_a_build_is_no_front_end(tmp_path: Path, text: str) -> None:
    assert find_front_ends(tree(tmp_path, {"package.json": text})) == []


@pytest.mark.parametrize(
    ("files", "is_unbuilt"),
    [
        ({"app.py": "Flask(static_folder='ui/dist')"}, True),
        ({"app.py": 'DIST = BASE / "ui" / "dist"'}, True),
        ({"app.py": "x = 1"}, False),
        ({"app.py": "shutil.rmtree('dist')"}, False),
        ({"tests/test_app.py": "x = 'ui/dist'"}, False),
        ({"app.py": "Flask(static_folder='ui/dist')", "ui/dist/index.html": ""}, False),
    ],
)
def test_front_end_is_unbuilt_when_the_code_uses_what_is_not_there(
    tmp_path: Path, files: Mapping[str, str], is_unbuilt: bool
) -> None:
    found = tree(tmp_path, {"ui/package.json": package(devDependencies=VITE), **files})
    assert (find_unbuilt(find_front_ends(found), found) is not None) is is_unbuilt


def test_front_end_is_used_when_it_writes_into_static_files_of_the_code(tmp_path: Path) -> None:
    text = package("esbuild a.js --outdir=shop/static/dist")
    found = tree(tmp_path, {"package.json": text, "shop/__init__.py": "", "shop/static/logo.svg": ""})
    assert find_unbuilt(find_front_ends(found), found) is not None
