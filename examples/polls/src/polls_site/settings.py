"""Django's settings. What differs between two installations is read from INI files and the environment by getconf.

In an image, POLLS_SITE_CONFIG names the files that the operator put into /config/app, behind the image's own;
POLLS_SITE_POLLS_TITLE in the environment beats them all.
"""

from pathlib import Path

from django.core.management.utils import get_random_secret_key
from getconf import ConfigGetter

PACKAGE = Path(__file__).parent
CONFIG = ConfigGetter("polls_site", [str(PACKAGE / "50_default_settings.ini")])

POLLS_TITLE = CONFIG.getstr("polls.title", "Polls", doc="The site's name, on every page")

DEBUG = CONFIG.getbool("django.debug", False)
SECRET_KEY = CONFIG.getstr("django.secret_key") or get_random_secret_key()
ALLOWED_HOSTS = CONFIG.getlist("django.allowed_hosts", ["*"])
CSRF_TRUSTED_ORIGINS = CONFIG.getlist("django.trusted_origins")

MEDIA_ROOT = CONFIG.getpath("django.media_root", Path("media"), doc="Files of the site's users")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": CONFIG.getstr("db.path") or MEDIA_ROOT / "polls.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = ["polls_site.polls"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "polls_site.urls"
WSGI_APPLICATION = "polls_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["polls_site.polls.context.site"]},
    }
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "ERROR"},
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
