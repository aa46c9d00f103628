"""Run command lines of Grocker in processes that are forked from one that has its modules already.

Each is a process of its own, as a user starts it, but for the half second of imports. It trusts the signers of a
made-up archive (``tests.support.made_up``), and its clock and the times of its files can be made to differ.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from grocker.platforms.suites import Signer
from tests.architecture.source import ROOT
from tests.support.world import Outcome

_FAT = 2_000_000_000
"""nanoseconds: the coarsest times of a file system in use"""
_TIMES = ("st_atime", "st_mtime", "st_ctime")


class Forks:
    """The process that is forked, and a directory for what its children print."""

    def __init__(self, process: subprocess.Popen[bytes], place: Path) -> None:
        self._process = process
        self._place = place

    def run(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        directory: Path,
        *,
        ahead: float = 0,
        is_coarse: bool = False,
    ) -> Outcome:
        """Run ``grocker`` with these arguments in a process of its own.

        ``ahead``: seconds that its clock is ahead of that of the files, which are older for it than they are.
        ``is_coarse``: files have times of whole two seconds, as on FAT, and by its own clock, so that they are as young
        as they are.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        outputs = [str(self._place / name) for name in ("stdout", "stderr")]
        request = [list(arguments), dict(environ), str(directory), outputs, ahead, is_coarse]
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        status = int(stdout.readline())
        return Outcome(status, *(Path(one).read_text("utf-8", "replace") for one in outputs))


@contextmanager
def forks(place: Path, signers: Mapping[str, Sequence[Signer]], *preparations: str) -> Iterator[Forks]:
    """Start the process; it ends with the block. ``place``: an empty directory, which is made.

    ``preparations``: modules whose function ``prepare`` is called in it, once.
    """
    place.mkdir()
    (place / "signers").write_bytes(pickle.dumps(signers))
    command = [sys.executable, "-m", "tests.support.forked", str(place / "signers"), *preparations]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Forks(process, place)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    path, *preparations = sys.argv[1:]
    for module in pkgutil.walk_packages([str(ROOT / "src/grocker")], "grocker."):
        # The runner belongs into the image; the others are programs.
        if not module.name.startswith("grocker.runner.") and not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)
    for name in preparations:
        importlib.import_module(name).prepare()
    answers = os.fdopen(os.dup(1), "wb")
    for line in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            _run(path, *json.loads(line))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
        answers.flush()


def _run(
    signers: str,
    arguments: list[str],
    environ: dict[str, str],
    directory: str,
    outputs: list[str],
    ahead: float,
    is_coarse: bool,
) -> None:
    from tests.support import made_up

    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    for number, path in enumerate(("/dev/null", *outputs)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    if ahead:
        now = time.time
        time.time = lambda: now() + ahead
    if is_coarse:
        _coarsen(ahead)
    sys.argv = ["grocker", signers, *arguments]
    made_up.main()
    os._exit(70)  # main never returns


def _coarsen(ahead: float) -> None:
    real, more = os.stat, int(ahead * 1e9)

    def stat(path: int | str | os.PathLike[str], **how: object) -> os.stat_result:
        found = real(path, **how)  # type: ignore[arg-type]
        times: dict[str, float] = {}
        for name in _TIMES:
            rounded = (getattr(found, f"{name}_ns") + more) // _FAT * _FAT
            times |= {name: rounded / 1e9, f"{name}_ns": rounded}
        return os.stat_result(tuple(found), times)

    os.stat = stat  # type: ignore[assignment]
    os.lstat = lambda path, **how: stat(path, follow_symlinks=False, **how)


if __name__ == "__main__":
    _serve()
