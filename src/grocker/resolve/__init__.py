"""From the user's request to locked files. The only phase that queries archives and indexes and runs back ends."""
