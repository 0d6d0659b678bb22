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

# sweep NAME TITLE COLUMN VALUES COMMAND...: one run for each value of the setting
# NAME, and a plot.
sweep() {
	local name=$1 title=$2 column=$3 values=$4
	shift 4
	rm -f "$folder/$name"-*.json
	for value in $values; do
		bin/mesh bench "$@" "--$name" "$value" --json "$folder/$name-$value.json"
	done
	bin/plot --x "$name" --y "$column" --title "$title" --out "$folder/cost-by-$name.svg" "$folder/$name"-*.json
}

cpu="server s/M"
sweep nodes "CPU seconds per million deliveries, 320 clients" "$cpu" "1 2 4 8" throughput --clients 320 "$@"
sweep clients "CPU seconds per million deliveries, 3 servers" "$cpu" "3 30 300 3000" throughput --nodes 3 "$@"
sweep rooms "CPU seconds per million deliveries, 3 servers, 900 clients, 1000 messages/s" "$cpu" "1 10 100 300" latency --nodes 3 --clients 900 --rate 1000 "$@"
sweep size "CPU seconds per million deliveries, 3 servers, 300 clients" "$cpu" "100 1000 4096 16384" throughput --nodes 3 --clients 300 "$@"
