package hostcompat

import "github.com/zishang520/socket.io/servers/engine/v3"

// UnsupportedProtocol is the code with which Engine.IO refuses a client whose version of
// the protocol the server does not support. Up to version 3.0.6, the library uses the code
// of "Forbidden", 4.
const UnsupportedProtocol = 5

// The library also answers without the mesh's code, so the library's own value is set,
// before it can be used.
func init() { engine.UNSUPPORTED_PROTOCOL_VERSION.Code = UnsupportedProtocol }
