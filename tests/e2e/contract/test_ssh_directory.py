"""S1: ``/config/ssh-dir`` becomes ``~/.ssh``."""

from __future__ import annotations

import os
import socket

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders

_LIST = 'cd ~/.ssh && stat -c "%a %u %F %n" . * 2>/dev/null; cat * 2>/dev/null'


@pytest.fixture(autouse=True)
def _ssh(folders: Folders) -> None:
    folders.ssh.mkdir(mode=0o755)


@pytest.mark.fault(number=29)
def test_S1_files_are_copied_with_the_modes_that_ssh_wants(engine: Engine, folders: Folders) -> None:
    for name, mode in {"id_rsa": 0o644, "known_hosts": 0o777, ".hidden": 0o444}.items():
        (folders.ssh / name).write_text(f"{name}\n")
        (folders.ssh / name).chmod(mode)
    done = engine.run("sh", "-c", _LIST, options=folders.options)
    assert done.err == ""
    assert "700 1000 directory ." in done.out
    assert "600 1000 regular file id_rsa" in done.out
    assert "600 1000 regular file known_hosts" in done.out
    assert engine.run("cat", "/home/blue/.ssh/.hidden", options=folders.options).out == ".hidden\n"


@pytest.mark.parametrize("user", ["1000:0", "12345:0"])
def test_S1_ssh_reads_the_copies(docker: Engine, folders: Folders, user: str) -> None:
    (folders.ssh / "config").write_text("Host there\n  HostName 192.0.2.1\n")
    done = docker.run("ssh", "-TG", "there", options=[*folders.options, "--user", user])
    if done.status == 127:
        pytest.skip("no ssh in this image")
    assert "hostname 192.0.2.1\n" in done.out


@pytest.mark.fault(number=13)
def test_S1_directory_is_made_anew_at_each_start(docker: Engine, folders: Folders) -> None:
    (folders.ssh / "id_rsa").write_text("old\n")
    (folders.ssh / "gone").write_text("gone\n")
    with docker.started(
        "sh", "-c", "cd ~/.ssh; echo; cat id_rsa; ls; touch by-hand; sleep 99", options=folders.options
    ) as c:
        assert c.wait_for("id_rsa\n").split() == ["old", "gone", "id_rsa"]
        (folders.ssh / "id_rsa").write_text("new\n")
        (folders.ssh / "gone").unlink()
        assert c.exec("cat", "/home/blue/.ssh/id_rsa").out == "old\n"
        c.restart()
        c.wait_for("new\nid_rsa\n")


def test_S1_links_inside_are_followed(lab: Container, folders: Folders) -> None:
    data = folders.ssh / "..2026"
    data.mkdir()
    (data / "id_rsa").write_text("of a Secret\n")
    (folders.ssh / "..data").symlink_to("..2026")
    (folders.ssh / "id_rsa").symlink_to("..data/id_rsa")
    done = lab.run("sh", "-c", _LIST)
    assert done.err == ""
    assert done.out == "700 1000 directory .\n600 1000 regular file id_rsa\nof a Secret\n"


@pytest.mark.fault(number=29)
@pytest.mark.parametrize("target", ["/etc/passwd", "../app/90_x.ini", "/proc/1/environ", "..data/../../app/90_x.ini"])
def test_S1_link_that_leads_outside_stops_the_container(lab: Container, folders: Folders, target: str) -> None:
    (folders.app / "90_x.ini").write_text("[x]\n")
    (folders.ssh / "..data").mkdir()
    (folders.ssh / "id_rsa").symlink_to(target)
    done = lab.run("true")
    assert (done.status, len(done.err.splitlines())) == (78, 1)
    assert "/config/ssh-dir/id_rsa" in done.err


@pytest.mark.parametrize("kind", ["unreadable", "dangling"])
def test_S1_file_that_cannot_be_read_stops_the_container(lab: Container, folders: Folders, kind: str) -> None:
    if kind == "dangling":
        (folders.ssh / "id_rsa").symlink_to("nothing")
    else:
        (folders.ssh / "id_rsa").touch(mode=0o000)
    done = lab.run("true")
    assert (done.status, len(done.err.splitlines())) == (78, 1)
    assert "/config/ssh-dir/id_rsa" in done.err
    assert "chmod" not in done.err, "which would open a private key to everybody on the host"
    assert ("on the host, run sudo chown -R 1000 on the directory" in done.err) == (kind == "unreadable")


@pytest.mark.fault(number=29)
def test_S1_other_things_are_left_out_with_a_warning_each(lab: Container, folders: Folders) -> None:
    (folders.ssh / "folder").mkdir()
    (folders.ssh / "folder-link").symlink_to("folder")
    os.mkfifo(folders.ssh / "pipe")
    here = os.open(folders.ssh, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:  # a socket's path has at most 107 bytes
            listener.bind(f"/proc/self/fd/{here}/socket")
    finally:
        os.close(here)
    (folders.ssh / "id_rsa").write_text("key\n")
    done = lab.run("sh", "-c", "ls ~/.ssh")
    assert (done.status, done.out) == (0, "id_rsa\n")
    assert [line.split()[2].rpartition("/")[2] for line in done.complaints] == [
        "folder:",
        "folder-link:",
        "pipe:",
        "socket:",
    ]


def test_S1_directory_is_left_alone_without_ssh_dir(docker: Engine) -> None:
    script = "test -e ~/.ssh/mine && echo kept; mkdir -p ~/.ssh; touch ~/.ssh/mine; echo up; sleep 99"
    with docker.started("sh", "-c", script) as container:
        container.wait_for("up")
        container.restart()
        container.wait_for("kept")


@pytest.mark.fault(number=27)
def test_S1_home_that_cannot_be_written_is_73(docker: Engine, folders: Folders) -> None:
    options = [*folders.options, "--read-only", "--tmpfs", "/tmp"]
    assert docker.run("true", options=options).status == 0, "an empty ssh-dir needs nothing"
    (folders.ssh / "id_rsa").write_text("key\n")
    done = docker.run("true", options=options)
    assert (done.status, len(done.complaints)) == (73, 1)
    assert "/home/blue" in done.err
    home = ["--tmpfs", "/home/blue:mode=1777,noexec"]
    assert docker.run("sh", "-c", "cat ~/.ssh/id_rsa", options=[*options, *home]).out == "key\n"


def test_S1_does_not_depend_on_the_other_configuration(docker: Engine, folders: Folders) -> None:
    (folders.ssh / "id_rsa").write_text("key\n")
    folders.app.rmdir()
    assert docker.run("sh", "-c", "cat ~/.ssh/id_rsa", options=folders.options).out == "key\n"
