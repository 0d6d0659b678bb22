package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// addCommand is the command line that adds a server to a demo, any number of times, for
// it takes free ports. "" if no server can join, for the certificates are made up. Without
// the token, which others must not see, the line has a word in its place.
func (o demoOptions) addCommand(discovery, token string) string {
	if o.made.Cert != nil {
		return ""
	}
	var words []string
	if o.token != "" {
		if token == "" {
			token = "the-token"
		}
		words = append(words, "MESH_AUTH_TOKEN="+shellWord(token))
	}
	words = append(words, programName(), "node")
	if o.host != "127.0.0.1" { // which is the default
		words = append(words, "--host", shellWord(o.host))
	}
	words = append(words, "--port", "0", "--mesh-listen", shellWord(net.JoinHostPort(o.host, "0")), "--discovery", shellWord(discovery))
	for _, flag := range []struct{ name, value string }{
		{"--transport", o.stack.Transport}, {"--codec", o.stack.Codec},
		{"--tls-cert", o.stack.TLS.CertFile}, {"--tls-key", o.stack.TLS.KeyFile},
		{"--tls-ca", o.stack.TLS.CAFile}, {"--tls-server-name", o.stack.TLS.ServerName},
	} {
		if flag.value != "" {
			words = append(words, flag.name, shellWord(flag.value))
		}
	}
	return strings.Join(words, " ")
}

// programName is how this program is called: as it was, or through go run, whose binary
// is gone after it.
func programName() string {
	if self := filepath.ToSlash(os.Args[0]); strings.Contains(self, "/go-build") && strings.Contains(self, "/exe/") {
		return "go run ./cmd/mesh"
	}
	return shellWord(os.Args[0])
}

// shellWord quotes a word for a shell, if it has to be.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
