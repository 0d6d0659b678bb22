package hostcompat

import "github.com/zishang520/socket.io/servers/engine/v3"

// UnsupportedProtocol is the code by which Engine.IO refuses a client whose version of
// the protocol the server does not let in. Up to version 3.0.6, the library gives it
// the code of "Forbidden", 4.
const UnsupportedProtocol = 5

// The library answers with its own value where no code of the mesh is in between, so
// the value itself is mended, before anybody can use it.
func init() { engine.UNSUPPORTED_PROTOCOL_VERSION.Code = UnsupportedProtocol }
