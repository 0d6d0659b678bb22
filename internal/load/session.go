package load

// phase is how far a session is connected.
type phase uint8

const (
	idle       phase = iota // was not dialled, or has ended
	dialling                // TCP connection
	asking                  // polling: waits for the handshake
	posting                 // polling: has sent the namespace's CONNECT
	polling                 // polling: waits for the answer to it
	upgrading               // has requested a WebSocket
	opening                 // waits for the handshake of Engine.IO
	probing                 // upgrades a session that began by polling
	connecting              // waits for the namespace
	joining                 // waits for its rooms
	ready
)

// session is one client.
type session struct {
	index int32 // index in the swarm
	phase phase

	failed   uint8 // number of connections that have failed
	begun    bool  // has an Engine.IO session, by polling
	answers  uint16
	deadline int64 // for connecting
	asked    int64 // when it sent the question that it waits for; 0 if none
	since    int64 // when it first began to connect
	heard    int64 // when the server's last ping was received, or its handshake
	id       string

	checks  []sequenceCheck
	message []byte // the beginning of a message that comes in several frames

	link
}

// link is the connection of a session, for the wire.
type link struct {
	fd         int32
	generation int32  // distinguishes events of this connection from those of the one before
	in         []byte // received, but not a complete frame yet
	out        []byte // waits to be sent
	flushed    int    // bytes of out that the kernel has taken
	dirty      bool   // flush has not been called for out
	stuck      bool   // the kernel takes no more at the moment
	reader     *reader
}

// checkOf returns the check of a stream; nil before its first message.
func (s *session) checkOf(stream uint32) *sequenceCheck {
	for i := range s.checks {
		if s.checks[i].stream == stream {
			return &s.checks[i]
		}
	}
	return nil
}
