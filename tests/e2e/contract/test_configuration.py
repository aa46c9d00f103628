"""C1–C6: the operator's INI files, the image's, and what the application sees of them."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders, environment, variables

# The getconf of the image, unmodified, reads what the runner prepared.
_READ = (
    "import sys; from getconf import ConfigGetter; getter = ConfigGetter('polls_site');"
    "print(*[getter.getstr(key, '(none)') for key in sys.argv[1:]], sep='|')"
)


def _getconf(container: Container, *keys: str, options: Mapping[str, str] | None = None) -> list[str]:
    done = container.run("python", "-c", _READ, *keys, options=variables(options or {}))
    assert done.status == 0, done.err
    return done.out.rstrip("\n").split("|")


def _merged(container: Container, options: Mapping[str, str] | None = None) -> configparser.ConfigParser:
    done = container.run("sh", "-c", 'cat "$GROCKER_CONFIG_FILE"', options=variables(options or {}))
    assert done.status == 0, done.err
    return _parsed(done.out)


def _parsed(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


@pytest.mark.fault(number=12)
def test_C1_other_names_are_named_in_one_warning(lab: Container, folders: Folders) -> None:
    for name in ("50_a.bak", "settings.cfg", ".hidden.ini", "..data", ".#90_a.ini", "90_a.ini"):
        (folders.app / name).write_text("[a]\nb = 1\n")
    done = lab.run("true")
    assert (done.status, len(done.complaints)) == (0, 1)
    assert done.err.rstrip().endswith(": .hidden.ini, 50_a.bak, settings.cfg")


@pytest.mark.fault(number=10)
def test_C1_links_are_followed_when_kubernetes_mounts_them(lab: Container, folders: Folders) -> None:
    data = folders.app / "..2026_11_22"
    data.mkdir()
    (data / "90_site.ini").write_text("[polls]\ntitle = from a ConfigMap\n")
    (folders.app / "..data").symlink_to("..2026_11_22")
    (folders.app / "90_site.ini").symlink_to("..data/90_site.ini")
    assert _getconf(lab, "polls.title") == ["from a ConfigMap"]
    assert lab.run("true").err == ""


def test_C2_image_brings_its_base_file(lab: Container) -> None:
    assert _getconf(lab, "django.media_root", "dev.debug_toolbar") == ["/media", "false"]


@pytest.mark.fault(number=12)
def test_C3_files_count_in_numeric_order(lab: Container, folders: Folders) -> None:
    for name, keys in {
        "10_low.ini": "abcdef",
        "9_lower.ini": "abcdefg",
        "100_high.ini": "a",
        "90-override.ini": "ab",
        "050_same.ini": "abcd",
        "50_app.ini": "abc",
    }.items():
        text = "".join(f"{key} = {name}\n" for key in keys)
        (folders.app / name).write_text(f"[x]\n{text}[django]\nmedia_root = {name}\n")
    assert _getconf(lab, "x.a", "x.b", "x.c", "x.d", "x.e", "x.g") == [
        "100_high.ini",
        "90-override.ini",
        "50_app.ini",
        "050_same.ini",
        "10_low.ini",
        "9_lower.ini",
    ]


@pytest.mark.parametrize(
    ("name", "media_root"),
    [("10_low.ini", "/media"), ("50_default_settings.ini", "mine"), ("50_aaa.ini", "mine"), ("51_x.ini", "mine")],
)
def test_C3_base_file_has_priority_50(lab: Container, folders: Folders, name: str, media_root: str) -> None:
    (folders.app / name).write_text("[django]\nmedia_root = mine\n")
    assert _getconf(lab, "django.media_root") == [media_root]


@pytest.mark.fault(number=12)
def test_C3_file_without_a_number_counts_last_with_a_warning(lab: Container, folders: Folders) -> None:
    (folders.app / "999_x.ini").write_text("[x]\na = 999\n")
    (folders.app / "local.ini").write_text("[x]\na = local\n")
    assert _getconf(lab, "x.a") == ["local"]
    done = lab.run("true")
    assert len(done.complaints) == 1
    assert "local.ini" in done.err


@pytest.mark.fault(number=13)
def test_C3_removed_file_is_gone_at_the_next_start(docker: Engine, folders: Folders) -> None:
    (folders.app / "90_x.ini").write_text("[x]\na = 1\n")
    script = "cat $GROCKER_RUNTIME_DIR/config/* | grep -c 'a = 1'; sleep 1000"
    with docker.started("sh", "-c", script, options=folders.options) as container:
        container.wait_for("1")
        (folders.app / "90_x.ini").unlink()
        container.restart()
        container.wait_for("0\n")


def test_C4_variable_beats_all_files(lab: Container, folders: Folders) -> None:
    (folders.app / "90_x.ini").write_text(
        "[DEFAULT]\ntop = file\nconfig = file\n[polls]\ntitle = file\nis-open = file\n[other]\nkey = 100 %\n"
    )
    given = {"POLLS_SITE_POLLS_TITLE": "given", "POLLS_SITE_POLLS_IS_OPEN": "", "POLLS_SITE_TOP": "given"}
    given["POLLS_SITE_ABSENT_KEY"] = "nowhere in a file"
    assert _getconf(lab, "polls.title", "polls.is-open", "top", options=given) == ["given", "", "given"]
    merged = _merged(lab, given)
    assert merged["polls"]["title"] == "given"
    assert merged["polls"]["is-open"] == ""
    assert merged["DEFAULT"]["top"] == "given"
    assert merged["DEFAULT"]["config"] == "file"
    assert merged["other"]["key"] == "100 %"
    assert merged["other"]["top"] == "given"
    assert "absent" not in merged
    assert merged["django"]["media_root"] == "/media"


@pytest.mark.fault(number=11)
@pytest.mark.fault(number=14)
def test_C4_values_are_literal(lab: Container, folders: Folders) -> None:
    text = "[x]\npercent = %(no)s %d 100%\nlong = one\n  two\n\n  three\nunicode = ça ☃\n"
    (folders.app / "90_x.ini").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    read = lab.run("python", "-c", _READ, "x.percent", "x.long", "x.unicode").out
    assert read == "%(no)s %d 100%|one\ntwo\n\nthree|ça ☃\n"
    merged = _merged(lab)["x"]
    assert [merged[key] for key in ("percent", "long", "unicode")] == ["%(no)s %d 100%", "one\ntwo\n\nthree", "ça ☃"]


def test_C4_configuration_is_the_applications_alone(lab: Container) -> None:
    done = lab.run("sh", "-c", "cd $GROCKER_RUNTIME_DIR; stat -c '%a %U' . config *.ini")
    assert done.out == "700 blue\n700 blue\n600 blue\n"


@pytest.mark.fault(number=11)
@pytest.mark.fault(number=14)
@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"a = 1\n", ":1:", "expected a [section] first"),
        (b"[x]\na = 1\nA = 2\n", ":3:", "duplicate key"),
        (b"[x]\n[y]\n[x]\n", ":3:", "duplicate section [x]"),
        (b"[x]\nsecret\n", ":2:", "KEY = VALUE"),
        (b"[x]\na = caf\xe9\n", ":2:", "not UTF-8"),
        ("[x]\na = 1\n".encode("utf-16"), ":1:", "UTF-16"),
        (b"[x]\na = \0\n", ":2:", "NUL"),
        (None, "", "a directory"),
    ],
)
def test_C5_file_that_cannot_be_parsed_stops_the_container(
    lab: Container, folders: Folders, content: bytes | None, place: str, words: str
) -> None:
    path = folders.app / "90_bad.ini"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    done = lab.run("echo", "ran")
    assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1)
    assert f"/config/app/90_bad.ini{place}" in done.err
    assert words in done.err
    assert "secret" not in done.err


@pytest.mark.fault(number=10)
@pytest.mark.fault(number=11)
@pytest.mark.parametrize("kind", ["unreadable", "dangling", "pipe", "huge"])
def test_C5_file_that_cannot_be_read_stops_the_container(lab: Container, folders: Folders, kind: str) -> None:
    path = folders.app / "90_bad.ini"
    if kind == "unreadable":
        path.write_text("[x]\n")
        path.chmod(0o000)
    elif kind == "dangling":
        path.symlink_to("nothing")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(100 << 20)
    done = lab.run("echo", "ran")
    assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1)
    assert "/config/app/90_bad.ini" in done.err


@pytest.mark.fault(number=10)
@pytest.mark.parametrize("kind", ["unlistable", "file", "dangling"])
def test_C5_directory_that_cannot_be_listed_stops_the_container(lab: Container, folders: Folders, kind: str) -> None:
    if kind == "unlistable":
        folders.app.chmod(0o700)
    else:
        folders.app.rmdir()
        if kind == "file":
            folders.app.write_text("")
        else:
            folders.app.symlink_to("nothing")
    try:
        done = lab.run("echo", "ran", options=["--user", "4242:4242"])
    finally:
        folders.app.chmod(0o755) if kind == "unlistable" else folders.app.unlink()
    assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1)
    assert "/config/app" in done.err


@pytest.mark.parametrize("arguments", [("start", "www"), ("true",), ("a-script",)])
def test_C5_stops_start_command_and_script(docker: Engine, folders: Folders, arguments: tuple[str, ...]) -> None:
    folders.script("a-script", "#!/bin/sh\n")
    (folders.app / "90_bad.ini").write_text("bad\n")
    done = docker.run(*arguments, options=folders.options)
    assert (done.status, done.out, len(done.complaints)) == (78, "", 1)


def test_C5_shell_starts_with_a_warning_and_exec_does_not(docker: Engine, folders: Folders) -> None:
    (folders.app / "90_bad.ini").write_text("bad\n")
    (folders.app / "91_good.ini").write_text("[x]\na = 1\n")
    text = 'grep -c "a = 1" $GROCKER_CONFIG_FILE; grocker-runner exec true; echo $?; grocker-runner --version\n'
    done = docker.run(stdin=text, options=folders.options)
    assert done.out.splitlines()[:2] == ["1", "78"]
    assert len(done.out.splitlines()) == 3
    assert len(done.complaints) == 2
    assert all("90_bad.ini:1" in line for line in done.complaints)
    assert done.complaints[0].startswith("grocker: warning: ")


@pytest.mark.fault(number=10)
def test_C5_works_when_there_is_no_configuration(engine: Engine) -> None:
    done = engine.run("env", options=["--mount", "type=tmpfs,destination=/config"])
    assert (done.status, done.err) == (0, "")
    found = environment(done.out)
    assert found["POLLS_SITE_CONFIG"] == f"{found['GROCKER_RUNTIME_DIR']}/config/*.ini"


def test_C4_containers_that_share_tmp_keep_their_configuration(docker: Engine, tmp_path: Path) -> None:
    """As containers of a pod with one emptyDir do, at the same time and of the same uid."""
    volume = f"grocker-test-{os.urandom(4).hex()}"
    docker.check("volume", "create", volume)
    script = "sleep 3; cat $GROCKER_CONFIG_FILE; sleep 1000"
    try:
        containers = []
        for title in ("ONE", "TWO", "THREE"):
            app = tmp_path / title / "app"
            app.mkdir(parents=True)
            (app / "90_x.ini").write_text(f"[polls]\ntitle = {title}\n")
            options = [
                *("--volume", f"{volume}:/tmp", "--volume", f"{tmp_path}/{title}:/config:ro"),
                *variables({"WHICH": title}),
            ]
            containers.append((title, docker.started("sh", "-c", script, options=options)))
        with ExitStack() as stack:
            running = [(title, stack.enter_context(container)) for title, container in containers]
            for title, container in running:
                container.wait_for(f"title = {title}")
                done = container.exec("grocker-runner", "config", "--json")
                assert json.loads(done.out)["sections"]["polls"]["title"]["value"] == title, done
                done = container.exec("grocker-runner", "exec", "sh", "-c", "cat $GROCKER_CONFIG_FILE; echo $WHICH")
                assert f"title = {title}" in done.out
                assert done.out.endswith(f"{title}\n")
    finally:
        docker.command("volume", "rm", "--force", volume)


def test_C6_config_tells_what_holds_in_a_running_container(engine: Engine, folders: Folders) -> None:
    (folders.app / "90_x.ini").write_text("[polls]\ntitle = Mine\n[db]\npassword = hunter2\nurl = x://a:hunter2@h/\n")
    given = variables({"POLLS_SITE_DEV_DEBUG_TOOLBAR": "true"})
    with engine.started("sleep", "1000", options=[*folders.options, *given, "--user", "12345:0"]) as container:
        container.exec("sh", "-c", "until ls /tmp/.grocker-*/environment; do sleep 0.05; done")
        (folders.app / "90_x.ini").write_text("[polls]\ntitle = Later\n")
        done = container.exec(
            "grocker-runner", "config", "--json", options=variables({"POLLS_SITE_POLLS_TITLE": "now"})
        )
        assert (done.status, done.err) == (0, "")
        assert "hunter2" not in done.out
        sections = json.loads(done.out)["sections"]
        title = sections["polls"]["title"]
        assert (title["value"], title["file"], title["line"]) == ("Mine", "/config/app/90_x.ini", 2)
        assert sections["django"]["media_root"]["file"] == "/opt/grocker/config/50_default_settings.ini"
        assert sections["dev"]["debug_toolbar"]["variable"] == "POLLS_SITE_DEV_DEBUG_TOOLBAR"
        shown = container.exec("grocker-runner", "config", "--show-secrets").out
        assert "# /config/app/90_x.ini:4\npassword = hunter2\n" in shown
        merged = container.exec("grocker-runner", "exec", "sh", "-c", "cat $GROCKER_CONFIG_FILE").out
        assert _parsed(shown) == _parsed(merged)
        unknown = container.exec("grocker-runner", "config", "--nonsense")
        assert (unknown.status, unknown.out, len(unknown.complaints)) == (64, "", 1)
        other = container.exec("grocker-runner", "config", options=["--user", "4242"])
        assert (other.status, other.out, len(other.complaints)) == (77, "", 1)


def test_C6_config_starts_with_a_warning_when_a_file_is_wrong(engine: Engine, folders: Folders) -> None:
    (folders.app / "80_bad.ini").write_text("bad\n")
    (folders.app / "90_good.ini").write_text("[polls]\ntitle = Mine\n")
    for arguments, options in ((("grocker-runner", "config"), ()), (("config",), ("--entrypoint", "grocker-runner"))):
        done = engine.run(*arguments, options=[*folders.options, *options])
        assert (done.status, len(done.complaints)) == (0, 1)
        assert done.complaints[0].startswith("grocker: warning: /config/app/80_bad.ini:1: ")
        assert "# /config/app/90_good.ini:2\ntitle = Mine\n" in done.out
    folders.script("grocker-runner", "#!/bin/sh\necho mine\n")
    assert engine.run("grocker-runner", "config", options=folders.options).status == 78
