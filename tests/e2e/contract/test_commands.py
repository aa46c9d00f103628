"""E4–E6, E8, E9, E11–E13, X5: commands, scripts and the shell."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.e2e.contract.engine import RUNNER, Container, Engine, Folders
from tests.support.patience import PATIENCE


def test_E4_bash_runs_when_there_is_nothing_else(docker: Engine, folders: Folders) -> None:
    folders.script("bash", "#!/bin/sh\necho not this one\n")
    done = docker.run(stdin="echo $BASH; pwd; exit 4\n", options=folders.options)
    assert (done.status, done.out) == (4, "/bin/bash\n/scripts\n")


def test_E5_runs_the_script_of_that_name_when_scripts_has_one(lab: Container, folders: Folders) -> None:
    folders.script("ls", '#!/bin/bash\necho "$0 $PWD $*"\n. ./beside\n')
    folders.script("beside", "echo found beside\n")
    done = lab.run("ls", "a b", "c")
    assert (done.status, done.out, done.err) == (0, "/scripts/ls /scripts a b c\nfound beside\n", "")


def test_E5_runs_the_script_when_it_is_a_link(lab: Container, folders: Folders) -> None:
    folders.script("target.py", "#!/usr/bin/env python\nimport sys\nprint(sys.argv[0], sys.prefix)\n")
    (folders.scripts / "link").symlink_to("target.py")
    assert lab.run("link").out == "/scripts/link /opt/venv\n"


@pytest.mark.fault(number=19)
@pytest.mark.parametrize("kind", ["directory", "dangling", "pipe"])
def test_E5_runs_the_command_when_scripts_has_something_else_of_that_name(
    lab: Container, folders: Folders, kind: str
) -> None:
    path = folders.scripts / "echo"
    if kind == "directory":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nothing")
    else:
        os.mkfifo(path)
    done = lab.run("echo", "the command")
    assert (done.status, done.out) == (0, "the command\n")


@pytest.mark.fault(number=19)
def test_E5_start_and_cron_are_reserved_and_a_path_is_not(lab: Container, folders: Folders) -> None:
    for name, status in (("start", 64), ("cron", 78)):  # E2: no service; E3: no crontab
        folders.script(name, f"#!/bin/sh\necho script {name}\n")
        assert lab.run(name).status == status
        assert lab.run(f"./{name}", options=["--workdir", "/scripts"]).out == f"script {name}\n"
        assert lab.run(f"/scripts/{name}").out == f"script {name}\n"


def test_E5_starts_in_the_directory_that_was_asked_for(docker: Engine, folders: Folders) -> None:
    folders.script("where", "#!/bin/sh\npwd\n")
    assert docker.run("where", options=folders.options).out == "/scripts\n"
    assert docker.run("where", options=[*folders.options, "--workdir", "/media"]).out == "/media\n"


def test_E5_scripts_counts_as_empty_when_it_cannot_be_searched(docker: Engine, folders: Folders) -> None:
    folders.script("echo", "#!/bin/sh\necho the script\n")
    folders.scripts.chmod(0o700)
    done = docker.run("echo", "the command", options=[*folders.options, "--workdir", "/", "--user", "4242:4242"])
    folders.scripts.chmod(0o777)
    assert (done.status, done.out) == (0, "the command\n")
    assert len(done.complaints) == 1
    assert "/scripts: not writable for uid 4242" in done.err


@pytest.mark.fault(number=6)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("sh", "-c", "exit 0"), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "exit 255"), 255),
        (("sh", "-c", "kill -9 $$"), 137),
        (("sh", "-c", "kill -SEGV $$"), 139),
        (("no-such-command",), 127),
        (("/no/such/path",), 127),
        (("",), 127),
        (("/etc",), 126),
        (("/etc/passwd",), 126),
    ],
)
def test_E6_exit_status_is_the_commands_own(docker: Engine, arguments: tuple[str, ...], status: int) -> None:
    done = docker.run(*arguments)
    assert done.status == status, done.err
    assert len(done.complaints) == (1 if status in (126, 127) else 0), done.err


def test_E6_exit_status_is_the_same_under_any_engine(engine: Engine) -> None:
    assert [engine.run("sh", "-c", text).status for text in ("exit 7", "kill -9 $$")] == [7, 137]


def test_E6_text_without_shebang_on_the_path_cannot_be_executed(lab: Container, folders: Folders) -> None:
    (folders.media / "thing").write_text("echo hello\n")
    (folders.media / "thing").chmod(0o755)
    done = lab.run("thing", options=["--env", "PATH=/usr/bin:/media"])
    assert (done.status, len(done.err.splitlines())) == (126, 1)
    assert "/media/thing" in done.err


@pytest.mark.fault(number=32)
def test_E6_command_that_cannot_be_started_is_126(docker: Engine) -> None:
    done = docker.run_alone("true")
    assert (done.status, len(done.err.splitlines())) == (126, 1)
    assert "--pids-limit" in done.err


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_E6_signal_reaches_the_command(docker: Engine, name: str) -> None:
    text = f"trap 'echo got {name}; exit 9' {name}; echo up; while :; do sleep 0.05; done"
    with docker.started("bash", "-c", text) as container:
        container.wait_for("up")
        container.kill(name)
        assert container.wait() == 9
        assert f"got {name}" in container.logs()


def test_E6_command_without_handler_ends_at_once_on_term(engine: Engine) -> None:
    with engine.started("sleep", "1000") as container:
        _wait_for_process(container, "sleep")
        assert container.stop(60) == 143


@pytest.mark.fault(number=3)
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.03, 0.05])
def test_E6_term_is_not_lost_while_the_command_is_prepared(docker: Engine, delay: float) -> None:
    """Before the interpreter has come up, PID 1 cannot be told anything: from the first line on, it is not lost."""
    with docker.started("sleep", "1000") as container:
        process = container.inspect("{{.State.Pid}}")
        limit = time.monotonic() + PATIENCE
        while not _blocks_term(process):
            assert time.monotonic() < limit
            time.sleep(0.001)
        time.sleep(delay)
        container.kill("TERM")
        assert container.wait() == 143


def _blocks_term(process: str) -> bool:
    """Whether TERM waits or is handled (proc(5): SigBlk, SigCgt), or the command runs already."""
    if Path(f"/proc/{process}/task/{process}/children").read_text():
        return True
    with open(f"/proc/{process}/status") as file:
        masks = dict(line.split(":\t", 1) for line in file if line.startswith("Sig"))
    taken = int(masks["SigBlk"], 16) | int(masks["SigCgt"], 16)
    # runc, which this process was before, and for a moment the C library, take ALRM as well; what runc gets is lost.
    return bool(taken & 1 << 14 and not taken & 1 << 13)


def test_E6_orphans_are_reaped(docker: Engine) -> None:
    # Until only the runner and bash are there, for a minute at most.
    reaped = "for i in {1..600}; do set -- /proc/[0-9]*; [ $# -gt 2 ] || break; sleep 0.1; done"
    text = f"for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 &) ; done; {reaped}; cat /proc/[0-9]*/stat"
    done = docker.run("bash", "-c", text)
    states = [line.rpartition(")")[2].split()[0] for line in done.out.splitlines()]
    assert "Z" not in states
    assert len(states) <= 3, done.out  # the runner, bash, cat


@pytest.mark.fault(number=9)
def test_E6_ends_with_the_command_when_a_grandchild_holds_stdout(docker: Engine) -> None:
    assert docker.run("bash", "-c", "sleep 5000 & exit 3").status == 3


@pytest.mark.fault(number=28)
def test_E6_another_init_has_its_way(docker: Engine) -> None:
    """The runner does not stay between another init, as ``--init`` puts in, and the command."""
    init = f"{RUNNER} run bash -c 'cat /proc/1/comm; echo $PPID'; exit $?"
    done = docker.run("-c", init, options=["--entrypoint", "/bin/sh"])
    assert done.out == "sh\n1\n", done.err


def test_E8_django_admin_py_migrates(docker: Engine, folders: Folders) -> None:
    done = docker.run("django-admin.py", "migrate", "--no-color", options=folders.options)
    assert done.status == 0, done.err
    assert "Applying polls.0001_initial... OK" in done.out


def test_E8_django_admin_py_works_in_a_running_container(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        container.wait_for("Listening at")
        assert container.exec("django-admin.py", "check").status == 0
        settings = container.exec("django-admin.py", "diffsettings", "--output", "unified")
        assert "MEDIA_ROOT = PosixPath('/media')" in settings.out, settings
        assert container.exec("python", "-c", "import django").status == 0


@pytest.mark.fault(number=19)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"echo hello\n", "no shebang"),
        (b"", "no shebang"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
        (b"#!/bin/sh\r\necho hello\r\n", "CRLF"),
        (b"#!/usr/bin/env python\r\nprint()\r\n", "CRLF"),
        (b"#!/usr/bin/ruby\n", "/usr/bin/ruby is not in this image"),
        (b"#!/usr/bin/env ruby\n", "ruby is not on PATH"),
        (b"#!/usr/bin/env -S ruby -w\n", "ruby is not on PATH"),
        (b"#!/usr/bin/env python -u\n", "env -S"),
        (b"#!\n", "no interpreter after"),
        (b"#!/etc/passwd\n", "not executable"),
        (b"\x7fELF\x02\x01\x01", "a binary program, not a script"),
    ],
)
def test_E9_bad_script_says_what_to_do(lab: Container, folders: Folders, text: bytes, words: str) -> None:
    folders.script("bad", text)
    done = lab.run("bad")
    assert done.status == 126
    assert len(done.err.splitlines()) == 1
    assert words in done.err
    assert "/scripts/bad" in done.err


def test_E9_bad_script_says_what_to_do_when_it_is_unreadable(lab: Container, folders: Folders) -> None:
    folders.script("bad", "#!/bin/sh\n", 0o000)
    done = lab.run("bad")
    assert (done.status, len(done.err.splitlines())) == (126, 1)
    assert "not readable" in done.err


@pytest.mark.fault(number=19)
def test_E9_good_script_runs_without_execute_permission(lab: Container, folders: Folders) -> None:
    folders.script("plain", "#!/usr/bin/env -S python -u\nimport sys\nprint(sys.argv)\n", 0o644)
    assert lab.run("plain", "x").out == "['/scripts/plain', 'x']\n"


@pytest.mark.fault(number=19)
def test_E9_good_script_runs_from_a_noexec_mount(docker: Engine) -> None:
    options = ["--mount", "type=tmpfs,destination=/scripts,tmpfs-mode=1777"]
    text = "printf '#!/bin/sh\\necho ran $0\\n' > /scripts/s; chmod +x /scripts/s; /scripts/s 2>/dev/null && echo exec"
    with docker.started("infinity", options=[*options, "--entrypoint", "sleep"]) as container:
        assert container.exec("sh", "-c", text).out == "", "the mount is noexec"
        assert container.run("s").out == "ran /scripts/s\n"


@pytest.mark.parametrize("path", ["/bin/bash", "/usr/bin/bash", "/usr/bin/env", "/bin/sh"])
def test_E9_interpreter_exists(docker: Engine, path: str) -> None:
    assert docker.run("test", "-x", path).status == 0


def test_E11_prints_nothing_of_its_own(docker: Engine, folders: Folders) -> None:
    done = docker.run("true", options=folders.options)
    assert (done.status, done.out, done.err) == (0, "", "")


def test_E12_help_and_version(docker: Engine) -> None:
    version = docker.run("--version")
    assert (version.status, version.err) == (0, "")
    assert "1.0.0" in version.out
    assert "contract 1" in version.out
    usage = docker.run("--help", options=["--read-only"])
    assert (usage.status, usage.err) == (0, "")
    assert "services: www" in usage.out
    assert usage.out.endswith(version.out)


@pytest.mark.parametrize("option", ["--what", "-h", "-", "--helpme"])
def test_E12_other_options_are_refused(lab: Container, option: str) -> None:
    done = lab.run(option)
    assert (done.status, done.out, len(done.complaints)) == (64, "", 1)


def test_E13_migrations_are_never_run_by_start(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        container.wait_for("Listening at")
        assert container.stop() == 0
    assert list(folders.media.iterdir()) == []


def test_X5_runner_itself_refuses_to_be_called_wrongly(lab: Container) -> None:
    for arguments in ((), ("nonsense",), ("exec",)):
        done = lab.exec(RUNNER, *arguments)
        assert (done.status, len(done.complaints)) == (64, 1)


@pytest.mark.fault(number=18)
def test_X5_tmp_that_cannot_be_written_is_73(engine: Engine) -> None:
    podman = ["--read-only-tmpfs=false"] if engine.name == "podman" else []
    for options in (podman, ["--tmpfs", "/tmp:size=8k,mode=1777"]):
        done = engine.run("true", options=["--read-only", *options])
        assert (done.status, len(done.complaints)) == (73, 1)
        assert "--tmpfs /tmp" in done.err


def test_X5_scratch_of_someone_else_is_neither_used_nor_in_the_way(lab: Container) -> None:
    foreign = "/tmp/.grocker-0123456789abcdef"
    lab.exec("sh", "-c", f"mkdir -m 777 {foreign}; echo x > {foreign}/environment", options=["--user", "4242"])
    done = lab.run("sh", "-c", "echo $GROCKER_RUNTIME_DIR")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("/tmp/.grocker-")
    assert done.out.strip() != foreign
    lab.exec("rm", "-r", foreign, options=["--user", "4242"])


def _wait_for_process(container: Container, name: str) -> None:
    limit = time.monotonic() + PATIENCE
    while container.exec("sh", "-c", 'grep -qsx "$0" /proc/[0-9]*/comm', name).status:
        assert time.monotonic() < limit
        time.sleep(0.05)


_MEASURE = """
import os
def least(*command):
    times = []
    for _ in range(25):
        process = os.posix_spawn(command[0], command, os.environ)
        used = os.wait4(process, 0)[2]
        times.append(used.ru_utime + used.ru_stime)
    return min(times)
print(least("{runner}", "run", "true") - least("/usr/bin/true"))
"""


def test_E6_one_shot_command_costs_little(lab: Container, folders: Folders) -> None:
    """Design: at most 40 ms over the bare command. Of processor time: nothing waits, and other tests are no matter."""
    (folders.app / "90_override.ini").write_text("[x]\na = 1\n")
    done = lab.exec("python", "-c", _MEASURE.format(runner=RUNNER))
    assert float(done.out) < 0.040, done.err
