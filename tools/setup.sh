#!/usr/bin/env bash
# Installs what the end-to-end tests need and does not find: the npm packages of
# e2e/node, e2e/compat/node and e2e/oracle/node and, where there is apt-get, Debian's chromium,
# prometheus, and the balancers nginx and haproxy. It waits for another apt that is at work.
set -euo pipefail
cd "$(dirname "$0")/.."

for packages in e2e/node e2e/compat/node e2e/oracle/node; do
	if ! [ "$packages/node_modules/.package-lock.json" -nt "$packages/package-lock.json" ]; then
		(cd "$packages" && npm ci --no-audit --no-fund)
	fi
done

if ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then
	echo "installing chromium for the tests of the demo's page"
	if ! ./tools/apt-install.sh chromium fonts-dejavu-core; then
		echo "could not install chromium" >&2
		if [ -n "${CI:-}" ]; then exit 1; fi
	fi
fi

if command -v apt-get >/dev/null; then
	balancers=()
	for balancer in nginx haproxy; do
		command -v "$balancer" >/dev/null || balancers+=("$balancer")
	done
	if [ ${#balancers[@]} -gt 0 ]; then
		echo "installing ${balancers[*]} for the tests of deploy/"
		if ! ./tools/apt-install.sh "${balancers[@]}"; then
			echo "could not install ${balancers[*]}" >&2
			if [ -n "${CI:-}" ]; then exit 1; fi
		fi
	fi
fi

if ! command -v promtool >/dev/null && command -v apt-get >/dev/null; then
	echo "installing prometheus for the tests of metrics and alert rules"
	if ! ./tools/apt-install.sh prometheus; then
		echo "could not install prometheus" >&2
		if [ -n "${CI:-}" ]; then exit 1; fi
	fi
fi
