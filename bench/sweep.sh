#!/usr/bin/env bash
# Measures how cost grows with nodes, clients, rooms and message size, and draws
# it: bench/sweep.sh [folder for results and plots]. Further arguments go to
# mesh bench, as --duration 2s.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-bench/results}
shift || true
mkdir -p "$folder"
go build -o bin/mesh ./cmd/mesh
go build -C tools -o ../bin/plot ./plot

# sweep NAME CONDITIONS VALUES COMMAND...: one run for each value of the setting NAME,
# and a plot.
sweep() {
	local name=$1 conditions=$2 values=$3
	shift 3
	rm -f "$folder/$name"-*.json
	for value in $values; do
		bin/mesh bench "$@" "--$name" "$value" --json "$folder/$name-$value.json"
	done
	bin/plot --x "$name" --y "server s/M" --title $'CPU seconds per million deliveries\n'"$conditions" \
		--out "$folder/cost-by-$name.svg" "$folder/$name"-*.json
}

sweep nodes "320 clients" "1 2 4 8" throughput --clients 320 "$@"
sweep clients "3 servers" "3 30 300 3000" throughput --nodes 3 "$@"
sweep rooms "3 servers, 900 clients, 1000 messages/s" "1 10 100 300" latency --nodes 3 --clients 900 --rate 1000 "$@"
sweep size "3 servers, 300 clients" "100 1000 4096 16384" throughput --nodes 3 --clients 300 "$@"
