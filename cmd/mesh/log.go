package main

import (
	"io"
	"log/slog"
)

// logFlag declares --log-level.
func logFlag(f *flags, value string) func(errOut io.Writer) (*slog.Logger, error) {
	level := f.text("log-level", value, "what is logged: debug, info, warn or error", "MESH_LOG_LEVEL")
	return func(errOut io.Writer) (*slog.Logger, error) {
		var l slog.Level
		if err := l.UnmarshalText([]byte(*level)); err != nil {
			return nil, usageError("--log-level", *level, "debug, info, warn or error")
		}
		return slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: l})), nil
	}
}
