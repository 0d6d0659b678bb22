package hostcompat

import "github.com/zishang520/socket.io/servers/engine/v3"

// UnsupportedProtocol is the code by which Engine.IO refuses a client whose version of
// the protocol the server does not let in. Up to version 3.0.6, the library gives it
// the code of "Forbidden", 4.
const UnsupportedProtocol = 5

// The library also answers where no code of the mesh takes part, so the library's value
// itself is set, before it can be used.
func init() { engine.UNSUPPORTED_PROTOCOL_VERSION.Code = UnsupportedProtocol }
