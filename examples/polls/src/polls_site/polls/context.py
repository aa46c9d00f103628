from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """What every page shows."""
    return {"site_title": settings.POLLS_TITLE}
