#!/usr/bin/env bash
# Installs what benchmarks of other servers need and do not find: the npm packages
# of bench/node and, where there is apt-get, Debian's redis-server. Redis is only
# installed: each benchmark starts its own.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! [ bench/node/node_modules/.package-lock.json -nt bench/node/package-lock.json ]; then
	(cd bench/node && npm ci --no-audit --no-fund)
fi

install_redis() {
	local as_root=""
	if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi
	$as_root apt-get update -qq &&
		$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null
}

if ! command -v redis-server >/dev/null; then
	if ! command -v apt-get >/dev/null; then
		echo "install redis-server to measure servers that need Redis" >&2
	else
		echo "installing redis-server for the benchmarks"
		install_redis || echo "could not install redis-server" >&2
	fi
fi
