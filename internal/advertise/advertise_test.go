package advertise

import (
	"net/netip"
	"testing"
)

func TestLocal(t *testing.T) {
	for listening, want := range map[string]string{
		":4000": "localhost:4000", "0.0.0.0:4000": "localhost:4000", "[::]:4000": "localhost:4000",
		"10.0.0.7:4000": "10.0.0.7:4000", "[::1]:4000": "[::1]:4000", "a place": "a place",
	} {
		if got := Local(listening); got != want {
			t.Errorf("%q: %q, want %q", listening, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	for host, want := range map[string]struct{ loopback, unspecified bool }{
		"":          {unspecified: true},
		"0.0.0.0":   {unspecified: true},
		"::":        {unspecified: true},
		"localhost": {loopback: true},
		"LocalHost": {loopback: true},
		"127.0.0.9": {loopback: true},
		"::1":       {loopback: true},
		"10.0.0.7":  {},
		"example":   {},
	} {
		if IsLoopback(host) != want.loopback || IsUnspecified(host) != want.unspecified {
			t.Errorf("%q: loopback %t, unspecified %t, want %+v", host, IsLoopback(host), IsUnspecified(host), want)
		}
	}
}

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

func TestWithin(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	for ip, want := range map[string]bool{"10.1.2.3": true, "11.1.2.3": false, "::ffff:10.1.2.3": true, "fe80::1": true, "fe80::1%eth0": true, "::1": false} {
		if got := Within(networks, netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}
