"""Bad input in what says which versions: requirement files, locks, repositories, groups."""

from __future__ import annotations

from tests.bad_input.case import Arrange, Case
from tests.support.repositories import commit
from tests.support.wheels import make_project, make_wheel
from tests.support.world import World

_PLAN = ("plan", "PROJECT")
_POETRY = (
    '[tool.poetry]\nname = "demo"\npackage-mode = false\n[tool.poetry.dependencies]\npython = "^3.11"\nlib = "^2.0"\n'
)
_LOCKED = '[[package]]\nname = "lib"\nversion = "1.0"\nfiles = []\n[metadata]\npython-versions = "^3.11"\n'
_PROJECT = '[project]\nname = "demo"\nversion = "1.0"\n'


def _tree(**texts: str) -> Arrange:
    """A source tree with files; in a name ``__`` is a slash and ``_`` a dot; ``PLACE`` is the world's directory."""

    def arrange(world: World) -> None:
        named = {name.replace("__", "/").replace("_", "."): text for name, text in texts.items()}
        world.write({"app.py": "app = 1\n"})
        world.write({name: text.replace("PLACE", str(world.place)) for name, text in named.items()})

    return arrange


def _requirements(text: str) -> Arrange:
    return _tree(requirements_txt=text)


def _repository(text: str) -> Arrange:
    """Requirements beside a repository ``lib``."""

    def arrange(world: World) -> None:
        make_project(world.place / "lib", name="lib")
        commit(world.place / "lib", {})
        _requirements(text)(world)

    return arrange


def _index(arrange: Arrange) -> Arrange:
    """The index has ``lib`` 1.0 and 2.0."""

    def arrange_all(world: World) -> None:
        for version in ("1.0", "2.0"):
            make_wheel(world.index.directory, "lib", version)
        arrange(world)

    return arrange_all


def _refuses(arrange: Arrange) -> Arrange:
    """The index demands a password that nobody knows."""

    def arrange_all(world: World) -> None:
        world.index.password = "unknown"
        arrange(world)

    return arrange_all


def _package_beside_a_lock(world: World) -> None:
    make_project(world.project, metadata="Requires-Dist: lib\n", pyproject='dynamic = ["dependencies"]\n')
    world.write({"Pipfile.lock": '{"default": {}}'})


_ROWS: tuple[tuple[str, str, int, tuple[str, ...], tuple[str, ...], Arrange], ...] = (
    (
        "requirements-include-themselves",
        "a requirement file that includes itself",
        78,
        ("requirements.txt includes itself",),
        ("remove that line",),
        _requirements("-r requirements.txt\n"),
    ),
    (
        "requirements-include-missing",
        "a requirement file that includes a missing one",
        78,
        ("gone.txt (included by requirements.txt)",),
        ("add the file",),
        _requirements("-r gone.txt\n"),
    ),
    (
        "requirements-missing",
        "a requirement file in the settings that is missing",
        78,
        ("no file 'deploy/web.txt'",),
        ("requirements in [tool.grocker]",),
        _tree(grocker_toml='requirements = ["deploy/web.txt"]\n'),
    ),
    (
        "requirements-option",
        "a requirement file with an unknown option",
        78,
        ("requirements.txt, line 1: unknown option '--nosuch'",),
        ("remove it",),
        _requirements("--nosuch\n"),
    ),
    (
        "requirements-variable",
        "a requirement file with a variable that is not set",
        78,
        ("the variable NOSUCH is not set",),
        ("export NOSUCH=",),
        _requirements("--index-url https://${NOSUCH}@example.invalid/simple\n"),
    ),
    (
        "requirements-hash",
        "a requirement whose hash does not match",
        65,
        ("lib-2.0-py3-none-any.whl with a sha256 that is not in the requirement files",),
        ("check the index",),
        _index(_requirements(f"lib==2.0 --hash=sha256:{'0' * 64}\n")),
    ),
    (
        "requirements-unhashed",
        "a requirement without a hash among others with one",
        78,
        ("lib has no hash",),
        ("--generate-hashes",),
        _index(_requirements(f"lib==2.0\nother==1 --hash=sha256:{'0' * 64}\n")),
    ),
    (
        "git-reference-gone",
        "a git reference that is gone",
        66,
        ("the repository has no branch, tag or commit 'gone'",),
        ("git ls-remote",),
        _repository("lib @ git+file://PLACE/lib@gone\n"),
    ),
    (
        "git-repository-gone",
        "a git repository that is gone",
        66,
        ("no such repository",),
        ("git ls-remote",),
        _requirements("lib @ git+file://PLACE/nowhere@main\n"),
    ),
    (
        "other-version-control",
        "a requirement from another version control system",
        78,
        ("the only supported version control system is git",),
        ("git+https",),
        _requirements("lib @ hg+https://example.invalid/lib\n"),
    ),
    (
        "directory-gone",
        "a path dependency that is missing",
        66,
        ("libs/lib does not exist",),
        ("fix its path",),
        _requirements("-e libs/lib\n"),
    ),
    (
        "index-refuses",
        "an index that refuses the credential",
        77,
        ("denies access",),
        ("UV_INDEX",),
        _refuses(_requirements("lib\n")),
    ),
    (
        "lock-hash",
        "a lock whose hash does not match",
        78,
        ("the index serves lib-2.0-py3-none-any.whl with a sha256 that differs from the lock",),
        ("poetry lock",),
        _index(
            _tree(
                pyproject_toml=_POETRY,
                poetry_lock=_LOCKED.replace("1.0", "2.0").replace(
                    "files = []", f'files = [{{file = "x.whl", hash = "sha256:{"0" * 64}"}}]'
                ),
            )
        ),
    ),
    (
        "lock-lacks",
        "a lock that lacks a requirement",
        78,
        ("pylock.toml: lib is required but not locked",),
        ("update the lock",),
        _tree(
            pyproject_toml=f'{_PROJECT}dependencies = ["lib"]\n',
            pylock_toml='lock-version = "1.0"\ncreated-by = "x"\npackages = []\n',
        ),
    ),
    (
        "lock-lacks-requirement-of-setup",
        "a lock that lacks what setup.py requires",
        78,
        ("Pipfile.lock: lib is required but not locked",),
        ("update the lock",),
        _package_beside_a_lock,
    ),
    (
        "lock-malformed",
        "a malformed lock",
        78,
        ("pylock.toml",),
        ("create the lock again",),
        _tree(pylock_toml='lock-version = "1.0"\n'),
    ),
    (
        "locks-several",
        "several locks of which none is named first",
        78,
        ("pylock.a.toml pins versions",),
        ("rename the one that counts to pylock.toml",),
        _tree(pyproject_toml=f"{_PROJECT}dependencies = []\n", pylock_a_toml="", pylock_b_toml=""),
    ),
    (
        "group-unknown",
        "an unknown dependency group",
        78,
        ("unknown dependency group 'nosuch'",),
        ("prod",),
        _tree(pyproject_toml=f'{_PROJECT}[dependency-groups]\nprod = []\n[tool.grocker]\ngroups = ["nosuch"]\n'),
    ),
    (
        "group-of-itself",
        "a dependency group that includes itself",
        78,
        ("prod includes itself",),
        ("[dependency-groups]",),
        _tree(
            pyproject_toml=f'{_PROJECT}[dependency-groups]\nprod = [{{include-group = "prod"}}]\n'
            '[tool.grocker]\ngroups = ["prod"]\n'
        ),
    ),
)
DEPENDENCIES = tuple(
    Case(name, what, status, words, hint, arrange, ("build", "PROJECT", "--output", "store"))
    for name, what, status, words, hint, arrange in _ROWS
)
