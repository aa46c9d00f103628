"""Transfer over the OCI distribution specification: pushing, and the credentials for it."""

from __future__ import annotations

from grocker.registry.auth import Credentials, credentials
from grocker.registry.known import Known
from grocker.registry.push import Pushed, push

__all__ = ["Credentials", "Known", "Pushed", "credentials", "push"]
