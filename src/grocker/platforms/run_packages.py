"""The Debian packages that well-known distributions need where they run, and those of well-known programs. Tables.

Names are those of Debian 12 to 14, or ones that these provide. Sources: the installation instructions of each project.
"""

from __future__ import annotations

DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "cairocffi": ("libcairo2",),
    "ffmpeg-python": ("ffmpeg",),
    "ghostscript": ("ghostscript",),
    "gitpython": ("git",),
    "lightgbm": ("libgomp1",),
    "ocrmypdf": ("ghostscript", "tesseract-ocr"),
    "openai-whisper": ("ffmpeg",),
    "opencv-contrib-python": ("libgl1", "libglib2.0-0"),
    "opencv-python": ("libgl1", "libglib2.0-0"),
    "pdf2image": ("poppler-utils",),
    "psycopg": ("libpq5",),
    "psycopg2cffi": ("libpq5",),
    "pydub": ("ffmpeg",),
    "pylibdmtx": ("libdmtx0b",),
    "pypandoc": ("pandoc",),
    "pysaml2": ("xmlsec1",),
    "pytesseract": ("tesseract-ocr",),
    "python-gnupg": ("gnupg",),
    "python-magic": ("libmagic1",),
    "pyusb": ("libusb-1.0-0",),
    "pyvips": ("libvips42",),
    "pyzbar": ("libzbar0",),
    "weasyprint": ("libharfbuzz-subset0", "libpango-1.0-0", "libpangoft2-1.0-0"),
}
"""By the normalised name of a distribution that loads a library by its name, or starts a program, and has neither."""

SELF_CONTAINED: dict[str, tuple[str, ...]] = {
    "psycopg": ("psycopg-binary", "psycopg-c"),
    "pypandoc": ("pypandoc-binary",),
    "pyvips": ("pyvips-binary",),
}
"""By distribution those beside which it needs no package."""

GDAL = "libgdal"
"""the package with the GDAL library, which needs those with GEOS and PROJ; its name has a version in each suite"""
SPATIALITE = "libsqlite3-mod-spatialite"
"""the package with the extension of SQLite that GeoDjango loads"""

PROGRAMS: dict[str, str] = {
    "bzip2": "bzip2",
    "convert": "imagemagick",
    "curl": "curl",
    "cwebp": "webp",
    "exiftool": "libimage-exiftool-perl",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "git": "git",
    "gpg": "gnupg",
    "gs": "ghostscript",
    "hg": "mercurial",
    "identify": "imagemagick",
    "ip": "iproute2",
    "mediainfo": "mediainfo",
    "mogrify": "imagemagick",
    "mysql": "default-mysql-client",
    "mysqldump": "default-mysql-client",
    "nmap": "nmap",
    "openssl": "openssl",
    "pandoc": "pandoc",
    "pdfinfo": "poppler-utils",
    "pdftocairo": "poppler-utils",
    "pdftoppm": "poppler-utils",
    "pdftotext": "poppler-utils",
    "pg_dump": "postgresql-client",
    "pg_restore": "postgresql-client",
    "ping": "iputils-ping",
    "ps": "procps",
    "psql": "postgresql-client",
    "qpdf": "qpdf",
    "redis-cli": "redis-tools",
    "rsvg-convert": "librsvg2-bin",
    "rsync": "rsync",
    "scp": "openssh-client",
    "sox": "sox",
    "sqlite3": "sqlite3",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "svn": "subversion",
    "tesseract": "tesseract-ocr",
    "traceroute": "traceroute",
    "unzip": "unzip",
    "wget": "wget",
    "whois": "whois",
    "xmlsec1": "xmlsec1",
    "xz": "xz-utils",
    "zip": "zip",
    "zstd": "zstd",
}
"""By the name of a program the package that has it."""
