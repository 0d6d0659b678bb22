// Package certs makes certificates for small meshes and for tests: an authority, and the
// certificates that it issues to nodes.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"time"
)

// Pair is a certificate and its key, as PEM.
type Pair struct{ Cert, Key []byte }

// TLS returns the pair as a [tls.Certificate].
func (p Pair) TLS() (tls.Certificate, error) { return tls.X509KeyPair(p.Cert, p.Key) }

// Authority signs certificates. Cert is its own certificate, for those who trust it.
type Authority struct {
	Pair

	certificate *x509.Certificate
	key         crypto.Signer
}

// NewAuthority makes an authority that is valid from now on, for the given time.
func NewAuthority(name string, valid time.Duration) (*Authority, error) {
	template := blank(name, time.Now().Add(-time.Minute), time.Now().Add(valid))
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{certificate: template, key: key}
	if a.Pair, err = a.sign(template, key); err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	if a.certificate, err = parse(a.Cert); err != nil {
		return nil, err
	}
	return a, nil
}

// OpenAuthority returns an authority from its stored certificate and key.
func OpenAuthority(p Pair) (*Authority, error) {
	both, err := p.TLS()
	if err != nil {
		return nil, err
	}
	key, ok := both.PrivateKey.(crypto.Signer)
	if !ok || !both.Leaf.IsCA {
		return nil, errors.New("the certificate is none of an authority's")
	}
	return &Authority{Pair: p, certificate: both.Leaf, key: key}, nil
}

// Ends returns when the authority's certificate expires, and with it those that it has
// issued.
func (a *Authority) Ends() time.Time { return a.certificate.NotAfter }

// Signed reports whether this authority has signed a certificate.
func (a *Authority) Signed(c *x509.Certificate) bool {
	return c.CheckSignatureFrom(a.certificate) == nil
}

// Pool returns a pool with this authority only.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue makes a certificate for names, each a DNS name, an IP address or a URI. A node
// can both accept and dial with it.
func (a *Authority) Issue(valid time.Duration, names ...string) (Pair, error) {
	return a.IssueBetween(time.Now().Add(-time.Minute), time.Now().Add(valid), names...)
}

// IssueBetween is Issue with any period of validity.
func (a *Authority) IssueBetween(from, to time.Time, names ...string) (Pair, error) {
	template := blank("mesh node", from, to) // times are whole seconds in it
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, name := range names {
		if uri, err := url.Parse(name); err == nil && uri.Scheme != "" && uri.Host != "" {
			template.URIs = append(template.URIs, uri)
		} else if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	return a.sign(template, key)
}

// NamesOf returns the names and addresses in a certificate, sorted.
func NamesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return names
}

// SameNames reports whether a certificate has exactly these names, in any order and
// spelling.
func SameNames(c *x509.Certificate, names []string) bool {
	wanted := make([]string, 0, len(names))
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			name = ip.String()
		}
		wanted = append(wanted, name)
	}
	slices.Sort(wanted)
	return slices.Equal(slices.Compact(wanted), slices.Compact(NamesOf(c)))
}

// blank returns a template without a purpose.
func blank(name string, from, to time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             from,
		NotAfter:              to,
		BasicConstraintsValid: true,
	}
}

func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) (Pair, error) {
	cert, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return Pair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}

func parse(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	return x509.ParseCertificate(block.Bytes)
}
