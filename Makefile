# Two commands matter: `make demo` shows the mesh, `make test` proves it.
# Only Go and Node are expected to be there; the rest is installed when missing.

GO ?= go
TIMEOUT ?= 15m
FUZZTIME ?= 10s
SEEDS ?= 0 10000
DURATION ?= 3m
# Tests wait more than they compute, for clocks and for other processes: so twice as many of a
# package run at once as there are processors. More packages at once would save little, and
# have whole clusters of processes wait for each other. -trimpath lets clones in other folders
# share what the compiler has done.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
TWICE := $(shell expr 2 \* $(PROCESSORS))
TESTS = -trimpath -vet=off -shuffle=on -timeout=$(TIMEOUT) -p=$(PROCESSORS) -parallel=$(TWICE)
COMPARE ?= mesh,node-redis,zishang-redis
SCHEMA = codec/proto/meshpb/mesh.proto
LIGHT = ./api ./mutants ./plot ./protogen# of the tools; go test vets the others, whose libraries take minutes to check
PLAIN := $(shell $(GO) env GOFLAGS) -trimpath
PROTOGEN = $(GO) run -C tools ./protogen .. $(SCHEMA)

.PHONY: help build demo test examples-test kubernetes-test tools-test sim-test helm host-versions setup lint fmt api generate fuzz sim mutants chaos soak vulncheck bench bench-setup micro storm admin-scale screenshots

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary, as bin/mesh
	$(GO) build -o bin/mesh ./cmd/mesh

demo: ## three servers, one mesh, a web page on each
	$(GO) run ./cmd/mesh demo

# What runs without the race detector is compiled as deploy/Dockerfile compiles it, so
# that the compiler does the work once. (The test of tools/api needs GOROOT, which
# -trimpath takes from it.)
lint host-versions kubernetes-test sim-test mutants: export CGO_ENABLED = 0
lint host-versions kubernetes-test sim-test mutants: export GOFLAGS = $(PLAIN)

# Vetting is a part of lint.
test: setup ## all tests, with the race detector; and host-versions
	$(GO) test -race $(TESTS) ./...
	@$(MAKE) --no-print-directory -j3 examples-test kubernetes-test tools-test sim-test host-versions

storm: ## clients that are there, and twelve times as many that come at once, on one processor
	$(GO) test -count=1 -v -run TestStorm ./socketio -storm

admin-scale: setup ## the admin page in a browser, with 100 nodes, and left open for 100,000 changes
	$(GO) test -v -run 'AdminPage(AtScale|LeftOpen)' ./e2e -scale

screenshots: setup ## the pictures of docs/admin.md, taken again
	MESH_E2E_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 -run 'TestAdminPage$$|TestAdminPageAtScale' ./e2e -scale

examples-test: setup
	$(GO) -C examples test -race $(TESTS) ./...

kubernetes-test: ## discovery/kubernetes, a module of its own: its library takes minutes to compile, and more with the race detector
	$(GO) -C discovery/kubernetes test -shuffle=on -timeout=$(TIMEOUT) ./...

tools-test: setup ## the tests of the tools, which check deploy/ too
	$(GO) -C tools test -trimpath=false ./...

sim-test: ## 500 seeds of internal/sim, without the race detector, which runs 60
	$(GO) test -count=1 ./internal/sim

helm: ## the chart with helm itself, which takes minutes to compile; UPDATE=1 writes what it comes to, where tools-test looks at it
	$(GO) -C tools test -trimpath=false -count=1 -tags helm -run 'Helm|Chart' ./manifests $(if $(UPDATE),-update)

host-versions: setup ## what leans on the Socket.IO library, with its older versions
	@GO=$(GO) ./tools/host-versions.sh $(TESTS) ./socketio/... ./e2e/compat/...

setup: ## what the end-to-end tests need: npm packages and a browser
	@./tools/setup.sh

lint: ## formatting, vet, staticcheck, go.mod, generated code, the API listing, and who imports whom
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$files" ]; then echo "not formatted (run make fmt):"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) -C examples vet ./...
	$(GO) -C tools vet $(LIGHT)
	staticcheck=$$($(GO) -C tools tool -n staticcheck) && $$staticcheck ./... && (cd examples && $$staticcheck ./...) && cd tools && $$staticcheck $(LIGHT)
	$(GO) mod tidy -diff
	$(GO) -C examples mod tidy -diff
	$(GO) -C discovery/kubernetes mod tidy -diff
	$(GO) -C tools mod tidy -diff
	@GO=$(GO) ./tools/generated.sh $(SCHEMA)
	$(GO) run -C tools ./api -check ..
	$(GO) test -count=1 ./internal/archtest

fmt: ## format all Go files
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

api: ## list what the public packages export, below api/
	$(GO) run -C tools ./api ..

generate: ## the Go code of the protobuf schema, and the chart's copies of files of deploy/
	$(PROTOGEN) ..
	cp deploy/prometheus/alerts.yml deploy/grafana/dashboard.json deploy/helm/mesh/files/

fuzz: ## every fuzz target, for FUZZTIME each
	@FUZZTIME=$(FUZZTIME) GO=$(GO) ./tools/fuzz.sh

sim: ## clusters in virtual time, with faults drawn from 10,000 seeds: make sim SEEDS="0 50000"
	@GO=$(GO) ./tools/sim.sh $(SEEDS)

mutants: ## plants faults in the code and shows that a named test notices each: make mutants ONLY=ack
	@$(GO) run -C tools ./mutants $(if $(ONLY),-only '$(ONLY)')

chaos: ## real servers in network namespaces, and faults: make chaos SEED=7 DURATION=10m TRANSPORT=quic ONLY=pause
	@$(GO) run ./e2e/chaos -duration $(DURATION) $(if $(SEED),-seed $(SEED)) $(if $(TRANSPORT),-transport $(TRANSPORT)) \
		$(if $(SERVERS),-servers $(SERVERS)) $(if $(RATE),-rate $(RATE)) $(if $(ONLY),-only '$(ONLY)') $(if $(LOGS),-dir $(LOGS))

soak: ## real servers for DURATION, what comes and goes, and whether they grow: make soak DURATION=30m TRANSPORT=quic CSV=soak.csv
	@$(GO) run ./e2e/soak -duration $(DURATION) $(if $(SEED),-seed $(SEED)) $(if $(TRANSPORT),-transport $(TRANSPORT)) $(if $(SERVERS),-servers $(SERVERS)) \
		$(if $(CSV),-csv $(CSV))

vulncheck: ## known vulnerabilities in code that is called; needs vuln.go.dev, or DB=file:///a/copy/of/it
	@for module in . examples discovery/kubernetes; do \
		echo "$$module:"; $(GO) -C $$module run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(DB),-db $(DB)) ./... || exit 1; done

bench: build bench-setup ## this mesh against others: make bench COMPARE=mesh,baseline BENCH="--mode latency"
	bin/mesh bench --compare $(COMPARE) --rounds 3 $(BENCH)

bench-setup: ## what benchmarks of other servers need: npm packages and redis-server
	@./tools/bench-setup.sh

micro: ## the benchmarks in the packages
	$(GO) test -run='^$$' -bench=. -benchmem ./...
