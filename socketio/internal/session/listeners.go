package session

import "github.com/zishang520/socket.io/v3/pkg/types"

// Watched reports whether there ever was a listener of what is written. Hardly any session
// has one, and it is called for every message.
func (s *Session) Watched() bool { return s.watched.Load() }

func (s *Session) watch(name types.EventName) {
	switch name {
	case "packetCreate", "flush", "drain":
		s.watched.Store(true)
	}
}

// On adds listeners.
func (s *Session) On(name types.EventName, fns ...types.EventListener) error {
	err := s.Emitter.On(name, fns...)
	s.watch(name)
	return err
}

// AddListener is On.
func (s *Session) AddListener(name types.EventName, fns ...types.EventListener) error {
	return s.On(name, fns...)
}

// Once adds listeners that are called once.
func (s *Session) Once(name types.EventName, fns ...types.EventListener) error {
	err := s.Emitter.Once(name, fns...)
	s.watch(name)
	return err
}
