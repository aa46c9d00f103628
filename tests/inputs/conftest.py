"""Projects in a directory, and the tools to load them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from grocker.config.services import DetectedApplication, find_services
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.digest import Digest
from grocker.inputs.application import Application, ApplicationRequest, LockedApplication
from grocker.inputs.application_directory import arrange
from grocker.inputs.load import load_application
from grocker.inputs.origin import parse_origin
from grocker.inputs.produced import Produced
from grocker.platforms.suites import SUITES
from grocker.platforms.target import Target
from grocker.progress import Silent
from grocker.python import InstallScheme, Uv, read_wheel
from grocker.store import Store
from grocker.web import Transport
from tests.support.wheels import make_wheel


class Workplace:
    """A directory of projects, and the tools to load them."""

    def __init__(self, context: Context, place: Path) -> None:
        self.context = context
        self.place = place

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            (self.place / path).write_text(text)

    def request(self, source: str, **settings: object) -> ApplicationRequest:
        return ApplicationRequest(
            context=self.context,
            uv=Uv({}, Path("python3")),
            origin=parse_origin(source, self.place),
            settings=msgspec.convert(settings, Settings),
            target=Target(SUITES["trixie"], "amd64"),
            epoch=0,
            locked=LockedApplication(),
            refresh=False,
            strict=False,
            backend_started=lambda: None,
        )

    def load(self, source: str, **settings: object) -> Application:
        return load_application(self.request(source, **settings))

    def package(self, project: Mapping[str, str], produced: Produced | None = None, **settings: object) -> Application:
        """Arrange a package ``demo`` of a project with these files, and those that its commands wrote."""
        self.write(project)
        made = make_wheel(self.place / "made", files={"demo/__init__.py": "", "demo/own.txt": ""})
        request = self.request("./", **settings)
        application = Application(
            wheel=Digest("sha256:" + "0" * 64),
            file=None,
            installed=read_wheel(made, InstallScheme("3.13")),
            extras=(),
            build=(),
            services=find_services(request.settings, None, DetectedApplication()),
            django_settings_module=None,
            base_config=(None, ""),
            crontab=(None, ""),
            files=(),
            project=None,
            produced=produced,
        )
        return arrange(request, application)


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    (tmp_path / "work").mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        yield Workplace(Context(store, transport, Silent(), environ, 4e9), tmp_path / "work")
