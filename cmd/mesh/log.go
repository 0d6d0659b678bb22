package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/socketmesh/mesh/internal/env"
)

// logFlag declares --log-level and --log-format.
func logFlag(f *flags, value string) func(errOut io.Writer) (*slog.Logger, error) {
	level := f.text("log-level", value, "what is logged: debug, info, warn or error", "MESH_LOG_LEVEL")
	format := f.text("log-format", "text", "how it is logged: text, or json, an object a line", "MESH_LOG_FORMAT")
	return func(errOut io.Writer) (*slog.Logger, error) {
		var l slog.Level
		if err := l.UnmarshalText([]byte(*level)); err != nil {
			return nil, usageError("--log-level", *level, "debug, info, warn or error")
		}
		options := &slog.HandlerOptions{Level: l}
		switch *format {
		case "text":
			return slog.New(slog.NewTextHandler(errOut, options)), nil
		case "json":
			return slog.New(slog.NewJSONHandler(errOut, options)), nil
		}
		return nil, usageError("--log-format", *format, "text or json")
	}
}

// warnOfUnknown logs the variables that begin with MESH_ and that nobody reads. A mesh
// that has its configuration from the environment does so itself.
func warnOfUnknown(log *slog.Logger) { env.WarnOf(env.Unknown(os.Environ()), log) }
