"""Django's static files, collected by the build and shown by the image. Contract: X1."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine
from tests.e2e.trees.test_projects import get

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.root, pytest.mark.long(80)]

SETTINGS = """
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.staticfiles"]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "pages"]}]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
STATICFILES_DIRS = [BASE_DIR / "assets"]
"""
MANIFEST = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
URLS = """
from django.shortcuts import render
from django.urls import path
from shop import views

urlpatterns = [path("", views.index)]
"""
VIEWS = """
from django.shortcuts import render

def index(request):
    return render(request, "index.html")
"""
PARTICULAR = """
if os.environ.get("SHOP_KEY") != "none":
    raise ValueError("SHOP_KEY is odd")
"""
LACKING = """
ENGINE, PORT = os.environ["SHOP_ENGINE"], int(os.environ["SHOP_PORT"])
DATABASES = {"default": {"ENGINE": ENGINE, "NAME": "x"}}
if not os.environ.get("SHOP_URL", "").startswith("http"):
    raise RuntimeError("Set the SHOP_URL environment variable")
"""
COMPRESSED = """
INSTALLED_APPS += ["compressor"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder", "compressor.finders.CompressorFinder"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = TEMPLATES[0]["APP_DIRS"] = True
"""
RANDOM = """
import uuid

generated = Path("/tmp/generated")
generated.mkdir(exist_ok=True)
(generated / "stamp.txt").write_text(str(uuid.uuid4()))
STATICFILES_DIRS.append(generated)
"""
FILES = {
    "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
    "requirements.txt": "django\n",
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS + MANIFEST,
    "shop/urls.py": URLS,
    "shop/views.py": VIEWS,
    "collected/staticfiles.json": '{"paths": {}, "version": "1.1"}',  # of a run elsewhere
    "pages/index.html": '{% load static %}<link href="{% static "site.css" %}">',
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A Django project whose pages need what collectstatic writes."""
    for name, text in FILES.items():
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_text(text)
    (tmp_path / "shop" / "assets").mkdir()
    (tmp_path / "shop" / "assets" / "site.css").write_text(f"/* {uuid.uuid4()} */\n")  # no other test has built it
    return tmp_path / "shop"


def grocker(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grocker", *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def new_layers(built: subprocess.CompletedProcess[str]) -> list[str]:
    """The layers that a build made, as it says."""
    assert built.returncode == 0, built.stderr
    found = re.search(r"; new: ([^(\n]*)", built.stdout + built.stderr)
    return found[1].strip().split(", ") if found else []


def test_X1_collected_files_are_shown_when_pages_name_them_by_their_hash(shop: Path) -> None:
    image = "grocker-test-collectstatic-manifest:1"
    built = grocker(shop, "build", ".", "-t", image, "-o", "docker")
    assert "static" in new_layers(built)
    docker = Engine("docker", image)
    with docker.started("start", "www", options=("-e", "SECRET_KEY=of-the-container")) as container:
        page = get(container, "/")
        [link] = re.findall(r'href="(/static/site\.[0-9a-f]{12}\.css)"', page)
        assert get(container, link) == (shop / "assets" / "site.css").read_text()
    listed = docker.run("python", "-c", "import os; print(*sorted(os.listdir('/opt/app/collected')))")
    assert listed.out.split()[-1] == "staticfiles.json", listed


def test_X1_compressed_files_are_shown_when_pages_name_them(shop: Path) -> None:
    image = "grocker-test-collectstatic-compress:1"
    (shop / "requirements.txt").write_text("django\ndjango-compressor\n")
    (shop / "shop" / "settings.py").write_text(SETTINGS + COMPRESSED)
    page = '<link rel="stylesheet" href="{% static "site.css" %}">'
    block = f"{{% load static compress %}}{{% compress css %}}{page}{{% endcompress %}}"
    (shop / "pages" / "index.html").write_text(block)
    text = str(uuid.uuid4())  # no other test has built it
    (shop / "assets" / "site.css").write_text(f"a::after {{ content: '{text}' }}\n")
    assert "static" in new_layers(grocker(shop, "build", ".", "-t", image, "-o", "docker"))
    with Engine("docker", image).started("start", "www", options=("-e", "SECRET_KEY=of-the-container")) as container:
        [link] = re.findall(r'href="(/static/CACHE/css/[\w.]+\.css)"', get(container, "/"))
        assert text in get(container, link)


def test_layer_of_static_files_stays_when_no_module_that_they_depend_on_changes(shop: Path, tmp_path: Path) -> None:
    """Each run collects another random file."""

    def build() -> list[str]:
        return new_layers(grocker(shop, "build", ".", "-t", "shop:1", "-o", f"oci:{tmp_path / 'layout'}"))

    (shop / "shop" / "settings.py").write_text(SETTINGS + RANDOM)
    assert "static" in build()
    (shop / "shop" / "views.py").write_text(VIEWS + "# changed\n")
    assert build() == ["application"]
    (shop / "shop" / "settings.py").write_text(SETTINGS + RANDOM + "# changed\n")
    assert build() == ["static", "application"]
    (shop / "assets" / "more.css").write_text("body { color: navy }\n")
    assert build() == ["static", "application"]


def test_build_warns_and_goes_on_when_settings_fail(shop: Path, tmp_path: Path) -> None:
    (shop / "shop" / "settings.py").write_text(SETTINGS + PARTICULAR)
    command = ("build", ".", "-t", "shop:1", "-o", f"oci:{tmp_path / 'layout'}")
    built = grocker(shop, *command)
    assert "static" not in new_layers(built)
    assert "collecting Django's static files failed: ValueError: SHOP_KEY is odd" in built.stderr
    assert "[tool.grocker.build.env]" in built.stderr
    (shop / "grocker.toml").write_text("collectstatic = false\n")
    assert "warning" not in grocker(shop, *command).stderr
    (shop / "grocker.toml").write_text('[build.env]\nSHOP_KEY = "none"\n')
    built = grocker(shop, *command)
    assert "static" in new_layers(built)
    config = json.loads(grocker(shop, "inspect", "--json", f"oci:{tmp_path / 'layout'}").stdout or "{}")
    assert "SHOP_KEY" not in json.dumps(config)


def test_build_warns_that_pages_fail_when_settings_fail_and_pages_need_the_manifest(shop: Path, tmp_path: Path) -> None:
    (shop / "shop" / "settings.py").write_text(SETTINGS + MANIFEST + PARTICULAR)
    built = grocker(shop, "build", ".", "-t", "shop:1", "-o", f"oci:{tmp_path / 'layout'}")
    said = "failed: ValueError: SHOP_KEY is odd; without them every page that uses the manifest storage fails"
    assert (built.returncode, said in built.stderr) == (0, True), built.stderr


def test_files_are_collected_when_settings_lack_variables(shop: Path, tmp_path: Path) -> None:
    """They get harmless values in this step."""
    (shop / "shop" / "settings.py").write_text(SETTINGS + MANIFEST + LACKING)
    built = grocker(shop, "build", ".", "-t", "shop:1", "-o", f"oci:{tmp_path / 'layout'}")
    assert "static" in new_layers(built)


@pytest.mark.parametrize("own", ["assert url is None", 'assert url.startswith("postgres:")'])
def test_files_are_collected_when_settings_know_one_form_of_database_url(shop: Path, tmp_path: Path, own: str) -> None:
    """Or want none at all: the first value that they get is one of SQLite."""
    (shop / "shop" / "settings.py").write_text(f'{SETTINGS}url = os.environ.get("DATABASE_URL")\n{own}\n')
    built = grocker(shop, "build", ".", "-t", "shop:1", "-o", f"oci:{tmp_path / 'layout'}")
    assert "static" in new_layers(built)
