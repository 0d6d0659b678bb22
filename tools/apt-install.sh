#!/usr/bin/env bash
# apt-install.sh PACKAGE...: installs Debian packages. Another apt may be at work, as
# is usual on a machine that has just been started: this one waits for its locks, for
# APT_LOCK_TIMEOUT seconds at most. (DPkg::Lock::Timeout does not cover the lock that
# "apt-get update" takes. RUNLEVEL keeps services that are installed from starting.)
set -euo pipefail

patience=${APT_LOCK_TIMEOUT:-600}
as_root=""
if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi

apt_get() {
	local output
	local deadline=$((SECONDS + patience))
	local told=""
	while ! output=$($as_root env LC_ALL=C RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" 2>&1); do
		case $output in
		*"Could not get lock"* | *"Unable to lock"* | *"Unable to acquire the dpkg"*) ;;
		*)
			echo "$output" >&2
			return 1
			;;
		esac
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "$output" >&2
			echo "apt is still locked after $patience s" >&2
			return 1
		fi
		if [ -z "$told" ]; then
			echo "waiting for another apt" >&2
			told=yes
		fi
		sleep 1
	done
}

apt_get update
apt_get install -y --no-install-recommends "$@"
