package load

// phase is how far a session has come.
type phase uint8

const (
	idle       phase = iota // has not been dialled, or is over
	dialling                // TCP
	asking                  // polling: for the handshake
	posting                 // polling: has sent the namespace's CONNECT
	polling                 // polling: for the answer to that
	upgrading               // has asked for a WebSocket
	opening                 // waits for the engine's handshake
	probing                 // the upgrade of a session that began by polling
	connecting              // waits for the namespace
	joining                 // waits to be in its rooms
	ready
)

// session is one client.
type session struct {
	index int32 // in the swarm
	phase phase

	failed   uint8 // connections that have failed
	begun    bool  // has an engine session, by polling
	answers  uint16
	deadline int64 // of connecting
	asked    int64 // when it sent what it awaits an answer to; 0 if nothing
	since    int64 // when it began to connect, for the first time
	heard    int64 // when the server's last ping came, or its handshake
	id       string

	checks  []sequenceCheck
	message []byte // the beginning of a message that comes in parts

	link
}

// link is the connection of a session, as the wire sees it.
type link struct {
	fd         int32
	generation int32  // tells events of the connection before
	in         []byte // has arrived, and is not a whole frame yet
	out        []byte // waits to be sent
	flushed    int    // bytes of out that the kernel has taken
	dirty      bool   // out is new
	stuck      bool   // the kernel takes no more for now
	reader     *reader
}

// checkOf finds the check of a stream; nil before its first message.
func (s *session) checkOf(stream uint32) *sequenceCheck {
	for i := range s.checks {
		if s.checks[i].stream == stream {
			return &s.checks[i]
		}
	}
	return nil
}
