package adminui

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	minSessionKey = 16
	sessionKeyLen = 32
	nonceLen      = 12
	sessionLen    = 8 + nonceLen + sha256.Size
)

// sessions issues and checks the session ids of pages. A session id is its expiry time, a
// random part, and a signature of both: so nothing is stored, and every server that has the
// key accepts the session ids of the others.
type sessions struct {
	key      []byte
	lifetime time.Duration
}

// newSessions derives the key from the options, which are valid.
func newSessions(o Options) (sessions, error) {
	secret, info := o.SessionKey, "adminui session key\x00"+o.Username
	if secret == "" {
		secret = o.PasswordHash
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, sessionKeyLen)
	return sessions{key: key, lifetime: o.SessionLifetime}, err
}

// issue makes a session id.
func (s sessions) issue(now time.Time) string {
	id := make([]byte, 0, sessionLen)
	id = binary.BigEndian.AppendUint64(id, uint64(now.Add(s.lifetime).Unix()))
	id = id[:8+nonceLen]
	_, _ = rand.Read(id[8:]) // never fails
	return base64.RawURLEncoding.EncodeToString(s.sign(id))
}

// valid reports whether a session id was issued with the key, and has not expired.
func (s sessions) valid(id string, now time.Time) bool {
	if len(id) != base64.RawURLEncoding.EncodedLen(sessionLen) {
		return false
	}
	signed, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return false
	}
	body := signed[:8+nonceLen]
	if !hmac.Equal(s.sign(body)[len(body):], signed[len(body):]) {
		return false
	}
	return now.Unix() < int64(binary.BigEndian.Uint64(body))
}

// sign returns body with its signature appended.
func (s sessions) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(body)
	return mac.Sum(body[:len(body):len(body)])
}
