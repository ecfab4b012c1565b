#!/usr/bin/env bash
# Fail when the contract breaks compatibility with main: compare with the newest version of the .proto
# files on main that differs from the one here. That is main itself for a change in progress, and the
# version before the last change for a checkout of main, such as CI's. A commit whose message has the
# trailer "Contract-Break: why" may break it.
set -euo pipefail

skip() {
	echo "buf breaking: nothing to compare with ($*)"
	exit 0
}

git rev-parse --verify --quiet HEAD >/dev/null || skip "not a git checkout with commits"
for main in origin/main main HEAD; do
	git rev-parse --verify --quiet "$main" >/dev/null && break
done
# A shallow clone may lack the common ancestor.
start=$(git merge-base "$main" HEAD || git rev-parse HEAD)

declared=
for base in $(git rev-list --first-parent --max-count=2 "$start" -- 'protos/*.proto'); do
	if ! git diff --quiet "$base" -- 'protos/*.proto'; then
		[ -z "$declared" ] || skip "the last change declares a break: $declared"
		echo "buf breaking: comparing with $(git log -1 --format='%h (%s)' "$base")"
		git archive "$base" buf.yaml protos | .venv/bin/buf breaking --against '-#format=tar'
		exit
	fi
	declared=$(git log -1 --format='%(trailers:key=Contract-Break,valueonly)' "$base")
done
skip "the .proto files on main have no earlier version"
