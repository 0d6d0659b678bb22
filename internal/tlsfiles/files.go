package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Files are the paths of PEM files; "" for a file that is not used.
type Files struct {
	Cert string // this node's certificate, with the intermediate ones
	Key  string // its private key; default: the file Cert
	CA   string // the authorities of other nodes' certificates
}

// Error says which file is invalid.
type Error struct {
	Field string // as in Files
	Path  string
	Err   error
}

// Error returns the field, the path and the reason.
func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Field, e.Path, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// material is the content of the files.
type material struct {
	certificate *tls.Certificate // nil without Cert
	authorities *x509.CertPool   // nil without CA
}

// read reads the files. Errors are [*Error].
func (f Files) read() (m *material, err error) {
	m = &material{}
	if f.Cert != "" {
		if m.certificate, err = f.readPair(); err != nil {
			return nil, err
		}
	}
	if f.CA != "" {
		if m.authorities, err = f.readAuthorities(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (f Files) readPair() (*tls.Certificate, error) {
	cert, err := os.ReadFile(f.Cert)
	if err == nil {
		_, err = certificates(cert)
	}
	if err != nil {
		return nil, &Error{"Cert", f.Cert, err}
	}
	path, key := f.Cert, cert
	if f.Key != "" {
		path = f.Key
		if key, err = os.ReadFile(path); err != nil {
			return nil, &Error{"Key", path, err}
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &Error{"Key", path, err}
	}
	return &pair, nil
}

func (f Files) readAuthorities() (*x509.CertPool, error) {
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, &Error{"CA", f.CA, err}
	}
	list, err := certificates(text)
	if err != nil {
		return nil, &Error{"CA", f.CA, err}
	}
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, nil
}

var errNoCertificate = errors.New("there is no certificate in it")

// certificates returns the certificates in a PEM text. It is an error if there are none.
func certificates(text []byte) (list []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errNoCertificate
	}
	return list, nil
}
