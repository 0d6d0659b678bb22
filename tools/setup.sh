#!/usr/bin/env bash
# Installs what the end-to-end tests need and does not find: the npm packages of
# e2e/ and, where there is apt-get, Debian's chromium.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -f e2e/package.json ] && ! [ e2e/node_modules/.package-lock.json -nt e2e/package-lock.json ]; then
	(cd e2e && npm ci --no-audit --no-fund)
fi

if ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then
	echo "installing chromium"
	as_root=""
	if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi
	$as_root apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
