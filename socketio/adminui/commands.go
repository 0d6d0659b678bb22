package adminui

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// command is something that a page asks for.
type command struct {
	Name      string          `json:"name"`
	Namespace string          `json:"nsp"`
	Of        string          `json:"of,omitempty"`   // a room, or the id of a socket; "" means all sockets
	Room      string          `json:"room,omitempty"` // for join and leave
	Close     bool            `json:"close,omitempty"`
	Event     json.RawMessage `json:"event,omitempty"` // for emit: [name, args…], without binary values

	binary [][]byte
}

// Names of commands, as pages send them.
const (
	emitCommand       = "emit"
	joinCommand       = "join"
	leaveCommand      = "leave"
	disconnectCommand = "_disconnect"
)

var (
	errBadCommand  = errors.New("not as the page sends it")
	errReadOnly    = errors.New("pages may only look")
	errNoNamespace = errors.New("no server has this namespace")
)

// takeCommands listens for the commands of a page. Those of a read-only page are refused
// here, because a client may send them although the page shows no buttons.
func (ui *UI) takeCommands(s *socket.Socket) {
	for _, name := range []string{emitCommand, joinCommand, leaveCommand, disconnectCommand} {
		_ = s.On(name, func(args ...any) { ui.command(s, name, args) })
	}
}

func (ui *UI) command(s *socket.Socket, name string, args []any) {
	if ui.ended() {
		return
	}
	c, err := readCommand(name, args)
	if ui.o.ReadOnly {
		err = errReadOnly
	}
	if err == nil {
		err = ui.perform(c, false)
	}
	id, remote := string(s.Id()), s.Handshake().Address
	if err != nil {
		ui.limiter.Log(ui.log, slog.LevelWarn, "command "+id, "admin page is not obeyed", "kind", name, "socket", id, "remote", remote, "error", err)
		return
	}
	ui.audit.Log(ui.log, slog.LevelInfo, "command "+id, "admin page acts", "kind", name, "namespace", c.Namespace, "by", ui.o.Username, "socket", id, "remote", remote)
}

// readCommand reads the arguments of a page's event, which may be anything.
func readCommand(name string, args []any) (command, error) {
	if n := len(args); n > 0 {
		if _, isAck := args[n-1].(socket.Ack); isAck {
			args = args[:n-1]
		}
	}
	c := command{Name: name}
	var ok bool
	switch name {
	case emitCommand:
		ok = c.text(args, 0, &c.Namespace) && c.optional(args, 1, &c.Of) && c.event(args)
	case joinCommand, leaveCommand:
		ok = c.text(args, 0, &c.Namespace) && c.text(args, 1, &c.Room) && c.optional(args, 2, &c.Of)
	case disconnectCommand:
		ok = c.text(args, 0, &c.Namespace) && c.flag(args, 1, &c.Close) && c.optional(args, 2, &c.Of)
	}
	if !ok {
		return command{}, errBadCommand
	}
	return c, nil
}

// text reads an argument that must be a string and not empty.
func (*command) text(args []any, i int, value *string) (ok bool) {
	if len(args) > i {
		*value, ok = args[i].(string)
	}
	return ok && *value != "" && len(*value) <= maxRoomName
}

// optional reads an argument that may be missing, null or empty.
func (c *command) optional(args []any, i int, value *string) bool {
	if len(args) <= i || args[i] == nil || args[i] == "" {
		return true
	}
	return c.text(args, i, value)
}

func (*command) flag(args []any, i int, value *bool) (ok bool) {
	if len(args) > i {
		*value, ok = args[i].(bool)
	}
	return ok
}

// event reads and encodes the event of an emit.
func (c *command) event(args []any) bool {
	if len(args) < 3 {
		return false
	}
	name, ok := args[2].(string)
	if !ok || socket.SOCKET_RESERVED_EVENTS.Has(name) {
		return false
	}
	p, err := siovalue.Encode(args[2:], siovalue.Options{KeepReaders: true})
	if err != nil {
		return false
	}
	c.Event, c.binary = json.RawMessage(p.Text), p.Attachments
	return true
}

// perform carries out a command on the sockets of all servers, if this server has the
// namespace. If not, it sends the command to the others, and each carries it out locally.
func (ui *UI) perform(c command, local bool) error {
	open := ui.server.Namespaces()
	i := slices.IndexFunc(open, func(o core.OpenNamespace) bool { return o.Name == c.Namespace })
	if i < 0 {
		if local || len(c.binary) > 0 {
			return errNoNamespace
		}
		ui.send(message{Kind: kindCommand, Command: &c})
		return nil
	}
	to := core.Target{Flags: core.Flags{Local: local}}
	if c.Of != "" {
		to.Rooms = []string{c.Of}
	}
	switch mesh := open[i].Adapter; c.Name {
	case emitCommand:
		if len(c.Event) < 2 || c.Event[0] != '[' {
			return errBadCommand
		}
		mesh.Broadcast(core.Payload{Text: c.Event, Attachments: c.binary}, to)
	case joinCommand:
		mesh.AddSockets(to, []string{c.Room})
	case leaveCommand:
		mesh.DelSockets(to, []string{c.Room})
	case disconnectCommand:
		mesh.DisconnectSockets(to, c.Close)
	default:
		return errBadCommand
	}
	return nil
}
