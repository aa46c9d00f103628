# Configures the packages of a root for real. Runs in a sandbox, as root in fakeroot's eyes.
#
# /grocker has what the run needs and gets its result:
#   owners/MODE:UID:GID  NUL-separated paths that are not 0755, 0644 and root's
#   packages             names of the packages to configure, one a line
#   preinst              those of them with a preinst
#   templates            other packages with templates of debconf
#   before, after        get a listing of every path, see debian/effects.py
#   capabilities         gets those of files; no script sets any where there is no getcap, which is in setcap's package
set -eu
cd /

list() {
    find "$@" -xdev -printf '%y\t%m\t%U\t%G\t%i\t%s\t%T@\t%C@\t%p\0%l\0'
}

roots=$(find / -mindepth 1 -maxdepth 1 -type d ! -name dev ! -name proc ! -name sys ! -name tmp ! -name grocker | sort)

# To fakeroot, a file belongs to its real owner from the moment when setcap sets its attribute, unless it knows another one.
if command -v setcap > /dev/null; then
    find $roots -xdev -type f -perm /111 -exec chown root:root {} +
fi
for list in /grocker/owners/*; do
    name=${list##*/}
    xargs -0 -r -a "$list" chown -h "${name#*:}" --
    xargs -0 -r -a "$list" chmod "${name%%:*}" --
done
# These drop every variable that they do not know, those of fakeroot too.
for program in /usr/bin/ucf /usr/bin/ucfr; do
    sed -i 's/^\tPATH|PWD|TERM) ;;$/\tPATH|PWD|TERM|LD_*|FAKEROOT*) ;;/' "$program"
done
# An image has no manual pages, but some scripts make links to them.
for number in 1 2 3 4 5 6 7 8 9; do
    mkdir -p "/usr/share/man/man$number"
done
list $roots > /grocker/before

info=/var/lib/dpkg/info
perl -MDebconf::Db -MDebconf::Template -e '
    Debconf::Db->load;
    while (my $name = <STDIN>) {
        chomp $name;
        Debconf::Template->load("$ARGV[0]/$name.templates", $name =~ s/:.*//r);
    }
    Debconf::Db->save;
' "$info" < /grocker/templates

export DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT=
while read -r name; do
    DPKG_MAINTSCRIPT_PACKAGE=${name%%:*} DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 \
        DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) DPKG_RUNNING_VERSION=$(dpkg-query -W -f '${Version}' dpkg) \
        "$info/$name.preinst" install < /dev/null || {
        echo "grocker: the preinst of $name failed"
        exit 100
    }
done < /grocker/preinst

xargs -r -a /grocker/packages dpkg --force-unsafe-io --force-confold --configure < /dev/null
dpkg --force-unsafe-io --triggers-only --pending < /dev/null
list $roots > /grocker/after
if command -v getcap > /dev/null; then getcap -r $roots; fi > /grocker/capabilities
