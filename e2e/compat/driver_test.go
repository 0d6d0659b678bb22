package compat

import (
	"fmt"
	"sync"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

type (
	args = map[string]any
	list = []any
)

// patience is how long anything may take that must happen. The process of the clients
// answers before its own time is over.
const patience = procs.Patience * 3 / 4

// driver is the process in which npm's clients run. It is shared by all tests, and
// started with the first client.
var driver struct {
	once sync.Once
	*procs.Process
	err error
}

func startDriver(t *trial) *procs.Process {
	t.Helper()
	driver.once.Do(func() { driver.Process, driver.err = procs.Start("clients", "node", "node/client.js") })
	if driver.err != nil {
		t.Fatal(driver.err)
	}
	return driver.Process
}

func stopDriver() {
	if driver.Process == nil {
		return
	}
	driver.Close()
	if text := driver.Log.Tail(); text != "" {
		fmt.Printf("clients: %s", text)
	}
}
