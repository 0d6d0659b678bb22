#!/usr/bin/env bash
# Installs what benchmarks of other servers need and do not find: the npm packages
# of bench/node and, where there is apt-get, Debian's redis-server, for which it waits
# for another apt that is at work. Redis is only installed: each benchmark starts its
# own.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! [ bench/node/node_modules/.package-lock.json -nt bench/node/package-lock.json ]; then
	(cd bench/node && npm ci --no-audit --no-fund)
fi

if ! command -v redis-server >/dev/null; then
	if ! command -v apt-get >/dev/null; then
		echo "install redis-server to measure servers that need Redis" >&2
	else
		echo "installing redis-server for the benchmarks"
		./tools/apt-install.sh redis-server || echo "could not install redis-server" >&2
	fi
fi
