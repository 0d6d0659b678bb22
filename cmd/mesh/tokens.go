package main

import (
	"log/slog"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/tokenfile"
)

// tokenFlags are the flags for the secrets with which servers join. Their variables are
// those of mesh.Config.
type tokenFlags struct{ token, file, accept *option }

func declareTokens(f *flags) tokenFlags {
	return tokenFlags{
		token:  f.option("auth-token", "secret that all servers share", "MESH_AUTH_TOKEN"),
		file:   f.option("auth-token-file", "file with that secret; other lines are accepted too; read again when it changes", "MESH_AUTH_TOKEN_FILE"),
		accept: f.option("accept-token", "second secret that is accepted while the secret is changed", "MESH_ACCEPT_TOKEN"),
	}
}

// apply sets the fields of c, which has the values of the environment. A token or token
// file on the command line replaces both of the environment.
func (t tokenFlags) apply(c *mesh.Config) {
	if t.token.given() || t.file.given() {
		c.AuthToken, c.AuthTokenFile = t.token.value, t.file.value
	}
	if t.accept.given() {
		c.AcceptToken = t.accept.value
	}
}

// accepted returns the tokens that the discovery service accepts, as a function; nil if
// there are none.
func (t tokenFlags) accepted(log *slog.Logger) (func() []string, error) {
	var c mesh.Config
	c.AuthToken, c.AuthTokenFile, c.AcceptToken = getenv("MESH_AUTH_TOKEN"), getenv("MESH_AUTH_TOKEN_FILE"), getenv("MESH_ACCEPT_TOKEN")
	t.apply(&c)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case c.AuthTokenFile != "":
		file, err := tokenfile.Open(c.AuthTokenFile, log)
		if err != nil {
			return nil, usageError("--auth-token-file", c.AuthTokenFile, "a file with a token in its first line: "+err.Error())
		}
		return file.Tokens, nil
	case c.AuthToken == "":
		return nil, nil
	}
	tokens := []string{c.AuthToken}
	if c.AcceptToken != "" {
		tokens = append(tokens, c.AcceptToken)
	}
	return func() []string { return tokens }, nil
}

func getenv(name string) string {
	value, _ := variable(name).Lookup()
	return value
}
