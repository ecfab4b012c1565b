#!/usr/bin/env bash
# Install those of the Debian packages given as arguments that are missing; fail with their names where
# this user may not install.
set -euo pipefail

fail() {
	echo "error: $*" >&2
	exit 1
}

is_there() {
	case $1 in
	nodejs) node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
		process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' ;;
	python3-venv) "${PYTHON:-python3}" -c 'import ensurepip' ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

"${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
	fail "Python 3.11 or newer is needed; name one with PYTHON=python3.11"

missing=()
for package in "$@"; do
	is_there "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=(env)
elif sudo -n true 2>/dev/null; then
	as_root=(sudo)
else
	fail "missing or too old, and only root may install: apt-get install ${missing[*]}"
fi
command -v apt-get >/dev/null || fail "missing or too old, and this system has no apt-get: ${missing[*]}"

echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update --quiet=2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
	--no-install-recommends "${missing[@]}" >/dev/null

for package in "${missing[@]}"; do
	is_there "$package" || fail "$package is installed, but too old or not found"
done
