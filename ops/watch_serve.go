package ops

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// The limits of feeds.
const (
	maxWatchers = 32
	// watchWrite is how long writing a line may take: a slower reader is disconnected.
	watchWrite = 10 * time.Second
	// watchCheck is the interval at which a reader's token or certificate is checked again,
	// because they can change. watchLife limits the life of a feed, and so how long a
	// reader that has vanished can occupy it. Pages reconnect by themselves.
	watchCheck = 10 * time.Second
	watchLife  = 15 * time.Minute
)

// serveWatch serves the feed of a page: one line with everything, and then each second a
// line with what has changed. A reader that does not keep up gets everything again, and a
// reader that takes nothing is disconnected.
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
	w.Header().Set("X-Accel-Buffering", "no") // tells proxies that know it not to buffer lines
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

// sameSite refuses requests of other sites' pages, which could not read the answer but
// would make the node work. Browsers say which site a request comes from; programs do not.
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

// foreign reports whether a page of another site has sent the request. A link that a user
// follows does not count as such.
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
