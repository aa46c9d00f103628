"""Hooks of every test run: what a test needs of its host, who runs beside whom, and no way out of the machine.

A test whose host lacks what one of the markers in ``_LACKS`` needs is skipped, and the end of the run says which and
why. Where ``CI`` is set, or ``GROCKER_TEST_REQUIRE`` names it (``docker,podman,rootless,network,root,browser``), the
test fails instead.

Tests run side by side, in several processes (``tests.support.side_by_side``), except those marked ``alone``. What fails
has failed, except what is marked ``quarantine`` (``tests.support.quarantine``).
"""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socketserver
import subprocess
import sys
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import quarantine, rootless, side_by_side, tiers
from tests.support.struct_types import keep_struct_types


def _answers(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)} does not answer"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return ""


def _lacks_docker() -> str:
    return _answers("docker", "version", "--format", "{{.Server.Version}}")


def _lacks_podman() -> str:
    return _answers("podman", "info", "--format", "{{.Version.Version}}")


def _lacks_network() -> str:
    asked = subprocess.run(
        [sys.executable, "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"],
        capture_output=True,
        text=True,
        check=False,
    )
    set_up = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or set_up.stdout.strip() or asked.stdout.strip()
    try:
        with urllib.request.urlopen(index.rstrip("/") + "/pip/", timeout=20):
            return ""
    except (OSError, ValueError) as error:
        return f"the package index does not answer: {getattr(error, 'reason', error)}"


def _lacks_browser() -> str:
    return _answers("chromium", "--version")


def _lacks_root() -> str:
    return "" if os.geteuid() == 0 else "the tests run as an unprivileged user"


def _lacks_rootless() -> str:
    """What an ordinary user needs for podman. The tests make the user, so they run as root."""
    absent = rootless.lacks(("podman", "newuidmap", "newgidmap", "slirp4netns", "useradd", "setpriv", "nsenter"))
    if absent:
        return f"not installed: {', '.join(absent)}"
    if not rootless.TUN.exists():
        return f"there is no {rootless.TUN}"
    nobody = rootless.launcher(65534, groups="--clear-groups")
    return _lacks_root() or _answers(*nobody, "unshare", "--user", "--map-root-user", "--mount", "--net", "true")


_LACKS: dict[str, Callable[[], str]] = {
    "docker": _lacks_docker,
    "podman": _lacks_podman,
    "rootless": _lacks_rootless,
    "network": _lacks_network,
    "root": _lacks_root,
    "browser": _lacks_browser,
}
_found: dict[str, str] = {}
_end: list[Callable[[], None]] = []


def _required() -> frozenset[str]:
    named = os.environ.get("GROCKER_TEST_REQUIRE")
    if named is not None:
        return frozenset(name.strip() for name in named.split(",") if name.strip())
    return frozenset(_LACKS) if os.environ.get("CI") else frozenset()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden and tests/costs anew (make golden)"
    )


def pytest_configure(config: pytest.Config) -> None:
    unknown = _required() - set(_LACKS)
    if unknown:
        raise pytest.UsageError(f"GROCKER_TEST_REQUIRE: unknown: {', '.join(sorted(unknown))}")
    config.pluginmanager.register(quarantine, "quarantine")
    # A shell makes its background jobs ignore these, and every program that a test starts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _end.append(side_by_side.begin())


def pytest_unconfigure() -> None:
    while _end:
        _end.pop()()
    keep_struct_types()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the cycle collector thousands of tests, which stay to the end: each of its runs would go through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if tiers.is_skipped(collection_path, config.option.markexpr) else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    config.stash[tiers.NAMELESS] = tiers.find_nameless(items)
    yield
    side_by_side.arrange(items)  # once the others are deselected


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return side_by_side.scheduler(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside pytest-timeout: waiting for a turn does not count
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if quarantine.is_second_try(item):  # within the first try, which has the turn
        return (yield)
    with side_by_side.turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, lacks in _LACKS.items():
        if item.get_closest_marker(name) is None:
            continue
        if name not in _found:
            _found[name] = side_by_side.once(f"lacks-{name}", lacks)
        reason = _found[name]
        if reason:
            if name in _required():
                pytest.fail(f"this test needs {name}, which this run requires: {reason}", pytrace=False)
            pytest.skip(f"needs {name}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _required() >= set(_LACKS):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped: defaultdict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[reason.removeprefix("Skipped: ")].append(report.nodeid)
    for reason, tests in sorted(skipped.items()):
        files = sorted({Path(test.partition("::")[0]).name for test in tests})
        shown = ", ".join(files[:4]) + (", ..." if len(files) > 4 else "")
        terminalreporter.write_line(f"not run here: {len(tests)} test(s): {reason} ({shown})")


_offline = threading.Event()


def _keep_offline(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or not _offline.is_set():
        return
    address = arguments[1]
    if isinstance(address, tuple) and not _is_loopback(str(address[0])):
        raise RuntimeError(f"a test that is neither e2e nor marked 'network' connects to {address[0]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


sys.addaudithook(_keep_offline)

# How long an example takes is no property of it: machines are busy.
hypothesis.settings.register_profile("grocker", deadline=None)
hypothesis.settings.load_profile("grocker")

# Of the tests' servers: a client that finds five others before it would come back after a whole second.
socketserver.TCPServer.request_queue_size = 128


@pytest.fixture(autouse=True)
def _offline_without_marker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the fast tier offline: a connection that leaves this machine fails the test that makes it."""
    if not {"e2e", "network"} & {marker.name for marker in request.node.iter_markers()}:
        _offline.set()
    yield
    _offline.clear()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Run as the command line does, without the cycle collector: at full depth of the stack its callbacks fail."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
