"""The Debian packages that building well-known sdists takes, and where well-known headers and programs are. Tables.

Names are those of Debian 12 to 14. Sources: the installation instructions of each project; Debian's own Build-Depends.
"""

from __future__ import annotations

import re

from grocker.regex import regex

TOOLCHAIN = (*("bzip2", "file", "g++", "gcc", "libc6-dev", "make", "patch", "perl-base", "pkgconf", "xz-utils"),)
"""with the packages of every image and the interpreter's headers, what builds sdists"""

SDISTS: dict[str, tuple[str, ...]] = {
    "apsw": ("libsqlite3-dev",),
    "argon2-cffi-bindings": ("libffi-dev",),
    "av": (
        *("libavcodec-dev", "libavdevice-dev", "libavfilter-dev", "libavformat-dev", "libavutil-dev"),
        *("libswresample-dev", "libswscale-dev"),
    ),
    "brotlicffi": ("libffi-dev",),
    "cairocffi": ("libcairo2-dev", "libffi-dev"),
    "cffi": ("libffi-dev",),
    "dbus-python": ("libdbus-1-dev", "libglib2.0-dev"),
    "dlib": ("cmake",),
    "evdev": ("linux-libc-dev",),
    "gdal": ("libgdal-dev",),
    "gmpy2": ("libgmp-dev", "libmpc-dev", "libmpfr-dev"),
    "gssapi": ("libkrb5-dev",),
    "h5py": ("libhdf5-dev",),
    "hiredis": (),
    "kerberos": ("libkrb5-dev",),
    "libvirt-python": ("libvirt-dev",),
    "lxml": ("libxml2-dev", "libxslt1-dev", "zlib1g-dev"),
    "m2crypto": ("libssl-dev", "swig"),
    "mariadb": ("libmariadb-dev",),
    "mysqlclient": ("default-libmysqlclient-dev", "libssl-dev", "zlib1g-dev"),
    "netcdf4": ("libhdf5-dev", "libnetcdf-dev"),
    "netifaces": (),
    "pdftotext": ("libpoppler-cpp-dev",),
    "pillow": (
        *("libfreetype-dev", "libjpeg-dev", "liblcms2-dev", "libopenjp2-7-dev", "libtiff-dev", "libwebp-dev"),
        "zlib1g-dev",
    ),
    "pocketsphinx": ("libasound2-dev", "libpulse-dev", "swig"),
    "psycopg-c": ("libpq-dev",),
    "psycopg2": ("libpq-dev",),
    "psycopg2-binary": ("libpq-dev",),
    "pyaudio": ("portaudio19-dev",),
    "pycairo": ("libcairo2-dev",),
    "pycups": ("libcups2-dev",),
    "pycurl": ("libcurl4-openssl-dev", "libssl-dev"),
    "pyfuse3": ("libfuse3-dev",),
    "pygobject": ("libcairo2-dev", "libffi-dev", "libgirepository1.0-dev", "libglib2.0-dev"),
    "pygraphviz": ("libgraphviz-dev",),
    "pyicu": ("libicu-dev",),
    "pykerberos": ("libkrb5-dev",),
    "pylibmc": ("libmemcached-dev", "zlib1g-dev"),
    "pymssql": ("freetds-dev", "libkrb5-dev", "libssl-dev"),
    "pynacl": ("libffi-dev", "libsodium-dev"),
    "pyodbc": ("unixodbc-dev",),
    "pyproj": ("libproj-dev", "proj-bin"),
    "pysqlcipher3": ("libsqlcipher-dev",),
    "python-ldap": ("libldap-dev", "libsasl2-dev"),
    "python-prctl": ("libcap-dev",),
    "python-snappy": ("libsnappy-dev",),
    "pyzmq": ("libzmq3-dev",),
    "rasterio": ("libgdal-dev",),
    "reportlab": ("libfreetype-dev",),
    "rrdtool": ("librrd-dev",),
    "shapely": ("libgeos-dev",),
    "systemd-python": ("libsystemd-dev",),
    "tables": ("libblosc-dev", "libbz2-dev", "libhdf5-dev", "liblzo2-dev"),
    "uwsgi": ("libcap-dev", "libexpat1-dev", "libpcre2-dev", "libssl-dev", "zlib1g-dev"),
    "xmlsec": ("libltdl-dev", "libxmlsec1-dev"),
}
"""By the normalised name of a distribution whose sdist needs a compiler, with what it takes besides the toolchain."""

