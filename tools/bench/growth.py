"""How a rebuild grows: ``python -m tools.bench --growth [--rounds 7] [--write]``.

One line of a module changes and the image is pushed, for projects that differ in one thing: how many dependencies they
have, how large their wheels are, how many files lie in the tree, how large its data is. All projects are copies of
examples/polls; what they have besides is made up. No engine is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.support.wheels import make_wheel
from tools.bench.base import SUITE
from tools.bench.host import BenchError, free_port, run, wait_for
from tools.bench.project import Project, prepare
from tools.bench.registry import Registry
from tools.bench.report import Marks, markdown_table, ratios, spread
from tools.bench.rounds import Sample

LINE = "line"
GOAL = 1.2
"""of the time of the smallest one"""
MEMORY, MEMORY_LARGE = 120_000_000, 200_000_000
"""bytes of the largest process: of ordinary applications, with 2 GB of wheels"""
MARKS = Marks("<!-- growth: written by make bench BENCH='--growth --write' -->", "<!-- end of growth -->", "-growth")
_REAL = 6
"""dependencies of examples/polls with its server, and theirs"""
_BULK = 100_000_000
"""bytes of a large made-up wheel"""
_MEMBER = 10_000_000
"""bytes of a file in it"""
_DATA = 200_000_000
"""bytes of a large file of the application"""


@dataclass(frozen=True, slots=True)
class Shape:
    """A project."""

    name: str
    than: str
    """name of the one that it is compared with; empty if it is the smallest itself"""
    dependencies: int = _REAL
    bulk: int = 0
    """bytes of large wheels; those of examples/polls have 9 MB"""
    files: int = 100
    data: int = 0
    """bytes of one large file among the modules"""
    inside: bool = False
    """whether the files are in the package; else they lie beside it"""
    as_tree: bool = False
    """whether the source tree is built instead of the package"""

    @property
    def slug(self) -> str:
        """For names of directories and repositories."""
        return re.sub("[^a-z0-9]+", "-", self.name.lower()).strip("-")


SHAPES = (
    Shape("6 dependencies, 100 files", ""),
    Shape("60 dependencies", "6 dependencies, 100 files", dependencies=60),
    Shape("300 dependencies", "6 dependencies, 100 files", dependencies=300),
    Shape("50 MB of wheels", "", bulk=41_000_000),
    Shape("2 GB of wheels", "50 MB of wheels", bulk=2_000_000_000),
    Shape("50,000 files beside the package", "6 dependencies, 100 files", files=50_000),
    Shape("50,000 files in the package", "6 dependencies, 100 files", files=50_000, inside=True),
    Shape("200 MB of data in the package", "6 dependencies, 100 files", data=_DATA),
    Shape("tree of 100 files", "", as_tree=True),
    Shape("tree of 50,000 files", "tree of 100 files", files=50_000, as_tree=True),
    Shape("tree with 200 MB of data", "tree of 100 files", data=_DATA, as_tree=True),
)


@dataclass(slots=True)
class Growth:
    """The rounds."""

    place: Path
    """an empty directory"""
    registry: Registry
    environ: Mapping[str, str]
    program: Path
    """Grocker"""
    source: Path
    """examples/polls"""
    say: Callable[[str], None]
    shapes: Sequence[Shape] = SHAPES
    samples: list[Sample] = field(default_factory=list)
    cold: dict[str, int] = field(default_factory=dict)
    """bytes of the largest process that is not uv's when all is made, by shape"""
    peaks: dict[str, int] = field(default_factory=dict)
    """bytes of the largest process that makes and pushes a line"""

    def run(self, rounds: int) -> None:
        """Make the projects and their first images, and time ``rounds``."""
        with index(self.place / "index", self.shapes) as address:
            environ = {**self.environ, "UV_INDEX": address, "UV_INSECURE_HOST": "127.0.0.1"}
            projects = {shape: self._prepare(shape, environ) for shape in self.shapes}
            for shape, project in projects.items():
                self.say(f"{shape.name}: the first image")
                self.cold[shape.name] = self._push(shape, project, environ, is_sampled=True)["peak"]
            for number in range(-1, rounds + 1):  # two to warm up: files that are new are read again
                began = time.monotonic()
                first = number % len(self.shapes)
                for shape in (*self.shapes[first:], *self.shapes[:first]):
                    self._time(shape, projects[shape], number, environ)
                self.say(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s")
                if number <= 0:
                    self.samples.clear()
                    self.peaks.clear()

    def _prepare(self, shape: Shape, environ: Mapping[str, str]) -> Project:
        self.say(f"{shape.name}: making the project")
        names = [*(f"small-{n}" for n in range(shape.dependencies - _REAL)), *_bulk_names(shape)]
        directory = self.place / shape.slug / "polls"
        project = prepare(self.source, directory, environ, cache=self.place / "uv", more=names)
        for root in (project.directory, project.tree):
            _write_files(root / ("src/polls_site/grown" if shape.inside else "grown"), shape.files)
            if shape.data:
                _write_data(root / "src/polls_site/model.bin", shape.data)
            run(["git", "init", "--quiet", root])
            run(["git", "-C", root, "add", "--all"])
        return project

    def _time(self, shape: Shape, project: Project, number: int, environ: Mapping[str, str]) -> None:
        # No two shapes push the same layer: a registry keeps it once.
        project.change_line((number + 1) * len(self.shapes) + self.shapes.index(shape))
        os.sync()
        held = self.registry.held()
        used = self._push(shape, project, environ)
        pushed = self.registry.held() - held
        self.samples.append(Sample(LINE, shape.name, number, 0, used["seconds"], used["processor"], pushed))
        self.peaks[shape.name] = max(self.peaks.get(shape.name, 0), used["peak"])

    def _push(
        self, shape: Shape, project: Project, environ: Mapping[str, str], *, is_sampled: bool = False
    ) -> dict[str, int]:
        """Build and push; what that used. Raises BenchError."""
        directory = project.tree if shape.as_tree else project.directory
        name = f"{self.registry.address}/{shape.slug}:1"
        command = [self.program, "build", directory, "--debian", SUITE, "--push", "--tag", name]
        helper = [sys.executable, "-IS", Path(__file__).with_name("usage.py"), "1" if is_sampled else "0"]
        done = subprocess.run(
            [str(word) for word in (*helper, *command)],
            env={**environ, "GROCKER_CACHE": str(self.place / shape.slug / "cache")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"{shape.name}: exit status {done.returncode}\n{done.stderr}")
        found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return found


def _bulk_names(shape: Shape) -> list[str]:
    """Return the names of the large wheels: equal parts of at most ``_BULK`` bytes."""
    return [f"bulk-{size}-{number}" for number, size in enumerate(_bulk_sizes(shape.bulk))]


def _bulk_sizes(total: int) -> list[int]:
    count = -(-total // _BULK)
    return [total // count] * count if count else []


def _write_files(directory: Path, number: int) -> None:
    """Write so many files, a hundred in a directory: one in five is a module."""
    for one in range(number):
        parent = directory / f"d{one // 10_000}" / f"d{one // 100 % 100}"
        if one % 100 == 0:
            parent.mkdir(parents=True)
        is_module = one % 5 == 0
        text = f"def found(value):\n    return value + {one}\n" * 10 if is_module else f'{{"number": {one}}}\n' * 20
        (parent / f"f{one}.{'py' if is_module else 'json'}").write_text(text)


def _write_data(path: Path, size: int) -> None:
    """Write a file that nothing compresses, as models are."""
    source = random.Random(size)
    with path.open("wb") as stream:
        for start in range(0, size, _MEMBER):
            stream.write(source.randbytes(min(_MEMBER, size - start)))


@contextmanager
def index(directory: Path, shapes: Sequence[Shape]) -> Iterator[str]:
    """Make the wheels, and serve them as static pages (simple repository API, HTML); the index's address."""
    files = directory / "files"
    files.mkdir(parents=True)
    small = max(shape.dependencies for shape in shapes) - _REAL
    for number in range(small):
        name = f"small_{number}"
        texts = {f"{name}/m{one}.py": f"def found(value):\n    return {one}\n" * 50 for one in range(10)}
        make_wheel(files, f"small-{number}", files={f"{name}/__init__.py": "", **texts})
    for bulk in sorted({shape.bulk for shape in shapes}):
        for number, size in enumerate(_bulk_sizes(bulk)):
            name = f"bulk_{size}_{number}"
            source = random.Random(number)  # which nothing compresses
            sizes = [min(_MEMBER, size - start) for start in range(0, size, _MEMBER)]
            parts = {f"{name}/part{number}.bin": source.randbytes(one) for number, one in enumerate(sizes)}
            make_wheel(files, name.replace("_", "-"), files=parts, compression=zipfile.ZIP_STORED)
    for path in sorted(files.glob("*.whl")):
        _write_page(directory, path)
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(directory)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"127.0.0.1:{port}", server, "the index")
        yield f"http://127.0.0.1:{port}/simple"
    finally:
        server.terminate()
        server.wait()


def _write_page(directory: Path, wheel: Path) -> None:
    """Write the page of a project with one wheel, and the wheel's metadata beside it (PEP 658)."""
    stem, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{stem}-{version}.dist-info/METADATA")
    wheel.with_name(f"{wheel.name}.metadata").write_bytes(metadata)
    with wheel.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    page = directory / "simple" / stem.replace("_", "-") / "index.html"
    page.parent.mkdir(parents=True)
    about = f"sha256={hashlib.sha256(metadata).hexdigest()}"
    link = f'href="../../files/{wheel.name}#sha256={digest}" data-core-metadata="{about}"'
    page.write_text(f"<!DOCTYPE html><a {link}>{wheel.name}</a>")


def tables(growth: Growth, about: Mapping[str, str]) -> str:
    """Markdown: what was measured where, times, ratios and goals, memory."""
    lines = [f"- {name}: {text}" for name, text in about.items()]
    lines += ["", "One line changed, and pushed: seconds and seconds of processor time, median (least – most), and"]
    lines += ["the median of the ratios of pairs, or the ratio of the medians:", ""]
    rows = []
    for shape in growth.shapes:
        own = [one for one in growth.samples if one.side == shape.name]
        pushed = median(one.pushed or 0 for one in own)
        rows.append(
            [
                shape.name,
                _spread([one.seconds for one in own]),
                _share(growth, shape),
                _spread([one.processor for one in own]),
                _processor_share(growth, shape),
                f"{pushed / 1e3:.1f} kB",
            ]
        )
    lines += markdown_table(["", "seconds", "of the smallest", "processor", "of the smallest", "pushed"], rows)
    lines += ["", "Largest process:", ""]
    lines += markdown_table(
        ["", "one line", "first build, without uv"],
        [[one.name, _memory(growth.peaks, one), _memory(growth.cold, one)] for one in growth.shapes],
    )
    return "\n".join(lines) + "\n"


def _spread(found: Sequence[float]) -> str:
    return f"{median(found):.2f} ({min(found):.2f} – {max(found):.2f})"


def _share(growth: Growth, shape: Shape) -> str:
    if not shape.than:
        return ""
    found = ratios(growth.samples, LINE, shape.name, shape.than)
    return f"{spread(found)}; goal ≤ {GOAL}: {'met' if median(found) <= GOAL else '**missed**'}"


def _processor_share(growth: Growth, shape: Shape) -> str:
    """Write the ratio of medians of processor time, which changes less with what else the machine does."""
    if not shape.than:
        return ""
    own, other = (
        median(one.processor for one in growth.samples if one.side == name) for name in (shape.name, shape.than)
    )
    return f"{own / other:.2f} ×"


def _memory(peaks: Mapping[str, int], shape: Shape) -> str:
    most = MEMORY_LARGE if shape.bulk > _BULK else MEMORY
    peak = peaks[shape.name]
    return f"{peak / 1e6:.0f} MB; goal ≤ {most / 1e6:.0f}: {'met' if peak <= most else '**missed**'}"
