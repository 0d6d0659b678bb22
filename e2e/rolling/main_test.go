// Package rolling changes what the servers of a mesh run, one server after the
// other, while all of them emit and clients listen: another codec, another version
// of the protocol, and back. The servers are Socket.IO servers of this process, on
// real sockets.
//
// What has to hold: an event that is emitted while there is a link between two
// servers, on one that shuts down in good order or not at all, reaches the clients
// of the other once, and in order, unless that one shuts down first.
package rolling

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take that ought to happen. A run on a busy
// machine is slow, not wrong.
const patience = 2 * time.Minute
