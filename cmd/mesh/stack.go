package main

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/tlsfiles"
)

// stackFlags are the flags for the parts of a mesh, by name, and for how its links are
// secured. Their variables are those of mesh.Config.
type stackFlags struct {
	transport, codec *string
	tls              tlsFlags
}

func declareStack(f *flags) stackFlags {
	return stackFlags{
		transport: f.text("transport", "", "how servers are linked: ws, wss or quic (default ws)", "MESH_TRANSPORT"),
		codec:     f.text("codec", "", "how messages are written: json, proto or msgpack (default json)", "MESH_CODEC"),
		tls:       declareTLS(f),
	}
}

// apply sets the fields of c that the flags are for.
func (s stackFlags) apply(c *mesh.Config) {
	c.Transport, c.Codec, c.TLS = *s.transport, *s.codec, s.tls.config()
}

// tlsFlags are the files of mesh.TLS.
type tlsFlags struct{ cert, key, ca, name *string }

func declareTLS(f *flags) tlsFlags {
	return tlsFlags{
		cert: f.text("tls-cert", "", "PEM file with this server's certificate", "MESH_TLS_CERT"),
		key:  f.text("tls-key", "", "PEM file with its private key (default: that of --tls-cert)", "MESH_TLS_KEY"),
		ca:   f.text("tls-ca", "", "PEM file with the authorities that others' certificates are by", "MESH_TLS_CA"),
		name: f.text("tls-server-name", "", "name that others' certificates are for (default: the host that is dialled)", "MESH_TLS_SERVER_NAME"),
	}
}

func (t tlsFlags) config() mesh.TLS {
	return mesh.TLS{CertFile: *t.cert, KeyFile: *t.key, CAFile: *t.ca, ServerName: *t.name}
}

// server returns the TLS configuration of a server that is not part of a mesh; nil without
// a certificate.
func (t tlsFlags) server(log *slog.Logger) (*tls.Config, error) {
	if *t.cert == "" {
		return nil, nil
	}
	source, err := tlsfiles.Open(tlsfiles.Files{Cert: *t.cert, Key: *t.key, CA: *t.ca}, log)
	if bad, ok := errors.AsType[*tlsfiles.Error](err); ok {
		return nil, usageError("--tls-"+strings.ToLower(bad.Field), bad.Path, "a PEM file: "+bad.Err.Error())
	}
	if err != nil {
		return nil, err
	}
	return peertls.Server(source.Config(*t.name), "http/1.1"), nil
}
