package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
)

// certFolder is a folder in which `mesh cert` has been.
type certFolder struct {
	t    *testing.T
	path string
}

// run runs the command, whose exit code and part of what it says are known.
func (f certFolder) run(code int, want string, args ...string) {
	f.t.Helper()
	var out bytes.Buffer
	if got := run(f.t.Context(), append([]string{"cert", "--out", f.path}, args...), &out, &out); got != code || !strings.Contains(out.String(), want) {
		f.t.Errorf("mesh cert %v: exit code %d, want %d and %q\n%s", args, got, code, want, out.String())
	}
}

func (f certFolder) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.path, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f certFolder) write(name string, text []byte) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.path, name), text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// wantBy checks that a certificate is by an authority and fits its key.
func (f certFolder) wantBy(a *certs.Authority, name string) {
	f.t.Helper()
	both, err := certs.Pair{Cert: []byte(f.read(name + ".pem")), Key: []byte(f.read(name + "-key.pem"))}.TLS()
	if err != nil || !a.Signed(both.Leaf) {
		f.t.Errorf("%s: by another authority, or %v", name, err)
	}
}

func (f certFolder) authority() *certs.Authority {
	f.t.Helper()
	a, err := certs.OpenAuthority(certs.Pair{Cert: []byte(f.read("ca.pem")), Key: []byte(f.read("ca-key.pem"))})
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// TestCertAgain: the authority stays. Its certificates are renewed in their last third, or
// if somebody wants it, and more can be issued.
func TestCertAgain(t *testing.T) {
	clearEnv(t)
	f := certFolder{t, filepath.Join(t.TempDir(), "new")}
	f.run(exitOK, "A new authority")
	ca, caKey, cert, key := f.read("ca.pem"), f.read("ca-key.pem"), f.read("node.pem"), f.read("node-key.pem")
	for _, name := range []string{"ca-key.pem", "node-key.pem"} {
		if info, err := os.Stat(filepath.Join(f.path, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	authority := f.authority()
	if authority.Ends().Before(time.Now().AddDate(9, 0, 0)) {
		t.Errorf("the authority ends %v", authority.Ends())
	}

	f.run(exitOK, "stays as it is")
	if f.read("node.pem") != cert || f.read("node-key.pem") != key {
		t.Error("a certificate with all of its time left has been replaced")
	}
	f.run(exitOK, "valid until", "--renew")
	if f.read("node.pem") == cert || f.read("node-key.pem") == key {
		t.Error("--renew has replaced nothing")
	}
	f.wantBy(authority, "node")

	names := "mesh.internal,localhost,127.0.0.1,::1"
	for left, want := range map[time.Duration]string{31 * time.Hour: "stays", 29 * time.Hour: "valid until"} { // of 90
		pair, err := authority.IssueBetween(time.Now().Add(left-90*time.Hour), time.Now().Add(left), strings.Split(names, ",")...)
		if err != nil {
			t.Fatal(err)
		}
		f.write("node.pem", pair.Cert)
		f.write("node-key.pem", pair.Key)
		f.run(exitOK, want)
		if renewed := f.read("node.pem") != string(pair.Cert); renewed != (want != "stays") {
			t.Errorf("with %v left: renewed %t", left, renewed)
		}
	}
	f.wantBy(authority, "node")

	f.run(exitOK, "b.pem is valid", "--name", "b", "--names", "b.internal")
	f.wantBy(authority, "b")
	elsewhere := certFolder{t, filepath.Join(t.TempDir(), "elsewhere")}
	elsewhere.run(exitOK, "valid until", "--ca", f.path)
	elsewhere.run(exitOK, "stays", "--ca", f.path)
	elsewhere.wantBy(authority, "node")
	if elsewhere.read("ca.pem") != ca {
		t.Error("another authority beside the certificate")
	}
	if _, err := os.Stat(filepath.Join(elsewhere.path, "ca-key.pem")); err == nil {
		t.Error("the authority's key is where the certificate is")
	}
	if f.read("ca.pem") != ca || f.read("ca-key.pem") != caKey {
		t.Error("the authority has been replaced")
	}
}

// TestCertReplacesNothingByItself: what is there and does not fit is an error, and stays.
func TestCertReplacesNothingByItself(t *testing.T) {
	clearEnv(t)
	made := certFolder{t, t.TempDir()}
	made.run(exitOK, "A new authority")
	foreign, err := certs.NewAuthority("other", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := certs.NewAuthority("mesh", -time.Second)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := foreign.Issue(time.Hour, "x")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(f certFolder)
		args   []string
		want   string
	}{
		"no CA key":               {func(f certFolder) { os.Remove(filepath.Join(f.path, "ca-key.pem")) }, []string{"--renew"}, "ca-key.pem is not: nothing can be issued"},
		"no CA certificate":       {func(f certFolder) { os.Remove(filepath.Join(f.path, "ca.pem")) }, []string{"--renew"}, "ca.pem is not"},
		"an empty CA key":         {func(f certFolder) { f.write("ca-key.pem", nil) }, []string{"--renew"}, "ca-key.pem"},
		"another CA's key":        {func(f certFolder) { f.write("ca-key.pem", foreign.Key) }, []string{"--renew"}, "does not match"},
		"no authority":            {func(f certFolder) { f.write("ca.pem", issued.Cert); f.write("ca-key.pem", issued.Key) }, []string{"--renew"}, "none of an authority's"},
		"an authority at its end": {func(f certFolder) { f.write("ca.pem", ended.Cert); f.write("ca-key.pem", ended.Key) }, []string{"--renew"}, "has ended"},
		"another CA's node":       {func(f certFolder) { f.write("node.pem", issued.Cert); f.write("node-key.pem", issued.Key) }, nil, "by another authority"},
		"no node key":             {func(f certFolder) { os.Remove(filepath.Join(f.path, "node-key.pem")) }, nil, "--renew makes new ones"},
		"other names":             {func(certFolder) {}, []string{"--names", "c,d"}, "--renew makes a new one for c, d"},
		"another CA beside":       {func(certFolder) {}, []string{"--renew", "--ca", filepath.Join(t.TempDir(), "other")}, "another authority than that of --ca"},
	} {
		t.Run(name, func(t *testing.T) {
			f := certFolder{t, t.TempDir()}
			if err := os.CopyFS(f.path, os.DirFS(made.path)); err != nil {
				t.Fatal(err)
			}
			c.change(f)
			before := f.all()
			f.run(exitFailed, c.want, c.args...)
			if f.all() != before {
				t.Error("files have changed")
			}
		})
	}
}

// all is what is in the folder.
func (f certFolder) all() string {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.path, "*"))
	if err != nil {
		f.t.Fatal(err)
	}
	text := ""
	for _, file := range files {
		text += file + "\n" + f.read(filepath.Base(file))
	}
	return text
}
