// Package proof makes the MACs by which nodes prove to each other, and to the discovery
// service, that they have a secret.
package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Size is the length of a MAC, in bytes.
const Size = sha256.Size

// MAC returns HMAC-SHA256, by key, of the parts, each behind its length (unsigned LEB128), so
// that no two lists of parts look alike.
func MAC[T ~string | ~[]byte](key []byte, parts ...T) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}
