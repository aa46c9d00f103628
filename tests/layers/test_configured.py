"""What maintainer scripts would have made."""

from __future__ import annotations

from grocker.layers.configured import mount_points
from grocker.tar.entry import Directory


def test_mount_points_belong_to_the_images_user() -> None:
    assert set(mount_points("blue", 1000)) >= {
        Directory("media", 0o2775, 1000, 0),
        Directory("scripts", 0o2775, 1000, 0),
        Directory("home/blue", 0o775, 1000, 0),
    }
