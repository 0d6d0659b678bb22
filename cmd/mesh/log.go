package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/socketmesh/mesh/internal/env"
)

// logFlag declares --log-level and --log-format.
func logFlag(f *flags, value string) func(errOut io.Writer) (*slog.Logger, error) {
	return declareLog(f, value).logger
}

// logSettings are the values of both flags.
type logSettings struct{ Level, Format *string }

func declareLog(f *flags, value string) logSettings {
	return logSettings{
		Level:  f.text("log-level", value, "what is logged: debug, info, warn or error", "MESH_LOG_LEVEL"),
		Format: f.text("log-format", "text", "how it is logged: text, or json, an object a line", "MESH_LOG_FORMAT"),
	}
}

func (s logSettings) logger(errOut io.Writer) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(*s.Level)); err != nil {
		return nil, usageError("--log-level", *s.Level, "debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: l}
	switch *s.Format {
	case "text":
		return slog.New(slog.NewTextHandler(errOut, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(errOut, options)), nil
	}
	return nil, usageError("--log-format", *s.Format, "text or json")
}

// warnOfUnknown logs variables that begin with MESH_ and that no part of the mesh reads. A
// mesh whose configuration comes from the environment does so itself.
func warnOfUnknown(log *slog.Logger) { env.WarnOf(env.Unknown(os.Environ()), log) }
