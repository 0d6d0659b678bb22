// Package siovalue encodes Go values as Socket.IO sends them, in a [core.Payload]: a JSON
// text in which binary values are placeholders, and the binary values beside it. It also
// decodes payloads.
//
// What encoding/json can encode gives the same bytes. What JSON cannot represent follows
// JavaScript's JSON.stringify: NaN and the infinities are null, functions and channels are
// null in lists and are left out of objects, and -0 is 0. Values are not changed: buffers
// and readers keep their position.
package siovalue
