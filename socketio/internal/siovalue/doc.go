// Package siovalue writes Go values the way Socket.IO sends them, as a JSON text in
// which binary values are placeholders, and the binary values beside it: a
// [core.Payload]. It reads payloads as well.
//
// What encoding/json can write is written in the same bytes. What JSON has no form
// for follows JavaScript's JSON.stringify: NaN and the infinities are null, functions
// and channels are null in lists and are left out of objects, and -0 is 0. Values are
// only looked at: buffers and readers stand afterwards where they stood.
package siovalue
