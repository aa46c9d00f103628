"""The plan of a build, as data: layers with their cache keys, and the image's configuration. Pure."""
