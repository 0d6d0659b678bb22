package adminui

import (
	"cmp"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/socketmesh/mesh/core"
)

// Mode says how much pages see of clients.
type Mode string

const (
	// Development shows sockets, rooms and events one by one.
	Development Mode = "development"
	// Production shows numbers only. It never takes anything from the fast path.
	Production Mode = "production"
)

// Defaults of [Options].
const (
	DefaultNamespace       = "/admin"
	DefaultSessionLifetime = 24 * time.Hour
	DefaultMaxSockets      = 2000
	DefaultMaxEvents       = 500
)

// Options are set by the application. There is no default for authentication: set Username
// and PasswordHash, or NoAuth.
type Options struct {
	// Username and PasswordHash are the credentials of pages. The hash is bcrypt's,
	// "$2b$10$…", as `htpasswd -nbB admin PASSWORD` prints it behind the colon.
	Username     string
	PasswordHash string

	// NoAuth lets in every page that can reach the server.
	NoAuth bool

	// SessionKey signs the sessions of pages that have logged in, so that they need no
	// password when they reconnect, also to another server. All servers need the same key.
	// Default: derived from Username and PasswordHash, so that somebody who can read the
	// hash can make a session. At least 16 bytes.
	SessionKey string

	// SessionLifetime is how long after a login a page can reconnect without a password. A
	// page that is connected stays so. Default: 24 h.
	SessionLifetime time.Duration

	// Namespace is the namespace of the pages. Default: "/admin".
	Namespace string

	// ServerID is this server's name on the page, which must be unique. Default: its id in
	// the mesh.
	ServerID string

	// Mode is Development or Production. Default: Development, as in the original.
	Mode Mode

	// ReadOnly lets pages only look: the server refuses their commands.
	ReadOnly bool

	// ShowData shows the data of sockets (SetData). It is encoded every two seconds while a
	// page is connected, so the application must not change the data in place, but set new
	// data.
	ShowData bool

	// MaxSockets is how many single sockets a page sees, of all servers, which share the
	// number evenly. Statistics include all sockets. Default: 2,000, because the page
	// becomes slow with more.
	MaxSockets int

	// MaxEvents is how many events per second a page gets, of all servers, which share the
	// number evenly: so many events of clients, and so many of sockets and rooms. More
	// events are left out. Default: 500.
	MaxEvents int

	// Logger logs which pages were let in or refused, and what they do. Default:
	// slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.SessionLifetime = cmp.Or(o.SessionLifetime, DefaultSessionLifetime)
	o.Namespace = cmp.Or(o.Namespace, DefaultNamespace)
	o.Mode = cmp.Or(o.Mode, Development)
	o.MaxSockets = cmp.Or(o.MaxSockets, DefaultMaxSockets)
	o.MaxEvents = cmp.Or(o.MaxEvents, DefaultMaxEvents)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// Validate reports the first bad value, as a [*core.ConfigError].
func (o Options) Validate() error {
	bad := func(field string, value any, allowed string) error {
		return &core.ConfigError{Field: "adminui.Options." + field, Value: value, Allowed: allowed}
	}
	hasPassword := o.Username != "" || o.PasswordHash != ""
	_, hashErr := bcrypt.Cost([]byte(o.PasswordHash))
	switch {
	case o.NoAuth && hasPassword:
		return bad("NoAuth", o.NoAuth, "false with Username and PasswordHash")
	case !o.NoAuth && !hasPassword:
		return bad("Username", o.Username, "a name, with PasswordHash; or NoAuth, which lets everybody in")
	case hasPassword && o.Username == "":
		return bad("Username", o.Username, "a name where PasswordHash is set")
	case hasPassword && hashErr != nil:
		return bad("PasswordHash", masked(o.PasswordHash), "a bcrypt hash, as $2b$10$ and 53 characters")
	case o.SessionKey != "" && len(o.SessionKey) < minSessionKey:
		return bad("SessionKey", masked(o.SessionKey), "at least 16 bytes, or none")
	case o.SessionLifetime < 0:
		return bad("SessionLifetime", o.SessionLifetime, "a positive duration, or 0 for the default")
	case o.Namespace != "" && (o.Namespace == "/" || !strings.HasPrefix(o.Namespace, "/")):
		return bad("Namespace", o.Namespace, `a name such as "/admin", but not the main namespace`)
	case o.Mode != "" && o.Mode != Development && o.Mode != Production:
		return bad("Mode", string(o.Mode), `"development" or "production"`)
	case o.MaxSockets < 0:
		return bad("MaxSockets", o.MaxSockets, "a positive number, or 0 for the default")
	case o.MaxEvents < 0:
		return bad("MaxEvents", o.MaxEvents, "a positive number, or 0 for the default")
	}
	return nil
}

// masked replaces a secret in an error.
func masked(secret string) string {
	if secret == "" {
		return ""
	}
	return strings.Repeat("*", min(len(secret), 8))
}

// features returns what a page may do and see, by the names that the page knows.
func (o Options) features() []string {
	var features []string
	if !o.ReadOnly {
		features = append(features, "EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT")
	}
	features = append(features, "AGGREGATED_EVENTS")
	if o.Mode == Development {
		features = append(features, "ALL_EVENTS")
	}
	return features
}

// hostname returns this machine's name, "" if it is not known.
func hostname() string {
	name, _ := os.Hostname()
	return name
}
