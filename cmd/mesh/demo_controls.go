package main

import "net/http"

// stopPath is where the page of a demo's server asks it to stop.
const stopPath = "/stop"

// demoControls are what the page of a demo's server can do more than that of a node.
type demoControls struct {
	add  string // command that adds a server; "" if there is none
	stop func() // ends this server; does not wait
	// locked tells that operators need a certificate, which browsers do not have.
	locked bool
}

// demoView is what such a page is told.
type demoView struct {
	Add   string `json:"add"`
	Admin string `json:"admin"` // the page of operators; "" if a browser is not let in
}

func (c *demoControls) view() *demoView {
	if c == nil {
		return nil
	}
	return &demoView{Add: c.add}
}

// stopHandler stops the server for its own page. The pages of others, of other servers
// too, are refused with 403.
func (c *demoControls) stopHandler() http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		c.stop()
	}))
}
