#!/usr/bin/env bash
# Tells whether the Go code beside a protobuf schema is what would be generated
# from it now.
set -euo pipefail
cd "$(dirname "$0")/.."

schema=$1
code=${schema%.proto}.pb.go
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"${GO:-go}" run -C tools ./protogen .. "$schema" "$fresh"
if ! diff -u "$code" "$fresh/$code"; then
	echo "$code is not what $schema says (run make generate)"
	exit 1
fi
