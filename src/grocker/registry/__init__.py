"""Transfer over the OCI distribution specification: pushing, reading, and the credentials for it."""

from __future__ import annotations

from grocker.registry.auth import Credentials, credentials
from grocker.registry.mount_candidates import Known
from grocker.registry.preflight import Place, look
from grocker.registry.push import Pushed, push
from grocker.registry.session import Session, session

__all__ = ["Credentials", "Known", "Place", "Pushed", "Session", "credentials", "look", "push", "session"]
