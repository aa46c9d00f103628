"""How the bench counts: pairs, medians, marks, and what its Dockerfiles get of the host."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from grocker.python import bytecode
from tests.architecture.source import ROOT
from tests.support.patience import PATIENCE
from tools.bench import growth, machines, report, sampled
from tools.bench.peers import with_copied
from tools.bench.profile import Profile, rows
from tools.bench.registry import Registry
from tools.bench.rounds import CASES, COLD, COLD_PUSH, DEPENDENCY, PUSH, Sample, Size
from tools.bench.sides import COPYING, INSTALLING, with_host

OURS, TREE = "Grocker", "Grocker, tree"


def samples() -> list[Sample]:
    """Two rounds of two turns: on the second turn everything takes ten times as long, as on a busy machine."""
    found = []
    for case in CASES:
        for number in (1, 2):
            for turn in (0, 1):
                for side, seconds in ((OURS, 1.0), (TREE, 0.8), (COPYING, 4.0), (INSTALLING, 2.0)):
                    pushed = 1000 if case in (PUSH, DEPENDENCY) else None
                    found.append(Sample(case, side, number, turn, seconds * 10**turn, 0.5, pushed))
    return found


def sizes() -> list[Size]:
    own = [Size(side, 30_000_000, 90_000_000, 1, 27_000_000) for side in (OURS, TREE)]
    return [*own, *(Size(side, 60_000_000, 1, 1) for side in (COPYING, INSTALLING))]


def profiles() -> list[Profile]:
    found = []
    for side in (OURS, TREE):
        for case, seconds in ((COLD_PUSH, 5.0), (PUSH, 0.2), (DEPENDENCY, 1.0)):
            imports = {"imports": 1.0 if case == COLD_PUSH else seconds / 2}
            found += [Profile(case, side, seconds, {**imports, "layers": 0.01 * seconds})] * 3
    return found


def test_profile_has_a_row_for_what_takes_a_fiftieth_and_the_rest_in_one() -> None:
    assert rows(profiles(), [(COLD_PUSH, OURS), (PUSH, OURS)]) == [
        ["seconds", "5.00", "0.20"],
        ["imports", "20 %", "50 %"],
        ["the rest", "80 %", "50 %"],
    ]


def test_threads_are_looked_at_until_grocker_exits(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "BENCH_SAMPLES": str(tmp_path / "samples")}
    command = [sys.executable, str(ROOT / "tools/bench/sampled.py"), "inspect", "archive:/nowhere"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert "/nowhere" in done.stderr and done.returncode == 66, done
    found = json.loads((tmp_path / "samples").read_bytes())
    assert found["doing"]["imports"] > 0
    assert 0 < found["began"] < time.time()


def test_waits_of_our_own_have_the_names_that_the_profile_knows() -> None:
    assert hasattr(bytecode._Process, "_answer")
    assert ("bytecode.py", "_answer") in sampled._WAITING


def test_ratios_are_of_pairs_when_times_vary() -> None:
    assert report.ratios(samples(), COLD, OURS, COPYING) == [0.25] * 4
    assert report.ratios(samples(), COLD, OURS, INSTALLING) == [0.5] * 4


def test_tables_say_which_goals_are_missed() -> None:
    text = report.tables(samples(), sizes(), {"machine": "a test"}, profiles())
    assert "| imports | 20 % | 50 % | 50 % | 20 % | 50 % | 50 % |" in text
    cold = next(line for line in text.splitlines() if line.startswith("| cold") and "×" in line)
    assert cold.count("goal ≤ 0.7: met") == 2
    package, tree = (
        line for line in text.splitlines() if line.startswith("| one line changed, and pushed") and "×" in line
    )
    assert "0.25 × (0.25 – 0.25); goal ≤ 0.8: met" in package
    assert "0.50 × (0.50 – 0.50); goal ≤ 0.15: **missed**" in package
    assert "0.20 × (0.20 – 0.20); goal ≤ 0.8: met" in tree
    assert "0.40 × (0.40 – 0.40); goal ≤ 0.15: **missed**" in tree
    assert "| compressed size | 0.50 ×; goal ≤ 0.5: met |" in text
    assert "| compressed size, ours by zstd | 0.45 ×; goal ≤ 0.42: **missed** |" in text
    assert "| image, compressed by zstd | 27.0 MB | 27.0 MB | – | – |" in text


def test_plain_has_every_sample() -> None:
    data = json.loads(report.plain(samples(), sizes(), {"machine": "a test"}))
    assert len(data["samples"]) == len(samples())
    assert dict(zip(data["columns"], data["samples"][0], strict=True))["side"] == OURS
    assert [one["side"] for one in data["sizes"]] == [OURS, TREE, COPYING, INSTALLING]


@pytest.mark.parametrize("marks", [report.MARKS, machines.MARKS, growth.MARKS], ids=lambda marks: marks.suffix)
def test_page_has_a_place_for_figures(marks: report.Marks) -> None:
    page = (ROOT / "docs/explanation/benchmarks.md").read_text("utf-8")
    once = report.insert(page, "what was measured\n", marks)
    assert once.count("what was measured\n") == 1
    assert report.insert(once, "what was measured\n", marks) == once
    before, after = page.partition(marks.begin)[0], page.partition(marks.end)[2]
    assert once.startswith(before) and once.endswith(after)


def test_insert_refuses_a_page_without_marks() -> None:
    with pytest.raises(ValueError, match="no place"):
        report.insert("a page", "figures", report.MARKS)


@pytest.mark.parametrize("name", ["copy", "split"])
def test_dockerfiles_get_the_host_in_the_steps_that_fetch_and_in_no_other(name: str) -> None:
    text = (ROOT / "tools" / "bench" / f"Dockerfile.{name}").read_text("utf-8")
    changed = with_host(text, name)
    fetching = text.count("RUN --mount=type=cache")
    assert fetching == (2 if name == "copy" else 3)
    assert changed.count("--mount=type=secret,id=host") == changed.count(". /run/secrets/host && ") == fetching
    assert "RUN useradd" in changed
    undone = changed.replace("--mount=type=secret,id=host --mount=type=secret,id=bundle ", "")
    undone = undone.replace(". /run/secrets/host && ", "").replace(f"ENV BENCH={name}\n", "")
    assert undone == text


def test_copied_files_replace_mounted_ones() -> None:
    text = (ROOT / "tools" / "bench" / "Dockerfile.split").read_text("utf-8")
    changed = with_copied(text)
    assert "type=bind" not in changed
    assert changed.count("COPY pyproject.toml uv.lock /app/src/\n") == 1
    assert "--mount=type=cache,target=/root/.cache/uv \\\n    /opt/uv/bin/uv sync --locked" in changed


def test_registry_holds_what_its_blobs_weigh(tmp_path: Path) -> None:
    registry = Registry("127.0.0.1:1", tmp_path)
    assert registry.held() == 0
    for digest, size in (("aa1", 10), ("bb2", 5)):
        blob = tmp_path / "docker/registry/v2/blobs/sha256" / digest[:2] / digest
        blob.mkdir(parents=True)
        (blob / "data").write_bytes(bytes(size))
    assert registry.held() == 15


def test_growth_is_told_as_a_share_of_the_smallest(tmp_path: Path) -> None:
    shapes = (
        growth.Shape("small", ""),
        growth.Shape("large", "small", dependencies=300),
        growth.Shape("heavy", "small", bulk=2_000_000_000),
    )
    found = growth.Growth(tmp_path, Registry("127.0.0.1:1", tmp_path), {}, tmp_path, tmp_path, print, shapes)
    for number in (1, 2):
        for shape, seconds in zip(shapes, (0.5, 0.6, 1.0), strict=True):
            busy = seconds * 10**number
            found.samples.append(Sample(growth.LINE, shape.name, number, 0, busy, 0.3, 15_000))
    found.peaks = {"small": 60_000_000, "large": 130_000_000, "heavy": 190_000_000}
    found.cold = {"small": 110_000_000, "large": 110_000_000, "heavy": 500_000_000}
    lines = {line.split(" |")[0]: line for line in growth.tables(found, {"machine": "a test"}).splitlines()[::-1]}
    assert "1.20 × (1.20 – 1.20); goal ≤ 1.2: met | 0.30 (0.30 – 0.30) | 1.00 × | 15.0 kB" in lines["| large"]
    assert "2.00 × (2.00 – 2.00); goal ≤ 1.2: **missed**" in lines["| heavy"]
    memory = [line for line in growth.tables(found, {}).splitlines() if "MB" in line]
    assert memory[1:] == [
        "| large | 130 MB; goal ≤ 120: **missed** | 110 MB; goal ≤ 120: met |",
        "| heavy | 190 MB; goal ≤ 200: met | 500 MB; goal ≤ 200: **missed** |",
    ]


def test_index_of_made_up_wheels_names_them_with_their_hashes(tmp_path: Path) -> None:
    shapes = (growth.Shape("one", "", dependencies=7, bulk=1000),)
    with growth.index(tmp_path / "index", shapes) as address:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{address}/bulk-1000-0/", timeout=PATIENCE) as answer:
            page = answer.read().decode()
        with direct.open(f"{address}/small-0/", timeout=PATIENCE) as answer:
            assert "small_0-1.0-py3-none-any.whl#sha256=" in answer.read().decode()
    wheel = tmp_path / "index/files/bulk_1000_0-1.0-py3-none-any.whl"
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in page
    assert hashlib.sha256(wheel.with_name(f"{wheel.name}.metadata").read_bytes()).hexdigest() in page


def test_usage_is_of_the_command_and_its_children() -> None:
    helper = ROOT / "tools/bench/usage.py"
    program = "import subprocess, sys; x = b'x' * 50_000_000; subprocess.run([sys.executable, '-c', 'print(1)'])"
    command = [sys.executable, "-IS", str(helper), "0", sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    used = json.loads(said[-1])
    assert said[0] == "1"
    assert used["peak"] > 50_000_000
    assert used["processor"] > 0
