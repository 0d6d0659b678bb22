package ops

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// The bounds of feeds.
const (
	maxWatchers = 32
	// watchWrite is how long a line may take to be written: a reader that is slower is cut.
	watchWrite = 10 * time.Second
	// watchCheck is after how long a reader is asked again for what lets it in: tokens and
	// certificates change. watchLife bounds what a reader can hold that has gone without a
	// word. Pages ask again by themselves.
	watchCheck = 10 * time.Second
	watchLife  = 15 * time.Minute
)

// serveWatch serves what pages show: a line with all of it, and then each second one with
// what has changed. A reader that does not keep up gets all of it again, and one that
// takes nothing is cut.
func (h *Handler) serveWatch(w http.ResponseWriter, r *http.Request) {
	if _, err := paramsOf(r); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	if !h.watch.join() {
		h.busy.Add(1)
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, fmt.Errorf("%d pages watch this node already, or it stops", maxWatchers))
		return
	}
	defer h.watch.leave()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that know it pass lines on at once
	life := time.NewTimer(watchLife)
	defer life.Stop()
	check := time.NewTicker(watchCheck)
	defer check.Stop()
	var had *frame
	for {
		f, next := h.watch.look()
		if f != nil && f != had {
			line := f.delta
			if had == nil || had.epoch != f.epoch || had.number != f.number-1 {
				line = f.full()
			}
			_ = control.SetWriteDeadline(time.Now().Add(watchWrite))
			if _, err := w.Write(line); err != nil {
				return
			}
			if err := control.Flush(); err != nil {
				return
			}
			had = f
		}
		select {
		case <-next:
		case <-check.C:
			if h.authorise(r) != "" {
				return
			}
		case <-life.C:
			return
		case <-r.Context().Done():
			return
		case <-h.ctx.Done():
			return
		}
	}
}

// sameSite refuses what pages of other sites ask for, which they could not read but which
// would cost something all the same. Browsers say whose page it is; programs do not.
func (b *base) sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if foreign(r) {
			b.refused.Add(1)
			b.logs.Log(b.o.Logger, slog.LevelWarn, "foreign", "refusing an operator's request", "remote", r.RemoteAddr, "path", r.URL.Path, "error", errForeign)
			fail(w, http.StatusForbidden, errForeign)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var errForeign = errors.New("it comes from a page of another site")

// foreign tells whether a page of another site has sent the request. A link there that
// somebody follows is none of its requests.
func foreign(r *http.Request) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		return err != nil || u.Host != r.Host
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}
