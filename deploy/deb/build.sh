#!/bin/sh
# Build a Debian package of flowclass with a virtual environment of its own: sh deploy/deb/build.sh [FOLDER]
#
# The package is put into FOLDER (dist by default). It runs on the Debian release and the architecture it is built on,
# because it brings compiled packages for that release's python3. Needs python3-venv, a compiler, libpcap-dev (pcapy-ng
# has no wheels) and a way to the package indexes; needs no root.
# EXTRAS (environment): extras to install, "web,geo,privacy,parquet" by default.
set -eu
cd "$(dirname "$0")/../.."
dist=$(mkdir -p "${1:-dist}" && cd "${1:-dist}" && pwd)
extras=${EXTRAS-web,geo,privacy,parquet}
# Debian's own python3, whatever comes first in PATH: it is what the installed package runs on.
python=/usr/bin/python3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
umask 022

version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
architecture=$(dpkg --print-architecture)
home=usr/lib/flowclass

"$python" -m venv "$root/$home"
# The sources are copied: setuptools leaves its build folder beside them.
mkdir "$root/source"
# The copy is no checkout, and the package says what it was built from.
FLOWCLASS_REVISION=$(git describe --always --dirty --abbrev=12 2>/dev/null || true)
export FLOWCLASS_REVISION
cp -R flowclass models pcaps pyproject.toml setup.py MANIFEST.in README.md LICENSE "$root/source"
"$root/$home/bin/python" -m pip install --quiet --disable-pip-version-check "$root/source${extras:+[$extras]}"
"$root/$home/bin/python" -m pip uninstall --quiet --yes pip setuptools
rm -rf "$root/source"

# The environment moves to where it will be: scripts and its own settings name the folder it was made in.
rm -f "$root/$home/bin/activate"* "$root/$home/bin/Activate.ps1"
grep -rlI "$root" "$root/$home/bin" "$root/$home/pyvenv.cfg" | xargs -r sed -i "s|$root||g"
rm -rf "$root/$home/lib64" && ln -s lib "$root/$home/lib64"
find "$root/$home" -name direct_url.json -delete
# A third of the size is tests of the packages used, and headers for building against them.
find "$root/$home/lib" -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
find "$root/$home" -name __pycache__ -prune -exec rm -rf {} +
# The service cannot write beside its sources, and would compile them at every start.
"$python" -m compileall -q -j 0 -s "$root" -p / --invalidation-mode unchecked-hash "$root/$home/lib" || true

mkdir -p "$root/usr/bin" "$root/etc/flowclass" "$root/usr/lib/systemd/system" "$root/usr/share/man/man1" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/doc/flowclass" \
    "$root/DEBIAN"
ln -s "../lib/flowclass/bin/flowclass" "$root/usr/bin/flowclass"
cp docs/reference/flowclass.toml "$root/etc/flowclass/flowclass.toml"
cp deploy/systemd/*.service "$root/usr/lib/systemd/system/"
gzip -9n < deploy/man/flowclass.1 > "$root/usr/share/man/man1/flowclass.1.gz"
cp deploy/completions/flowclass.bash "$root/usr/share/bash-completion/completions/flowclass"
cp deploy/completions/_flowclass "$root/usr/share/zsh/vendor-completions/_flowclass"
gzip -9n < CHANGELOG.md > "$root/usr/share/doc/flowclass/changelog.gz"
cp LICENSE "$root/usr/share/doc/flowclass/copyright"
for script in postinst prerm postrm; do
    install -m 755 "deploy/deb/$script" "$root/DEBIAN/$script"
done
echo /etc/flowclass/flowclass.toml > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/control" <<EOF
Package: flowclass
Version: $version
Section: net
Priority: optional
Architecture: $architecture
Maintainer: flowclass maintainers <flowclass@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), libpcap0.8, procps, libc6, libstdc++6, zlib1g, libexpat1
Description: finds calls made over the Internet in network traffic
 flowclass reads a network interface or captures of one and says which flows are
 calls made over the Internet, by which application, how long the calls lasted
 and how good they were. It decrypts nothing and keeps no payload.
EOF
package="$dist/flowclass_${version}_$architecture.deb"
dpkg-deb --root-owner-group -Zzstd --build "$root" "$package" >/dev/null
echo "$package"
