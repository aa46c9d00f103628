"""What a build will do, as data: layers with their cache keys, and the image's configuration. Pure."""
