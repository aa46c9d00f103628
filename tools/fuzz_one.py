"""Fuzz one target in this process, which ends here (``tools/fuzz.py`` starts it)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "build" / "fuzz"
HANG = 20
"""seconds for one input"""
_INSTRUMENTED = ["grocker", "packaging", "tomllib", "configparser", "zipfile", "tarfile", "email"]


def main(name: str, seconds: int) -> None:
    import atheris

    # What parsers import on demand is instrumented too: the seeds are run before the block ends.
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.mutation import LONGEST
        from tests.fuzz.target import bounded_memory, find_fault, shrink
        from tests.fuzz.targets import TARGETS, read_corpus

        target = TARGETS[name]
        seeds = [*target.seeds(), *read_corpus(name).values()]
        for seed in seeds:
            find_fault(target, seed)
    place = PLACE / name
    corpus = place / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    (place / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if 0 < len(word) < 64))
    known: dict[str, int] = {}

    def try_input(data: bytes) -> None:
        finding = find_fault(target, data)
        if finding is not None and len(data) < known.get(finding.key, LONGEST + 1):
            known[finding.key] = len(data)
            path = place / "findings" / hashlib.sha256(finding.key.encode()).hexdigest()[:16]
            path.write_bytes(shrink(target, data, finding.key))
            path.with_suffix(".txt").write_text(f"{finding.key}\n{finding.details}", "utf-8")

    with bounded_memory():
        atheris.Setup(_arguments(place, seconds, LONGEST), try_input)
        atheris.Fuzz()


def _arguments(place: Path, seconds: int, longest: int) -> Sequence[str]:
    words = place / "words"
    return [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-timeout={HANG}",
        "-rss_limit_mb=0",  # bounded_memory
        f"-max_len={longest}",
        *([f"-dict={words}"] if words.stat().st_size else []),
        f"-artifact_prefix={place / 'findings'}/",
        "-print_final_stats=1",
        "-verbosity=1",
        str(place / "corpus"),
    ]


def _escaped(word: bytes) -> str:
    """A word of libFuzzer's dictionaries."""
    return "".join(chr(byte) if 32 < byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
