"""E7, U1, X4: whose environment, whose name, which limits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from grocker.runner.contract.spec import Service
from tests.e2e.contract.engine import Engine, Folders, environment, variables

_NAMES = """
id -un
python -c 'import getpass, os; print(getpass.getuser(), *map(os.path.expanduser, ("~", "~" + getpass.getuser())))'
cd ~ && pwd
touch ~/a-file && echo written
"""
_PROGRAMS = """
git -C /tmp init -q r && git -C /tmp/r commit -q --allow-empty -m x; git -C /tmp/r log --format=%an
ssh -TG host.invalid | grep '^user '
ssh -T -o ConnectTimeout=1 127.0.0.1 2>&1 | grep -c 'No user exists'
"""


def test_E7_environment_is_the_applications(engine: Engine, folders: Folders) -> None:
    found = environment(engine.run("env", options=folders.options).out)
    expected = {
        "HOME": "/home/blue",
        "USER": "blue",
        "LOGNAME": "blue",
        "PORT": "8080",
        "GROCKER_APP": "polls-site",
        "GROCKER_APP_VERSION": "1.0.0",
        "GROCKER_APP_EXTRAS": "",
        "GROCKER_CONTRACT": "1",
        "GROCKER_CONFIG_FILE": f"{found['GROCKER_RUNTIME_DIR']}/merged.ini",
        "POLLS_SITE_CONFIG": f"{found['GROCKER_RUNTIME_DIR']}/config/*.ini",
        "DJANGO_SETTINGS_MODULE": "polls_site.settings",
        "VIRTUAL_ENV": "/opt/venv",
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
    assert re.fullmatch(r"/tmp/\.grocker-[0-9a-f]{16}", found["GROCKER_RUNTIME_DIR"])
    assert {name: found.get(name) for name in expected} == expected
    assert found["PATH"].startswith("/opt/venv/bin:")
    assert not {"GROCKER_SERVICE", "POLLS_SITE_SERVICE"} & found.keys()


def test_E7_given_variable_wins(docker: Engine) -> None:
    given = {
        "DJANGO_SETTINGS_MODULE": "other",
        "POLLS_SITE_CONFIG": "/elsewhere/*.ini",
        "GROCKER_CONFIG_FILE": "/elsewhere.ini",
        "LANG": "C",
        "MINE": "a=b\nc",
        "http_proxy": "http://proxy.example.invalid:3128",
        "NO_PROXY": "localhost",
        "PATH": "/usr/bin:/bin",
    }
    done = docker.run("python3", "-c", "import os; print(dict(os.environ))", options=variables(given))
    assert done.err == ""
    found = eval(done.out)  # a dictionary of strings
    assert {name: found[name] for name in given} == given


def test_E7_runners_own_variables_cannot_be_given(docker: Engine) -> None:
    given = {"PORT": "9000", "GROCKER_APP": "x", "HOME": "/root", "POLLS_SITE_SERVICE": "x", "GROCKER_CONTRACT": "1"}
    done = docker.run("env", options=variables(given))
    found = environment(done.out)
    assert (found["PORT"], found["GROCKER_APP"], found["HOME"]) == ("8080", "polls-site", "/home/blue")
    assert "POLLS_SITE_SERVICE" not in found
    assert len(done.complaints) == 1
    assert done.err.rstrip().endswith(": GROCKER_APP, POLLS_SITE_SERVICE, PORT")


def test_E7_service_is_told_its_name_and_starts_at_home(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        container.wait_for("Listening at")
        text = "tr '\\0' '\\n' < /proc/$(cat /proc/1/task/1/children | cut -d' ' -f1)/environ"
        found = environment(container.exec("sh", "-c", text).out)
        assert (found["GROCKER_SERVICE"], found["POLLS_SITE_SERVICE"]) == ("www", "www")
        assert (
            container.exec("sh", "-c", "readlink /proc/$(cut -d' ' -f1 /proc/1/task/1/children)/cwd").out
            == "/home/blue\n"
        )


@pytest.mark.fault(number=30)
def test_E7_python_variables_do_not_reach_the_runner(docker: Engine) -> None:
    given = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONSTARTUP": "/x", "PYTHONINSPECT": "1"}
    done = docker.run("env", options=variables(given))
    assert (done.status, done.err) == (0, "")
    assert environment(done.out)["PYTHONHOME"] == "/nowhere"


def test_E7_exec_has_the_environment_of_the_start(docker: Engine, folders: Folders) -> None:
    (folders.app / "90_x.ini").write_text("[x]\na = 1\n")
    given = variables({"GIVEN": "at the start", "POLLS_SITE_X_A": "2"})
    with docker.started("start", "www", options=[*folders.options, *given]) as container:
        container.wait_for("Listening at")
        (folders.app / "90_x.ini").write_text("[x]\na = 3\n")
        late = variables({"LATE": "now", "PORT": "1", "GIVEN": "now"})
        found = environment(container.exec("grocker-runner", "exec", "env", options=late).out)
        assert (found["HOME"], found["PORT"], found["LATE"], found["GIVEN"]) == ("/home/blue", "8080", "now", "now")
        merged = container.exec("grocker-runner", "exec", "sh", "-c", 'cat "$GROCKER_CONFIG_FILE"')
        assert "a = 2" in merged.out, "nothing is made anew"
        assert container.exec("grocker-runner", "exec", "sh", "-c", "exit 9").status == 9
        assert container.exec("grocker-runner", "exec", "no-such-command").status == 127
        other = container.exec("grocker-runner", "exec", "true", options=["--user", "4242"])
        assert (other.status, len(other.complaints)) == (77, 1)


@pytest.mark.fault(number=27)
@pytest.mark.parametrize("user", ["1000:0", "12345", "33:33"])
def test_U1_names_resolve_for_any_uid(engine: Engine, user: str) -> None:
    options = ["--user", user]
    done = engine.run("sh", "-c", _NAMES, options=options)
    written = ["written"] if user != "33:33" else []  # the home is for group 0
    assert done.out.splitlines() == ["blue", "blue /home/blue /home/blue", "/home/blue", *written], done.err


def test_U1_ssh_and_git_know_who_they_are(engine: Engine) -> None:
    if engine.run("sh", "-c", "command -v git && command -v ssh").status:
        pytest.skip("neither is in this image")
    given = variables({"GIT_COMMITTER_EMAIL": "x@example.invalid", "GIT_AUTHOR_EMAIL": "x@example.invalid"})
    done = engine.run("sh", "-c", _PROGRAMS, options=["--user", "12345:0", *given])
    assert done.out.splitlines() == ["blue", "user blue", "0"], done.err


def test_U1_image_is_numeric_and_its_home_is_for_the_group(docker: Engine) -> None:
    assert docker.check("image", "inspect", "--format", "{{.Config.User}}", docker.image) == "1000:0"
    done = docker.run("stat", "-c", "%a %u %g", "/home/blue", "/media", "/scripts")
    assert done.out == "775 1000 0\n2775 1000 0\n2775 1000 0\n"


@pytest.mark.fault(number=18)
@pytest.mark.fault(number=28)
def test_U1_works_confined(engine: Engine, folders: Folders) -> None:
    """As the image's own user; ``test_U1_any_uid`` has another."""
    options = [
        *("--read-only", "--tmpfs", "/tmp:noexec", "--tmpfs", "/home/blue:noexec,mode=1777"),
        *("--cap-drop=ALL", "--security-opt", "no-new-privileges", *folders.options),
    ]
    done = engine.run("sh", "-c", _NAMES, options=options)
    assert done.out.splitlines() == ["blue", "blue /home/blue /home/blue", "/home/blue", "written"], done.err
    with engine.started("start", "www", options=options) as container:
        container.wait_for("Booting worker")
        assert container.exec("django-admin.py", "check").status == 0
        assert container.stop() == 0


