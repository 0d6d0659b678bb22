#!/usr/bin/env bash
# sim.sh FROM TO [FLAG...]: runs the seeds FROM to TO (not included) of internal/sim, in one
# process for each processor: a run with one processor of its own is the easiest to
# repeat. FLAGs go to the test's binary, as -sim.shrink=300.
set -euo pipefail

from=$1
to=$2
shift 2
jobs=$(nproc)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
${GO:-go} test -c -o "$dir/sim.test" ./internal/sim

pids=()
for ((i = 0; i < jobs; i++)); do
	first=$((from + (to - from) * i / jobs))
	last=$((from + (to - from) * (i + 1) / jobs))
	if [ "$first" -lt "$last" ]; then
		GOMAXPROCS=1 "$dir/sim.test" -test.run '^TestSeeds$' -test.timeout 60m -test.v "-sim.seeds=$first:$last" "$@" >"$dir/$i" 2>&1 &
		pids+=($!)
	fi
done
code=0
for pid in "${pids[@]}"; do wait "$pid" || code=1; done
for ((i = 0; i < jobs; i++)); do
	if [ -f "$dir/$i" ]; then grep -vE '^=== (RUN|NAME)|^ *--- PASS|^PASS$' "$dir/$i" || true; fi
done
exit $code
