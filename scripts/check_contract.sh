#!/usr/bin/env bash
# Fails when the contract breaks what main promised: compares with the newest state of the .proto files
# on main that differs from the one here. That is main itself for a change under way, and the contract
# before its last change for a checkout of main, such as CI's. A commit whose message has the trailer
# "Contract-Break: why" is let through.
set -euo pipefail

nothing() {
	echo "buf breaking: nothing to compare with ($*)"
	exit 0
}

git rev-parse --verify --quiet HEAD >/dev/null || nothing "not a git checkout with commits"
for main in origin/main main HEAD; do
	git rev-parse --verify --quiet "$main" >/dev/null && break
done
# A shallow clone may lack the common ancestor.
start=$(git merge-base "$main" HEAD || git rev-parse HEAD)

declared=
for base in $(git rev-list --first-parent --max-count=2 "$start" -- 'protos/*.proto'); do
	if ! git diff --quiet "$base" -- 'protos/*.proto'; then
		[ -z "$declared" ] || nothing "the last change declares a break: $declared"
		echo "buf breaking: comparing with $(git log -1 --format='%h (%s)' "$base")"
		git archive "$base" buf.yaml protos | .venv/bin/buf breaking --against '-#format=tar'
		exit
	fi
	declared=$(git log -1 --format='%(trailers:key=Contract-Break,valueonly)' "$base")
done
nothing "the .proto files are as main first had them"
