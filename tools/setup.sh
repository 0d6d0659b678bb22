#!/usr/bin/env bash
# Installs what the end-to-end tests need and does not find: the npm packages of
# e2e/node, e2e/compat/node and e2e/oracle/node and, where there is apt-get, Debian's chromium,
# prometheus, nftables, and the balancers nginx and haproxy. It waits for another apt that is at work.
set -euo pipefail
cd "$(dirname "$0")/.."

for packages in e2e/node e2e/compat/node e2e/oracle/node; do
	if ! [ "$packages/node_modules/.package-lock.json" -nt "$packages/package-lock.json" ]; then
		(cd "$packages" && npm ci --no-audit --no-fund)
	fi
done

# need PURPOSE PROGRAMS PACKAGES: installs the packages unless all programs are there. That it
# could not is an error only where CI is set.
need() {
	if ! command -v apt-get >/dev/null || [ "$(command -v $2 | wc -l)" -eq "$(wc -w <<<"$2")" ]; then return; fi
	echo "installing $3 for $1"
	if ! ./tools/apt-install.sh $3; then
		echo "could not install $3" >&2
		if [ -n "${CI:-}" ]; then exit 1; fi
	fi
}

need "the tests of the demo's page" chromium "chromium fonts-dejavu-core"
need "the tests of deploy/" "nginx haproxy" "nginx haproxy"
need chaos "nft ip" "nftables iproute2"
need "the tests of metrics and alert rules" promtool prometheus
