package adminui

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"golang.org/x/crypto/bcrypt"
)

// The reasons with which pages are refused. The page knows the first one, and asks for a
// password then.
const (
	badCredentials  = "invalid credentials"
	tooManyAttempts = "too many attempts, try again in a minute"
	tooManyPages    = "too many pages are connected to this server"
	notAvailable    = "the admin UI is not available on this server"
)

const (
	maxPages      = 64      // per server
	maxPassword   = 1 << 10 // bytes: bcrypt looks at 72
	maxLogins     = 2       // passwords that are compared at once: each takes tens of milliseconds of a processor
	maxLoginQueue = 64      // logins that wait for a place
)

// admit is the namespace's middleware: it authenticates pages.
func (ui *UI) admit(s *socket.Socket, next func(*socket.ExtendedError)) {
	refuse := func(reason string) { next(socket.NewExtendedError(reason, nil)) }
	switch {
	case ui.ended():
		refuse(notAvailable)
	case ui.nsp.Sockets().Len() >= maxPages:
		ui.logRefused(s, tooManyPages)
		refuse(tooManyPages)
	case ui.o.NoAuth || ui.hasSession(s):
		next(nil)
	default:
		ui.login(s, func(reason string) {
			if reason != "" {
				ui.logRefused(s, reason)
				refuse(reason)
				return
			}
			next(nil)
		})
	}
}

func (ui *UI) hasSession(s *socket.Socket) bool {
	id, _ := s.Handshake().Auth["sessionId"].(string)
	return ui.sessions.valid(id, time.Now())
}

// login compares user name and password. That takes long, and the library's goroutine may
// read for other clients, too: so another goroutine compares and calls done.
func (ui *UI) login(s *socket.Socket, done func(refused string)) {
	auth := s.Handshake().Auth
	username, named := auth["username"].(string)
	password, given := auth["password"].(string)
	if !named || !given || len(password) > maxPassword {
		done(badCredentials)
		return
	}
	network := networkOf(s.Handshake().Address)
	if !ui.attempts.begin(network, time.Now()) {
		done(tooManyAttempts)
		return
	}
	ok := ui.goLogin(func() {
		if !ui.o.matches(username, password) {
			done(badCredentials)
			return
		}
		ui.attempts.succeeded(network)
		done("")
	})
	if !ok {
		done(tooManyAttempts)
	}
}

// goLogin runs compare when there is a place for it. It returns false if too many wait.
func (ui *UI) goLogin(compare func()) bool {
	if ui.loginsWaiting.Add(1) > maxLoginQueue {
		ui.loginsWaiting.Add(-1)
		return false
	}
	return ui.goWork(func() {
		defer ui.loginsWaiting.Add(-1)
		ui.logins <- struct{}{}
		defer func() { <-ui.logins }()
		compare()
	})
}

// matches compares in constant time, so that the time does not reveal what is wrong.
func (o Options) matches(username, password string) bool {
	got, want := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(o.Username))
	sameName := subtle.ConstantTimeCompare(got[:], want[:])
	samePassword := 0
	if bcrypt.CompareHashAndPassword([]byte(o.PasswordHash), []byte(password)) == nil {
		samePassword = 1
	}
	return sameName&samePassword == 1
}

func (ui *UI) logRefused(s *socket.Socket, reason string) {
	remote := s.Handshake().Address
	ui.limiter.Log(ui.log, slog.LevelWarn, "refused "+networkOf(remote).String(), "admin page refused", "remote", remote, "reason", reason)
}
