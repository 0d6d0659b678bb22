package main

import "net/http"

// stopPath is the path at which the page of a demo's server can stop the server.
const stopPath = "/stop"

// demoControls are the additional functions of the page of a demo's server.
type demoControls struct {
	add  string // command line that adds a server; "" if there is none
	stop func() // ends this server, without waiting for it
	// locked says that operators need a certificate, which browsers do not have.
	locked bool
}

// demoView is the part of the view for the page of a demo's server.
type demoView struct {
	Add   string `json:"add"`
	Admin string `json:"admin"` // URL of the operators' page; "" if browsers are not let in
}

func (c *demoControls) view() *demoView {
	if c == nil {
		return nil
	}
	return &demoView{Add: c.add}
}

// stopHandler stops the server on behalf of its own page. Pages of other sites and of other
// servers are refused with 403.
func (c *demoControls) stopHandler() http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		c.stop()
	}))
}
