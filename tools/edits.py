"""Edit projects at random, and compare each incremental build with one that starts with an empty cache.

    python -m tools.edits [--edits 2000] [--kind tree] [--seed 7]

Projects, archive and index are made up (tests/incremental); nothing is fetched. Every hundred edits a new project is
begun. The seed is random and printed; the same seed repeats the run. At the first image that differs, the exit status
is 1, the edits that led to it are printed, and the project and both caches are kept for inspection.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_PROJECT = 100
"""edits of one project"""


def main(arguments: Sequence[str]) -> int:
    from tests.incremental.project import KINDS
    from tests.incremental.run import edit_at_random

    parser = argparse.ArgumentParser(description="Edit projects at random, and compare builds with an empty cache's.")
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args(arguments)
    counts: Counter[str] = Counter()
    done = 0
    while done < given.edits:
        number = done // _PROJECT
        kind, seed = given.kind or KINDS[number % len(KINDS)], given.seed + number
        place = Path(tempfile.mkdtemp(prefix="grocker-edits."))
        edits = min(_PROJECT, given.edits - done)
        run = edit_at_random(place / "run", kind, edits=edits, seed=seed)
        counts += run.counts
        done += len(run.done)
        repeated = f"python -m tools.edits --edits {edits} --kind {kind} --seed {seed}"
        if run.failures:
            print("\n".join((*run.done, "", *run.failures)), file=sys.stderr)
            print(f"FAILED after {done} edits, see {place}; again: {repeated}")
            return 1
        shutil.rmtree(place)
        print(f"{done} edits; the last {edits}: {repeated}", file=sys.stderr, flush=True)
    failed = sum(counts.values()) - counts["made"] - counts["replayed"]
    print(
        f"{done} edits from seed {given.seed}: {counts['made']} built, {counts['replayed']} changed nothing,"
        f" {failed} refused; every image was that of an empty cache"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
