#!/usr/bin/env bash
# Runs the tests that lean on the Socket.IO library against each older version that is
# supported: go test with the arguments given. The versions are in versions.txt; the
# newest is the one in go.mod, which all other tests run with.
#
# A version's go.mod is made of ours, so nothing has to be kept in step but the hashes
# of its modules, in testdata beside versions.txt. For a new one:
#   tools/host-versions.sh sums v3.0.7
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
prefix=github.com/zishang520/socket.io
modules="servers/socket/v3 servers/engine/v3 parsers/socket/v3 parsers/engine/v3 v3"
home=socketio/internal/hostcompat
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# write_mod VERSION: the go.mod of that version, and the go.sum if its hashes are known
write_mod() {
	cp go.mod "$work/$1.mod"
	for module in $modules; do
		$go mod edit -require="$prefix/$module@$1" "$work/$1.mod"
	done
	cat go.sum "$home/testdata/$1.sum" >"$work/$1.sum" 2>/dev/null || cp go.sum "$work/$1.sum"
}

if [ "${1:-}" = sums ]; then
	write_mod "$2"
	$go mod tidy -modfile="$work/$2.mod"
	grep " $2[ /]" "$work/$2.sum" | grep "^$prefix/" >"$home/testdata/$2.sum"
	exit
fi

current=$($go list -m -f '{{.Version}}' "$prefix/servers/socket/v3")
grep -qx "$current" "$home/versions.txt" || { echo "$home/versions.txt does not have $current, the version in go.mod" >&2; exit 1; }
while read -r version; do
	[ "$version" = "$current" ] && continue
	echo "with version $version of the Socket.IO library:"
	write_mod "$version"
	$go test -modfile="$work/$version.mod" "$@"
done <"$home/versions.txt"
