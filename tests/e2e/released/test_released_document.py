"""The document's commands, one by one, against a released Django application of others: four mounts, rsyslog."""

from __future__ import annotations

import pytest

from tests.e2e.contract.conftest import folders  # noqa: F401 - a fixture
from tests.e2e.contract.engine import Folders, variables
from tests.e2e.contract.test_document import Application, HostLog, follow, log  # noqa: F401 - a fixture
from tests.e2e.released.test_released import built

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.long(50)]

ARA = Application(
    tag="ara",
    migrates=r"Applying api\.0001_initial.*OK",
    script=("label", "one", "two words"),
    leaves="labels.txt",
    path="/api/v1/labels",
    shows=('"count":1', "two words"),
)
_SCRIPT = """\
#!/usr/bin/env python
import sys
import django
django.setup()
from ara.api.models import Label
Label.objects.create(name=sys.argv[2])
open("labels.txt", "w").write(str(Label.objects.count()))
"""
# ARA's own configuration: where its database is, and who may ask.
_GIVEN = {"ARA_DATABASE_NAME": "/media/ara.sqlite", "ARA_ALLOWED_HOSTS": '["*"]', "ARA_TIME_ZONE": "UTC"}


@pytest.mark.parametrize(
    "engine",
    [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)],
)
def test_document_works_for_a_released_application(engine: str, folders: Folders, log: HostLog) -> None:  # noqa: F811
    image = built("ara[server]", engine)
    (folders.root / "ssh").mkdir()
    folders.ssh.mkdir()
    folders.script("label", _SCRIPT)
    mounts = [*folders.options, "--volume", f"{log}:/dev/log:rw", *variables(_GIVEN)]
    follow(ARA, image, folders, mounts, log)
    with image.terminal(options=mounts) as terminal:
        terminal.expect(r"[$#] ")
        terminal.press("echo in $PWD as $(id -un)\n")
        terminal.expect("in /scripts as blue")
        terminal.press("exit 5\n")
        assert terminal.wait() == 5
