package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
	"github.com/socketmesh/mesh/internal/commas"
)

// Files of `mesh cert`.
const (
	caFile    = "ca.pem"
	caKeyFile = "ca-key.pem" // servers do not need it
)

// caDays is how long an authority is valid: longer than any certificate, because changing
// it means changing it on all servers.
const caDays = 3650

// certCommand makes an authority, and a certificate issued by it. If both exist already,
// the authority stays, and the certificate is renewed if it expires soon.
func certCommand(f *flags) action {
	folder := f.text("out", "certs", "folder for the files", "MESH_CERT_OUT")
	authorityFolder := f.text("ca", "", "folder of the authority, ca.pem and ca-key.pem, which is made if there is none (default: --out)", "MESH_CERT_CA")
	file := f.text("name", "node", "name of the certificate's files, as in node.pem and node-key.pem", "MESH_CERT_NAME")
	names := f.text("names", "mesh.internal,localhost,127.0.0.1,::1", "names and addresses that the certificate is for", "MESH_CERT_NAMES")
	days := f.number("days", 90, "how long it is valid", "MESH_CERT_DAYS")
	renew := f.boolean("renew", "make a new certificate even if the old one has more than a third of its time left, or is for other names", "MESH_CERT_RENEW")
	return func(_ context.Context, out, _ io.Writer) error {
		list := commas.Split(*names)
		if len(list) == 0 {
			return usageError("--names", *names, "names, separated by commas")
		}
		if *days < 1 || *days > caDays {
			return usageError("--days", *days, fmt.Sprintf("1 to %d", caDays))
		}
		if *file == "" || strings.ContainsAny(*file, `/\`) || *file == "ca" {
			return usageError("--name", *file, `the beginning of a file's name that is not "ca"`)
		}
		if *authorityFolder == "" {
			*authorityFolder = *folder
		}
		authority, made, err := openAuthority(*authorityFolder)
		if err != nil {
			return err
		}
		if made {
			fmt.Fprintf(out, "A new authority, valid for %d days: %s. Keep its key, %s, away from servers.\n",
				caDays, filepath.Join(*authorityFolder, caFile), filepath.Join(*authorityFolder, caKeyFile))
		}
		ca := filepath.Join(*authorityFolder, caFile)
		if *authorityFolder != *folder {
			ca = filepath.Join(*folder, caFile)
			if err := copyAuthority(ca, authority); err != nil {
				return err
			}
		}
		cert, key := filepath.Join(*folder, *file+".pem"), filepath.Join(*folder, *file+"-key.pem")
		kept, err := keep(cert, key, authority, list, *renew)
		switch {
		case err != nil:
			return err
		case kept != "":
			fmt.Fprintf(out, "%s stays as it is: %s. --renew makes a new one.\n", cert, kept)
		default:
			ends := time.Now().AddDate(0, 0, *days)
			if last := authority.Ends(); last.Before(ends) {
				ends = last
			}
			if err := os.MkdirAll(*folder, 0o755); err != nil {
				return err
			}
			pair, err := authority.IssueBetween(time.Now().Add(-time.Minute), ends, list...)
			if err != nil {
				return err
			}
			// Servers read both files when one has changed, and keep the old pair as long
			// as the two do not match.
			if err := replace(key, pair.Key, 0o600); err != nil {
				return err
			}
			if err := replace(cert, pair.Cert, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s is valid until %s, for %s.\n", cert, ends.Format(time.DateOnly), strings.Join(list, ", "))
		}
		fmt.Fprintf(out, "Run each server that has it with\n\n"+
			"  MESH_TRANSPORT=wss MESH_TLS_CA=%s MESH_TLS_CERT=%s MESH_TLS_KEY=%s MESH_TLS_SERVER_NAME=%s\n", ca, cert, key, list[0])
		return nil
	}
}

// openAuthority reads the authority in a folder, or makes one there. It never replaces an
// existing one: servers' certificates would not be trusted any more.
func openAuthority(folder string) (a *certs.Authority, made bool, err error) {
	certPath, keyPath := filepath.Join(folder, caFile), filepath.Join(folder, caKeyFile)
	cert, certErr := readIfThere(certPath)
	key, keyErr := readIfThere(keyPath)
	switch {
	case certErr != nil:
		return nil, false, certErr
	case keyErr != nil:
		return nil, false, keyErr
	case cert == nil && key == nil:
		if a, err = certs.NewAuthority("mesh", caDays*24*time.Hour); err != nil {
			return nil, false, err
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, false, err
		}
		if err := create(keyPath, a.Key, 0o600); err != nil {
			return nil, false, err
		}
		return a, true, create(certPath, a.Cert, 0o644)
	case key == nil:
		return nil, false, fmt.Errorf("%s is there, and its key %s is not: nothing can be issued without; bring it, or choose another folder", certPath, keyPath)
	case cert == nil:
		return nil, false, fmt.Errorf("%s is there, and its certificate %s is not: bring it, or choose another folder", keyPath, certPath)
	}
	if a, err = certs.OpenAuthority(certs.Pair{Cert: cert, Key: key}); err != nil {
		return nil, false, fmt.Errorf("authority of %s and %s: %w", certPath, keyPath, err)
	}
	if !time.Now().Before(a.Ends()) {
		return nil, false, fmt.Errorf("the authority %s has ended on %s: make another one in another folder, and let servers trust both for a while", certPath, a.Ends().Format(time.DateOnly))
	}
	return a, false, nil
}

// copyAuthority copies the authority's certificate to the folder of the certificates that
// it issues. It does not replace another one there, because servers may trust that.
func copyAuthority(path string, a *certs.Authority) error {
	there, err := readIfThere(path)
	if err != nil {
		return err
	}
	if there == nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return create(path, a.Cert, 0o644)
	}
	if !strings.Contains(string(there), strings.TrimSpace(string(a.Cert))) {
		return fmt.Errorf("%s is another authority than that of --ca: take it away, or choose another --out", path)
	}
	return nil
}

// keep says why a certificate does not have to be made, "" if it has to. The error says
// that files would be lost.
func keep(certPath, keyPath string, a *certs.Authority, names []string, renew bool) (why string, err error) {
	cert, err := readIfThere(certPath)
	if err != nil {
		return "", err
	}
	key, err := readIfThere(keyPath)
	if err != nil || renew || cert == nil && key == nil {
		return "", err
	}
	both, err := certs.Pair{Cert: cert, Key: key}.TLS()
	if err != nil {
		return "", fmt.Errorf("%s and %s: %w; --renew makes new ones", certPath, keyPath, err)
	}
	old := both.Leaf
	if !a.Signed(old) {
		return "", fmt.Errorf("%s is by another authority; --renew makes a new one, or choose another folder", certPath)
	}
	if !certs.SameNames(old, names) {
		return "", fmt.Errorf("%s is for %s; --renew makes a new one for %s, or choose another --name",
			certPath, strings.Join(certs.NamesOf(old), ", "), strings.Join(names, ", "))
	}
	if time.Until(old.NotAfter) <= old.NotAfter.Sub(old.NotBefore)/3 {
		return "", nil
	}
	return fmt.Sprintf("it is valid until %s", old.NotAfter.Format(time.DateOnly)), nil
}

// readIfThere returns nil for a file that does not exist.
func readIfThere(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// create writes a new file.
func create(path string, text []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// replace replaces a file atomically, so that nobody reads half of it.
func replace(path string, text []byte, mode fs.FileMode) error {
	next := path + ".new"
	_ = os.Remove(next) // left by a process that was killed
	if err := create(next, text, mode); err != nil {
		return err
	}
	return os.Rename(next, path)
}
