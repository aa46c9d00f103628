"""As much of Django as collectstatic needs, by path."""

from __future__ import annotations

from collections.abc import Mapping

DJANGO: Mapping[str, str] = {
    "django/__init__.py": "def setup(): ...\n",
    "django/apps.py": "class apps:\n    def is_installed(name):\n        from django.conf import settings\n"
    "        return name in settings.INSTALLED_APPS\n",
    "django/contrib/staticfiles/__init__.py": "",
    "django/core/__init__.py": "",
    "django/core/wsgi.py": "def get_wsgi_application(): ...\n",
    "django/conf.py": """
import importlib, os

class Settings:
    MIDDLEWARE, DEBUG, STATIC_URL, STATIC_ROOT = [], False, "/static/", None

    def __init__(self):
        self.module = None

    def __getattribute__(self, name):
        own = object.__getattribute__(self, "__dict__")
        if name in own:
            return own[name]
        if own.get("module") is None:
            own["module"] = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
        return getattr(own["module"], name) if hasattr(own["module"], name) else object.__getattribute__(self, name)

settings = Settings()
del settings.module
""",
    "django/core/management.py": """
import importlib, os, shutil

def call_command(name, **options):
    from django.conf import settings
    for app in settings.INSTALLED_APPS:
        source = os.path.join(os.path.dirname(importlib.import_module(app).__file__), "static")
        for above, below, files in os.walk(source):
            for file in files:
                target = os.path.join(settings.STATIC_ROOT, os.path.relpath(os.path.join(above, file), source))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if not os.path.exists(target):
                    shutil.copyfile(os.path.join(above, file), target)
""",
}
