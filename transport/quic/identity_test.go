package quic

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"
)

// The key of an authority must not change, or nodes of different versions could
// not meet.
func TestAuthorityFollowsFromTheToken(t *testing.T) {
	for token, want := range map[string]string{
		"secret": "9f40879bcd374d9804acb2469fbb6b2aeda4c4cb61e9ae39520de08b3d1beef1",
		"Secret": "06f8cac58fa380b287e28b61ad7f09057f6c565cc3eeb198950e8dacea66e4e9",
	} {
		a, err := newAuthority(token)
		if err != nil {
			t.Fatal(err)
		}
		again, err := newAuthority(token)
		if err != nil {
			t.Fatal(err)
		}
		if !a.certificate.Equal(again.certificate) {
			t.Errorf("token %q: two authorities", token)
		}
		if got := hex.EncodeToString(a.key.Public().(ed25519.PublicKey)); got != want {
			t.Errorf("token %q: got key %s, want %s", token, got, want)
		}
	}
}

// verify checks a leaf as both ends do.
func verify(leaf *x509.Certificate, by *authority, at time.Time, name string) error {
	pool := x509.NewCertPool()
	pool.AddCert(by.certificate)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return err
		}
	}
	return nil
}

// A certificate is valid however long the process runs, and if clocks differ by an
// hour.
func TestLeafIsAlwaysValid(t *testing.T) {
	ours, err := newAuthority("secret")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := newAuthority("secret")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		leaves := map[string]bool{}
		for range 10 * 24 {
			chain, err := ours.current()
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(chain.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			leaves[leaf.SerialNumber.String()] = true
			for _, skew := range []time.Duration{-leafSkew, 0, leafSkew} {
				if err := verify(leaf, theirs, time.Now().Add(skew), meshName); err != nil {
					t.Fatalf("with a clock %v off: %v", skew, err)
				}
			}
			<-time.After(time.Hour)
		}
		if n := len(leaves); n != 20 {
			t.Errorf("got %d certificates in ten days, want one for each half", n)
		}
	})
}

func TestLeafIsForTheMeshOnly(t *testing.T) {
	ours, err := newAuthority("secret")
	if err != nil {
		t.Fatal(err)
	}
	other, err := newAuthority("another")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	chain, err := ours.issue(now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(leaf, ours, now, meshName); err != nil {
		t.Errorf("its own authority: %v", err)
	}
	if verify(leaf, other, now, meshName) == nil {
		t.Error("another token's authority verifies it")
	}
	if verify(leaf, ours, now, "localhost") == nil {
		t.Error("it is valid for another name")
	}
	for _, at := range []time.Time{now.Add(-2 * leafSkew), now.Add(leafLifetime + 2*leafSkew)} {
		if verify(leaf, ours, at, meshName) == nil {
			t.Errorf("it is valid at %v, issued at %v", at, now)
		}
	}
	if leaf.IsCA || ours.certificate.MaxPathLen != 0 {
		t.Error("it can issue certificates itself")
	}
}
