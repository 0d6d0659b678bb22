package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// addCommand returns the command line that adds a server to a demo. It picks free ports, so
// that it can be used any number of times. It is "" if no server can join, because the
// certificates are generated. If token is "", the line has a placeholder for the token.
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
	if o.host != "127.0.0.1" { // the default
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

// programName returns how this program was called; if by go run, it returns that, because
// go run deletes its binary.
func programName() string {
	if self := filepath.ToSlash(os.Args[0]); strings.Contains(self, "/go-build") && strings.Contains(self, "/exe/") {
		return "go run ./cmd/mesh"
	}
	return shellWord(os.Args[0])
}

// shellWord quotes a word for a shell, if necessary.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
