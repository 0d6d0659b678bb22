# Two commands matter: `make demo` shows the mesh, `make test` proves it.
# Only Go and Node are expected to be there; the rest is installed when missing.

GO ?= go
TIMEOUT ?= 15m
FUZZTIME ?= 10s
COMPARE ?= mesh,node-redis,zishang-redis
SCHEMA = codec/proto/meshpb/mesh.proto
LIGHT = ./api ./plot ./protogen# of the tools; go test vets the others, whose libraries take minutes to check
PLAIN := $(shell $(GO) env GOFLAGS) -trimpath
PROTOGEN = $(GO) run -C tools ./protogen .. $(SCHEMA)

.PHONY: help build demo test tools-test host-versions setup lint fmt api generate fuzz bench bench-setup micro

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary, as bin/mesh
	$(GO) build -o bin/mesh ./cmd/mesh

demo: ## three servers, one mesh, a web page on each
	$(GO) run ./cmd/mesh demo

# What runs without the race detector is compiled as deploy/Dockerfile compiles it, so
# that the compiler does the work once. (The test of tools/api needs GOROOT, which
# -trimpath takes from it.)
lint host-versions: export CGO_ENABLED = 0
lint host-versions: export GOFLAGS = $(PLAIN)

# Vetting is a part of lint.
test: setup ## all tests, with the race detector; and host-versions
	$(GO) test -race -vet=off -shuffle=on -timeout=$(TIMEOUT) ./...
	$(GO) -C examples test -race -vet=off -shuffle=on -timeout=$(TIMEOUT) ./...
	@$(MAKE) --no-print-directory tools-test host-versions

tools-test: setup ## the tests of the tools, which check deploy/ too
	$(GO) -C tools test ./...

host-versions: setup ## what leans on the Socket.IO library, with its older versions
	@GO=$(GO) ./tools/host-versions.sh -vet=off -shuffle=on -timeout=$(TIMEOUT) ./socketio/... ./e2e/compat/...

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
	$(GO) -C tools mod tidy -diff
	@GO=$(GO) ./tools/generated.sh $(SCHEMA)
	$(GO) run -C tools ./api -check ..
	$(GO) test -count=1 ./internal/archtest

fmt: ## format all Go files
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

api: ## list what the public packages export, below api/
	$(GO) run -C tools ./api ..

generate: ## the Go code of the protobuf schema
	$(PROTOGEN) ..

fuzz: ## every fuzz target, for FUZZTIME each
	@FUZZTIME=$(FUZZTIME) GO=$(GO) ./tools/fuzz.sh

bench: build bench-setup ## this mesh against others: make bench COMPARE=mesh,baseline BENCH="--mode latency"
	bin/mesh bench --compare $(COMPARE) --rounds 3 $(BENCH)

bench-setup: ## what benchmarks of other servers need: npm packages and redis-server
	@./tools/bench-setup.sh

micro: ## the benchmarks in the packages
	$(GO) test -run='^$$' -bench=. -benchmem ./...