def test_U1_root_is_refused_for_a_service_and_warned_otherwise(engine: Engine) -> None:
    done = engine.run("start", "www", options=["--user", "0"])
    assert (done.status, len(done.complaints)) == (77, 1)
    done = engine.run("sh", "-c", "id -u; echo ~; getent passwd 0 | cut -d: -f6", options=["--user", "0"])
    assert (done.status, done.out) == (0, "0\n/home/blue\n/home/blue\n")
    assert len(done.complaints) == 1


@pytest.mark.parametrize("zone", ["Europe/Paris", ":Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"])
def test_X4_time_zone_is_honoured(docker: Engine, zone: str) -> None:
    done = docker.run("date", "-d", "@1767225600", "+%H", options=variables({"TZ": zone}))
    assert (done.out, done.err) == ("01\n", "")


@pytest.mark.fault(number=23)
@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Paris", "../../../etc/passwd", "Europe", "+1"])
def test_X4_unknown_time_zone_is_78(docker: Engine, zone: str) -> None:
    done = docker.run("date", options=variables({"TZ": zone}))
    assert (done.status, done.out, len(done.complaints)) == (78, "", 1)
    assert f"TZ={zone}" in done.err


_PRINTS = "import signal, time; signal.signal(15, signal.SIG_IGN); print('step 1 done'); time.sleep(1000)"


@pytest.mark.parametrize(
    ("words", "killed"),
    [
        (("start", "hangs"), ": did not stop within "),
        (("start", "www"), "helper: did not stop within "),
        (("cron",), "failed: timeout of 10 s"),
        (("python", "-c", _PRINTS), ""),
    ],
)
def test_X4_what_python_printed_is_in_the_log_before_it_is_killed(
    docker: Engine, folders: Folders, services: Callable[..., list[str]], words: tuple[str, ...], killed: str
) -> None:
    """A service, a process beside one, a job with a time limit, a command."""
    hangs = ("python", "-c", _PRINTS)
    table = {"hangs": Service(command=hangs), "www": Service(command=("sleep", "1000"), processes={"helper": hangs})}
    crontab = folders.config / "crontab"
    crontab.write_text(f'# grocker: timeout=10s\n@reboot python -c "{_PRINTS}"\n')
    crontab.chmod(0o644)
    options = [*services(docker, table), *variables({"GROCKER_STOP_TIMEOUT": "1"})]
    with docker.started(*words, options=options) as container:
        assert container.running()
        container.wait_for("step 1 done")
        if words != ("cron",):
            container.stop(5)
        container.wait_for(killed)


@pytest.mark.parametrize("place", ["/confg", "/script"])
def test_V1_mount_that_is_nearly_one_of_the_contract_is_one_warning(
    docker: Engine, folders: Folders, place: str
) -> None:
    done = docker.run("true", options=["--volume", f"{folders.config}:{place}"])
    assert (done.status, len(done.complaints)) == (0, 1)
    assert f"{place} is mounted, but is not one of the image's directories; did you mean " in done.complaints[0]


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        (["--cpus", "1", "--memory", "2g"], "2"),
        (["--memory", "200m"], "1"),
    ],
)
def test_X4_workers_follow_the_containers_limits(docker: Engine, options: list[str], workers: str) -> None:
    done = docker.run("true", options=options)
    if done.status:
        pytest.skip(f"this docker cannot limit: {done.err}")
    with docker.started("start", "www", options=options) as container:
        container.wait_for("Listening at")
        line = container.exec("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").out
        assert f"--workers {workers} " in line
