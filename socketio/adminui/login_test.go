package adminui

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/await"
)

// TestLogin: who knows name and password gets in, and a session that every server takes.
func TestLogin(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 2, withPassword())
	p := connect(t, mesh[0].url, "/admin", credentials())
	id := p.await("session", nil)[0].(string)
	session := map[string]any{"sessionId": id}
	again := connect(t, mesh[1].url, "/admin", session)
	again.await("all_sockets", nil)
	if again.count("session") > 0 {
		t.Error("a session that was good is replaced")
	}
	for name, auth := range map[string]any{
		"nothing":          nil,
		"an empty object":  map[string]any{},
		"a spoilt session": map[string]any{"sessionId": flipped(id)},
		"numbers":          map[string]any{"username": 1, "password": []any{2}, "sessionId": map[string]any{}},
		"a long password":  map[string]any{"username": "admin", "password": strings.Repeat("x", 100_000)},
		"no name":          map[string]any{"password": password},
	} {
		if _, refused := dial(t, mesh[0].url, "/admin", auth); refused != badCredentials {
			t.Errorf("%s: %q", name, refused)
		}
	}
}

// TestGuessing: after a few failed logins an address is refused, with the right password
// too; a session still lets its page in.
func TestGuessing(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 1, withPassword())
	session := map[string]any{"sessionId": connect(t, mesh[0].url, "/admin", credentials()).await("session", nil)[0]}
	for i := range maxFailures {
		auth := map[string]any{"username": "admin", "password": fmt.Sprint("guess", i)}
		if i%2 == 1 {
			auth = map[string]any{"username": "root", "password": password}
		}
		if _, refused := dial(t, mesh[0].url, "/admin", auth); refused != badCredentials {
			t.Errorf("guess %d: %q", i, refused)
		}
	}
	if _, refused := dial(t, mesh[0].url, "/admin", credentials()); refused != tooManyAttempts {
		t.Errorf("after too many guesses: %q", refused)
	}
	connect(t, mesh[0].url, "/admin", session)
}

func TestNoAuth(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 1, Options{NoAuth: true})
	p := connect(t, mesh[0].url, "/admin", nil)
	p.await("all_sockets", nil)
	if p.count("session") > 0 {
		t.Error("there is a session where none is needed")
	}
}

// TestTooManyPages: one more than may connect to a server is told so, until one has gone.
func TestTooManyPages(t *testing.T) {
	t.Parallel()
	s := servers(t, 1, Options{NoAuth: true, Mode: Production})[0]
	var pages []*client
	for range maxPages {
		pages = append(pages, connect(t, s.url, "/admin", nil))
	}
	if _, refused := dial(t, s.url, "/admin", nil); refused != tooManyPages {
		t.Errorf("the 65th page is refused with %q", refused)
	}
	connect(t, s.url, "/", nil) // it is the pages that are bounded, not the clients
	pages[0].close()
	await.Condition(t, "another page is let in", func() bool {
		_, refused := dial(t, s.url, "/admin", nil)
		return refused == ""
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	made := func(change func(*Options)) sessions {
		o := withPassword().withDefaults()
		change(&o)
		s, err := newSessions(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := time.Now()
	own := made(func(*Options) {})
	id := own.issue(now)
	if !own.valid(id, now) || !made(func(*Options) {}).valid(id, now.Add(DefaultSessionLifetime-time.Second)) {
		t.Error("a good session is refused")
	}
	if own.valid(id, now.Add(DefaultSessionLifetime)) {
		t.Error("it does not expire")
	}
	if id == own.issue(now) {
		t.Error("two sessions are the same")
	}
	for i := range id {
		if spoilt := id[:i] + string('A'+(id[i]-'A'+1)%26) + id[i+1:]; spoilt != id && i < len(id)-1 && own.valid(spoilt, now) {
			t.Fatalf("with another character at %d it is good", i)
		}
	}
	for name, other := range map[string]sessions{
		"hash":     made(func(o *Options) { o.PasswordHash = strings.ToUpper(o.PasswordHash) }),
		"username": made(func(o *Options) { o.Username = "root" }),
		"key":      made(func(o *Options) { o.SessionKey = strings.Repeat("k", 32) }),
	} {
		if other.valid(id, now) {
			t.Errorf("it is good with another %s", name)
		}
	}
	key := func(o *Options) { o.SessionKey = strings.Repeat("k", 32) }
	if !made(key).valid(made(func(o *Options) { key(o); o.PasswordHash = "another" }).issue(now), now) {
		t.Error("servers with one key and other hashes do not know each other's sessions")
	}
	for _, bad := range []string{"", "x", id + "A", id[1:], strings.Repeat("=", len(id)), strings.Repeat("A", 1<<20)} {
		if own.valid(bad, now) {
			t.Errorf("%.20q is good", bad)
		}
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	var a attempts
	now := time.Unix(1_800_000_000, 0)
	one, other := networkOf("203.0.113.1:5000"), networkOf("203.0.113.2:5000")
	for i := range maxFailures {
		if !a.begin(one, now) {
			t.Fatalf("attempt %d is refused", i)
		}
	}
	if a.begin(one, now) || a.begin(one, now.Add(failureRecovery/2)) {
		t.Error("one more is not refused")
	}
	if !a.begin(other, now) {
		t.Error("another address is refused")
	}
	if now = now.Add(failureRecovery); !a.begin(one, now) || a.begin(one, now) {
		t.Error("it does not get one more attempt after a while")
	}
	a.succeeded(other)
	if _, kept := a.failed[other]; kept {
		t.Error("one that succeeded is remembered")
	}
	for i := range 2 * maxNetworks {
		a.begin(networkOf(fmt.Sprintf("10.%d.%d.1:1", i/256, i%256)), now.Add(time.Duration(i)))
	}
	if n := len(a.failed); n > maxNetworks {
		t.Errorf("%d are remembered", n)
	}
	if _, kept := a.failed[one]; kept {
		t.Error("the one that was quiet the longest is kept")
	}
	for address, want := range map[string]string{
		"203.0.113.7:80":             "203.0.113.7/32",
		"[2001:db8:1:2:3::4]:80":     "2001:db8:1:2::/64",
		"[::ffff:203.0.113.7]:80":    "203.0.113.7/32",
		"[fe80::1%eth0]:80":          "fe80::/64",
		"203.0.113.7":                "203.0.113.7/32",
		"@":                          "invalid Prefix",
		strings.Repeat("x", 100_000): "invalid Prefix",
	} {
		if got := networkOf(address); got.String() != want {
			t.Errorf("%.40s counts for %v, want %s", address, got, want)
		}
	}
	if networkOf("@") != (netip.Prefix{}) {
		t.Error("no address is one")
	}
}

// flipped is a session id with another signature.
func flipped(id string) string {
	last := "A"
	if id[10] == 'A' {
		last = "B"
	}
	return id[:10] + last + id[11:]
}
