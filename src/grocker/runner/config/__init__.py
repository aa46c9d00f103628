"""The configuration that operators mount: INI files found, ordered, merged and shown. Contract: C1–C6."""
