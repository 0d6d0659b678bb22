package quic

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"
)

// The parameters by which the key of an authority is derived from a token. A change
// needs a new version of the protocol.
const (
	derivationSalt    = "socketmesh/1 token"
	derivationInfo    = "socketmesh/1 authority ed25519"
	derivationPasses  = 2
	derivationMemory  = 19 << 10 // KiB
	derivationThreads = 1
)

// meshName is the host name in all certificates of such an authority.
const meshName = "node.socketmesh.internal"

// A certificate is valid from an hour ago, because clocks differ, and is replaced when
// half of its lifetime is over. Connections may last longer than it.
const (
	leafSkew     = time.Hour
	leafLifetime = 24 * time.Hour
)

// authority issues this process's certificates. Its key follows from the token, so all
// nodes with the same token have the same authority.
type authority struct {
	key         ed25519.PrivateKey
	certificate *x509.Certificate

	mu    sync.Mutex
	leaf  *tls.Certificate
	renew time.Time
}

// tokenConfig is the TLS configuration of nodes that share a token.
func tokenConfig(token string) (*tls.Config, error) {
	a, err := newAuthority(token)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{
		RootCAs:    pool,
		ClientCAs:  pool,
		ServerName: meshName,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return a.current()
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return a.current()
		},
	}, nil
}

// newAuthority derives the authority of a token.
func newAuthority(token string) (*authority, error) {
	secret := argon2.IDKey([]byte(token), []byte(derivationSalt), derivationPasses, derivationMemory, derivationThreads, 32)
	seed, err := hkdf.Key(sha256.New, secret, nil, derivationInfo, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "socketmesh token authority"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // no expiration (RFC 5280, section 4.1.2.5)
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{key: key, certificate: certificate}, nil
}

// current returns this process's certificate, and issues a new one in time.
func (a *authority) current() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.leaf != nil && now.Before(a.renew) {
		return a.leaf, nil
	}
	leaf, err := a.issue(now)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	a.leaf, a.renew = leaf, now.Add(leafLifetime/2)
	return leaf, nil
}

// issue returns a certificate with a new key.
func (a *authority) issue(now time.Time) (*tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		Subject:     pkix.Name{CommonName: meshName},
		DNSNames:    []string{meshName},
		NotBefore:   now.Add(-leafSkew),
		NotAfter:    now.Add(leafLifetime + leafSkew),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, public, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
