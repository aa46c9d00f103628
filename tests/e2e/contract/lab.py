"""A container that stays up, in which the entrypoint runs again and again: quick, but not as PID 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grocker.runner.contract import codec, names, spec
from tests.e2e.contract.engine import RUNNER, Container, Done, Engine, Folders, variables

INSIDE = Path(__file__).parent / "inside"
"""Modules that run in the container, mounted there below ``/inside``."""
_RESET = """
kill -KILL -1
for place in /tmp /var/tmp /dev/shm /home/blue /media /scripts; do rm -rf $place/* $place/.[!.]*; done
cp -a /root/home/. /home/blue
"""


@dataclass(frozen=True, slots=True)
class Lab(Container):
    """The container, with the folders and the ``image.json`` that are mounted into it."""

    folders: Folders
    document: Path
    original: bytes
    """``image.json`` as the image has it"""

    def run(
        self,
        *arguments: str,
        options: Sequence[str] = (),
        stdin: str | None = None,
        given: Mapping[str, str] | None = None,
        shell: str = "",
        user: str = "",
    ) -> Done:
        """Run the entrypoint with the environment variables ``given``, as ``user``.

        ``shell``: commands that run before it in the same process, to set limits and the like.
        """
        options = [*options, *variables(given or {}), *(["--user", user] if user else [])]
        line: tuple[str, ...] = (RUNNER, "run", *arguments)
        if shell:
            line = ("sh", "-c", f'{shell}; exec "$0" "$@"', *line)
        if user:
            self._forget()
        done = self.exec(*line, options=options, stdin=stdin or None)
        if user:
            self._forget()
        return done

    def _forget(self) -> None:
        """Remove what one user has prepared: it is not another's."""
        self.exec("sh", "-c", "rm -rf /tmp/.grocker-*", options=["--user", "0"])

    def python(self, script: str, *arguments: str, root: bool = False) -> str:
        """Run a module of ``inside``; what it printed."""
        done = self.inside(script, *arguments, root=root)
        assert done.status == 0, done
        return done.out

    def inside(self, script: str, *arguments: str, root: bool = False) -> Done:
        """Run a module of ``inside``."""
        options = ["--workdir", "/inside", *(["--user", "0"] if root else [])]
        return self.exec("/usr/bin/python3", "-m", f"tests.e2e.contract.inside.{script}", *arguments, options=options)

    def services(self, table: Mapping[str, spec.Service]) -> None:
        """Replace the image's services, until the end of the test."""
        image = codec.decode(self.original)
        fields = {name: getattr(image, name) for name in spec.Spec.__annotations__}
        self.document.write_bytes(codec.encode(spec.Spec(**{**fields, "services": dict(table)})))

    def crontab(self, text: str | bytes) -> None:
        """Make this the operator's crontab, until the end of the test."""
        path = self.folders.config / "crontab"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)

    def reset(self) -> None:
        """Kill what runs, and make every folder what it was at the start."""
        done = self.exec("sh", "-c", _RESET, options=["--user", "0"])
        assert done.status == 0, done.err
        self.folders.empty()
        self.document.write_bytes(self.original)  # in place: the file itself is mounted


@contextmanager
def started(engine: Engine, place: Path, options: Sequence[str]) -> Iterator[Lab]:
    """Start a lab with further ``options`` of ``run``; its folders are made in ``place``."""
    folders = Folders(place / "host").make()
    document = place / "image.json"
    document.write_text(engine.run(names.IMAGE_JSON, options=["--entrypoint", "cat"]).out)
    document.chmod(0o644)
    mounts = [
        *folders.options,
        *("--volume", f"{document}:{names.IMAGE_JSON}:ro"),
        *("--volume", f"{INSIDE}:/inside/tests/e2e/contract/inside:ro"),
    ]
    with engine.started("infinity", options=[*mounts, *options, "--entrypoint", "sleep"]) as container:
        container.exec("cp", "-a", "/home/blue", "/root/home", options=["--user", "0"])
        yield Lab(container.engine, container.name, folders, document, document.read_bytes())
