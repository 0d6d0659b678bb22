// Package intake reads what clients send: a decoder of Socket.IO packets that
// takes the place of the library's, and says exactly what that says, for a
// fraction of the time. It reads a packet where it lies, and builds its values
// from the tokens of jsontext instead of with encoding/json.
package intake
