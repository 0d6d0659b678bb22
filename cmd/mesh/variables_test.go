package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"

	"github.com/socketmesh/mesh/internal/env"
)

// TestVariablesAreKnown: no variable of a flag is taken for a misspelt one.
func TestVariablesAreKnown(t *testing.T) {
	for _, command := range slices.Concat(commands(), benchRoles()) {
		for _, f := range command.Flags {
			doc, ok := f.(cli.DocGenerationFlag)
			if !ok {
				continue
			}
			for _, name := range doc.GetEnvVars() {
				if unknown := env.Unknown([]string{name + "=x"}); len(unknown) > 0 {
					t.Errorf("%s of mesh %s is not in package env", name, command.Name)
				}
			}
		}
	}
}

// TestLogFormat: JSON is an object a line.
func TestLogFormat(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"hello"`, "text": "msg=hello"} {
		var out bytes.Buffer
		var f flags
		logger := logFlag(&f, "info")
		for _, one := range f.list {
			one.(*cli.StringFlag).PreParse()
			if one.Names()[0] == "log-format" {
				one.Set("log-format", format)
			}
		}
		log, err := logger(&out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello")
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