_HEADERS = {
    "asoundlib.h": "libasound2-dev",
    "bzlib.h": "libbz2-dev",
    "cairo.h": "libcairo2-dev",
    "curl/": "libcurl4-openssl-dev",
    "event.h": "libevent-dev",
    "expat.h": "libexpat1-dev",
    "ffi.h": "libffi-dev",
    "freetype/": "libfreetype-dev",
    "ft2build.h": "libfreetype-dev",
    "gdal.h": "libgdal-dev",
    "geos_c.h": "libgeos-dev",
    "gmp.h": "libgmp-dev",
    "gssapi/": "libkrb5-dev",
    "hdf5.h": "libhdf5-dev",
    "jpeglib.h": "libjpeg-dev",
    "krb5.h": "libkrb5-dev",
    "lber.h": "libldap-dev",
    "ldap.h": "libldap-dev",
    "libmemcached/": "libmemcached-dev",
    "libpq-fe.h": "libpq-dev",
    "libxml/": "libxml2-dev",
    "libxslt/": "libxslt1-dev",
    "lzma.h": "liblzma-dev",
    "magic.h": "libmagic-dev",
    "mpfr.h": "libmpfr-dev",
    "mysql.h": "default-libmysqlclient-dev",
    "mysql/": "default-libmysqlclient-dev",
    "ncurses.h": "libncurses-dev",
    "openssl/": "libssl-dev",
    "pcap.h": "libpcap-dev",
    "pcre2.h": "libpcre2-dev",
    "png.h": "libpng-dev",
    "portaudio.h": "portaudio19-dev",
    "proj.h": "libproj-dev",
    "readline/": "libreadline-dev",
    "sasl/": "libsasl2-dev",
    "security/pam_appl.h": "libpam0g-dev",
    "snappy.h": "libsnappy-dev",
    "sodium.h": "libsodium-dev",
    "sql.h": "unixodbc-dev",
    "sqlite3.h": "libsqlite3-dev",
    "sys/capability.h": "libcap-dev",
    "systemd/": "libsystemd-dev",
    "tiff.h": "libtiff-dev",
    "unicode/": "libicu-dev",
    "uuid/uuid.h": "uuid-dev",
    "webp/": "libwebp-dev",
    "yaml.h": "libyaml-dev",
    "zlib.h": "zlib1g-dev",
    "zmq.h": "libzmq3-dev",
    "zstd.h": "libzstd-dev",
}
_PROGRAMS = {
    "cargo": "cargo",
    "cmake": "cmake",
    "curl-config": "libcurl4-openssl-dev",
    "gdal-config": "libgdal-dev",
    "geos-config": "libgeos-dev",
    "gfortran": "gfortran",
    "git": "git",
    "krb5-config": "libkrb5-dev",
    "mariadb_config": "libmariadb-dev",
    "mysql_config": "default-libmysqlclient-dev",
    "ninja": "ninja-build",
    "pcre2-config": "libpcre2-dev",
    "pg_config": "libpq-dev",
    "rustc": "rustc",
    "swig": "swig",
    "xml2-config": "libxml2-dev",
    "xslt-config": "libxslt1-dev",
}
_HEADER = regex(r"fatal error: (?P<name>[\w./+-]+\.h\w*): No such file|\b(?P<other>[\w./+-]+\.h): No such file")
_PROGRAM = regex(
    r"(?:No such file or directory: '|/bin/sh: \d+: )?\b(?P<name>{})\b.{{0,40}}?not found"
    r"|No such file or directory: '(?P<other>{})'".format(*["|".join(map(re.escape, _PROGRAMS))] * 2)
)
_SAYINGS = (
    (r"Unknown compiler\(s\): \[\['gfortran'|No CMAKE_Fortran_COMPILER", "gfortran"),
    (r"Rust package manager, is not installed|can't find Rust compiler|RustNotFound", "cargo"),
    (r"Problem with the CMake installation|CMake must be installed|requires CMake", "cmake"),
)
"""how build systems say that a program is not there"""


def find_lacking(output: str) -> tuple[str, str] | None:
    """Return the header or program that a failed build lacked, and the Debian package that has it, empty if unknown.

    ``output``: what the build wrote. None when it does not look as if something was lacking.
    """
    header = _HEADER.search(output)
    if header is not None:
        name = header["name"] or header["other"]
        parts = name.split("/")
        places = (name, "/".join(parts[:1]) + "/" if len(parts) > 1 else name, parts[-1])
        return name, next((_HEADERS[place] for place in places if place in _HEADERS), "")
    program = _PROGRAM.search(output)
    if program is not None:
        name = program["name"] or program["other"]
        return name, _PROGRAMS[name]
    said = next((name for pattern, name in _SAYINGS if re.search(pattern, output)), None)
    return (said, _PROGRAMS[said]) if said is not None else None
