#!/usr/bin/env bash
# Fail when the generated code in the tree differs from the output for its .proto files.
set -euo pipefail

fresh=$(mktemp --directory)
trap 'rm -rf "$fresh"' EXIT

echo "generated code: comparing with a fresh run"
scripts/generate_protos.sh "$fresh"
diff --recursive --brief --exclude='*.proto' --exclude=__init__.py --exclude=py.typed \
	--exclude=__pycache__ protos "$fresh" || {
	echo "error: run 'make protos' and commit its output" >&2
	exit 1
}
