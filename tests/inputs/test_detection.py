"""How a source tree is served, told from its files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from grocker.inputs.detection import detect, find_roots
from grocker.python import Wheel
from grocker.tar.entry import File
from tests.support.applications import ROOT, make_code

MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{0}')\n"
WSGI = MANAGE + "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
FLASK = "from flask import Flask\n{0} = Flask(__name__)\n"
GRADIO = "import gradio as gr\ndemo = gr.Blocks()\ndemo.launch()\n"
STREAMLIT = "import streamlit as st\n"
CELERY = "from celery import Celery\napp = Celery('shop')\n"
LISTENS = ("--server.port", "8080", "--server.address", "0.0.0.0")


def tree(files: Mapping[str, str]) -> Wheel:
    return make_code(File(f"{ROOT}/{path}", text.encode()) for path, text in sorted(files.items()))


@pytest.mark.parametrize(
    ("files", "target", "settings"),
    [
        ({"app.py": FLASK.format("app")}, "app:app", None),
        ({"pages.py": FLASK.format("app"), "main.py": FLASK.format("app")}, "main:app", None),
        ({"pages.py": FLASK.format("app")}, "pages:app", None),
        ({".flaskenv": "FLASK_APP=pages.py\n", "pages.py": FLASK.format("site"), "app.py": ""}, None, None),
        ({".flaskenv": "FLASK_APP=pages.py\n", "pages.py": FLASK.format("api"), "app.py": "x"}, "pages:api", None),
        ({".flaskenv": "FLASK_APP=gone\n", "app.py": FLASK.format("app")}, "app:app", None),
        ({"wsgi.py": "def application(environ, start_response):\n    pass\n"}, "wsgi:application", None),
        (
            {"manage.py": MANAGE.format("config.settings.base"), "config/wsgi.py": WSGI.format("config.settings.base")},
            "config.wsgi:application",
            "config.settings.base",
        ),
        (
            {"web/manage.py": MANAGE.format("shop.settings"), "web/shop/wsgi.py": WSGI.format("shop.settings")},
            "shop.wsgi:application",
            "shop.settings",
        ),
        (
            {
                "manage.py": MANAGE.format("core.settings"),
                "shop/manage.py": MANAGE.format("core.settings"),
                "shop/core/settings/__init__.py": "",
                "shop/core/wsgi.py": WSGI.format("core.settings"),
            },
            "core.wsgi:application",
            "core.settings",
        ),
        (
            {"app.py": FLASK.format("app"), "tests/site/manage.py": MANAGE.format("site.settings")},
            "app:app",
            None,
        ),
        ({"src/shop/app.py": FLASK.format("app")}, "shop.app:app", None),
        ({"tools.py": "print()\n"}, None, None),
    ],
)
def test_web_application_is_found(files: dict[str, str], target: str | None, settings: str | None) -> None:
    roots = (ROOT, *(f"{ROOT}/{one}" for one in find_roots(files)))
    found, module = detect(tree(files), roots)
    assert (found.target, module) == (target, settings)


def test_application_is_the_one_of_flask_app_in_the_settings() -> None:
    made = tree({".flaskenv": "FLASK_APP=one", "one.py": FLASK.format("app"), "two.py": FLASK.format("app")})
    assert detect(made, (ROOT,))[0].target == "one:app"
    assert detect(made, (ROOT,), flask_app="two")[0].target == "two:app"


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({"shop/celery.py": CELERY}, ["worker"]),
        ({"shop/celery.py": CELERY, "shop/settings.py": "CELERY_BEAT_SCHEDULE = {}\n"}, ["beat", "worker"]),
        ({"tasks.py": CELERY + "app.conf.beat_schedule = {}\n"}, ["beat", "worker"]),
        ({"demo.py": GRADIO}, ["www"]),
        ({"demo.py": "import gradio as gr\n"}, []),
        ({"demo.py": GRADIO, "tests/demo.py": GRADIO}, ["www"]),
        ({"one.py": GRADIO, "two.py": GRADIO}, []),
        ({"app.py": "import streamlit as st\n"}, ["www"]),
    ],
)
def test_programs_are_found(files: dict[str, str], commands: list[str]) -> None:
    found, _ = detect(tree(files), (ROOT,))
    assert sorted(found.commands) == commands


@pytest.mark.parametrize(
    ("files", "script"),
    [
        (
            {"Chat.py": STREAMLIT + "st.title('Chat')\n", "pages/1_Search.py": STREAMLIT + "st.title('Search')\n"},
            "Chat.py",
        ),
        ({"minimal/app.py": STREAMLIT}, "minimal/app.py"),
        ({"app/main.py": STREAMLIT, "app/style.py": STREAMLIT + "def css():\n    st.markdown('')\n"}, "app/main.py"),
        ({"chat.py": STREAMLIT + "with st.sidebar:\n    pass\n", "a/b/app.py": STREAMLIT}, "a/b/app.py"),
        ({"chat.py": STREAMLIT + "st.title('')\n", "style.py": STREAMLIT + "def css():\n    pass\n"}, "chat.py"),
        ({"one.py": STREAMLIT + "st.title('')\n", "two.py": STREAMLIT + "st.title('')\n"}, None),
        ({"one/app.py": STREAMLIT, "two/app.py": STREAMLIT}, None),
        ({"a/b/c/app.py": STREAMLIT}, None),
    ],
)
def test_streamlit_page_is_the_outermost_script_of_a_usual_name_or_the_only_one(
    files: dict[str, str], script: str | None
) -> None:
    found, _ = detect(tree(files), (ROOT,))
    assert found.commands.get("www", ("", "", None))[:3][-1] == script


def test_gradio_page_listens_where_images_do() -> None:
    found, _ = detect(tree({"app.py": "import gradio\ngradio.Interface(f).launch()\n"}), (ROOT,))
    assert found.commands["www"][:3] == ("env", "GRADIO_SERVER_NAME=0.0.0.0", "GRADIO_SERVER_PORT=8080")
    assert found.commands["www"][-2:] == ("python", "app.py")
