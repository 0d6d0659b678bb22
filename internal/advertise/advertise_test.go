package advertise

import "testing"

func TestAddress(t *testing.T) {
	for _, c := range []struct{ configured, listening, want string }{
		{"", "127.0.0.1:4001", "127.0.0.1:4001"},
		{"ws://10.0.0.7:4000", "[::]:4001", "ws://10.0.0.7:4000"},
		{"ws://localhost:0", "127.0.0.1:4001", "ws://localhost:4001"},
		{"ws://[::1]:0", "[::1]:4001", "ws://[::1]:4001"},
		{"wss://host:0/path/x", ":4001", "wss://host:4001/path/x"},
		{"host:0", ":4001", "host:4001"},
		{"ws://host", ":4001", "ws://host"},
		{"anything", "a place", "anything"},
	} {
		if got := Address(c.configured, c.listening); got != c.want {
			t.Errorf("%q, listening on %q: %q, want %q", c.configured, c.listening, got, c.want)
		}
	}
}
