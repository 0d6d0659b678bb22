package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
	"github.com/socketmesh/mesh/internal/commas"
)

// certCommand makes what is needed to try TLS. The authority's key is not kept:
// one certificate is for all servers, and for another one everything is made anew.
func certCommand(f *flags) action {
	folder := f.text("out", "certs", "folder for the files", "MESH_CERT_OUT")
	names := f.text("names", "mesh.internal,localhost,127.0.0.1,::1", "names and addresses that the certificate is for", "MESH_CERT_NAMES")
	days := f.number("days", 90, "how long it is valid", "MESH_CERT_DAYS")
	return func(_ context.Context, out, _ io.Writer) error {
		list := commas.Split(*names)
		if len(list) == 0 {
			return usageError("--names", *names, "names, separated by commas")
		}
		if *days < 1 || *days > 3650 {
			return usageError("--days", *days, "1 to 3650")
		}
		authority, node, err := makeCerts(time.Duration(*days)*24*time.Hour, list)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*folder, 0o755); err != nil {
			return err
		}
		var paths [3]string
		for i, file := range []struct {
			name string
			text []byte
			mode os.FileMode
		}{{"ca.pem", authority.Cert, 0o644}, {"node.pem", node.Cert, 0o644}, {"node-key.pem", node.Key, 0o600}} {
			paths[i] = filepath.Join(*folder, file.name)
			if err := create(paths[i], file.text, file.mode); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "One certificate for all servers, valid for %d days. Run each of them with\n\n"+
			"  MESH_TRANSPORT=wss MESH_TLS_CA=%s MESH_TLS_CERT=%s MESH_TLS_KEY=%s MESH_TLS_SERVER_NAME=%s\n",
			*days, paths[0], paths[1], paths[2], list[0])
		return nil
	}
}

// makeCerts makes an authority, and a certificate for names.
func makeCerts(valid time.Duration, names []string) (*certs.Authority, certs.Pair, error) {
	authority, err := certs.NewAuthority("mesh", valid)
	if err != nil {
		return nil, certs.Pair{}, err
	}
	node, err := authority.Issue(valid, names...)
	return authority, node, err
}

// create writes a file that is not there.
func create(path string, text []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
