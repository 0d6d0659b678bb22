package ops

import (
	"fmt"
	"html"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/backoff"
)

// Profiles are served here as by net/http/pprof, which this package does not import: it
// would serve them on http.DefaultServeMux of every program that contains the mesh.

// maxProfileTime limits how long a profile or a trace is recorded.
const maxProfileTime = 5 * time.Minute

func servePprof(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/debug/pprof/")
	switch name {
	case "":
		listProfiles(w)
	case "profile":
		record(w, r, 30*time.Second, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	case "trace":
		record(w, r, time.Second, func() error { return trace.Start(w) }, trace.Stop)
	default:
		profile := pprof.Lookup(name)
		if profile == nil {
			fail(w, http.StatusNotFound, fmt.Errorf("no profile %q", name))
			return
		}
		debug, _ := strconv.Atoi(r.FormValue("debug"))
		if debug > 0 {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		} else {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		profile.WriteTo(w, debug)
	}
}

func listProfiles(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!doctype html><title>profiles</title><ul>\n")
	for _, p := range pprof.Profiles() {
		name := html.EscapeString(p.Name())
		fmt.Fprintf(w, "<li><a href=\"%s?debug=1\">%s</a> (%d)\n", name, name, p.Count())
	}
	fmt.Fprint(w, "<li><a href=\"profile?seconds=10\">profile</a> of the processor\n<li><a href=\"trace?seconds=1\">trace</a>\n</ul>\n")
}

// record records for the time that the request asks for.
func record(w http.ResponseWriter, r *http.Request, d time.Duration, start func() error, stop func()) {
	if s := r.FormValue("seconds"); s != "" {
		seconds, err := strconv.ParseFloat(s, 64)
		if err != nil || !(seconds > 0 && seconds <= maxProfileTime.Seconds()) {
			fail(w, http.StatusBadRequest, fmt.Errorf("seconds: %q is not allowed: want a number above 0, at most %.0f", s, maxProfileTime.Seconds()))
			return
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + writeTime))
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := start(); err != nil {
		fail(w, http.StatusConflict, err) // another profile is being recorded
		return
	}
	defer stop()
	backoff.Sleep(r.Context(), d)
}
