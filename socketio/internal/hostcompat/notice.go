package hostcompat

import (
	"fmt"
	"log/slog"
	"strings"
)

// Loss is something that does not work with the version of the library.
type Loss struct {
	What string // what does not work
	Why  error
	Cost string
}

func (l Loss) String() string { return fmt.Sprintf("%s: %v; %s", l.What, l.Why, l.Cost) }

// Warn logs one line if the version is unknown or something does not work: what, why, and
// what that costs.
func (h Host) Warn(logger *slog.Logger, losses ...Loss) {
	attrs := []any{"version", h.Version}
	message := "parts of the mesh are off with this Socket.IO library"
	if !h.Tested {
		message = "the mesh was not tested with this version of the Socket.IO library"
		attrs = append(attrs, "tested", strings.Join(Tested(), ", "),
			"effect", "faults of every tested version are mended, private fields are used only if they look as expected")
	}
	if h.Tested && len(losses) == 0 {
		return
	}
	off := make([]string, len(losses))
	for i, l := range losses {
		off[i] = l.String()
	}
	logger.Warn(message, append(attrs, "off", off)...)
}
