#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
time=${FUZZTIME:-10s}
for package in $("$go" list ./...); do
	for target in $("$go" test -list='^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		"$go" test -run='^$' -fuzz="^$target\$" -fuzztime="$time" "$package"
	done
done
