package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// program is what record.js has made of a function: calls, one after the other.
type program struct {
	Params []int  `json:"params"`
	Body   []call `json:"body"`
	Result any    `json:"result"`
}

// call calls a method of a value and binds what it returns to ID.
type call struct {
	ID     int    `json:"id"`
	Target any    `json:"target"`
	Name   string `json:"name"`
	Args   []any  `json:"args"`
}

// scope is the values that the calls of one function have, beside those around it.
type scope struct {
	outer *scope
	args  []any // of the handler, without the acknowledgement
	ack   any
	// attempted: the step asks whether its calls fail.
	attempted bool

	mu     sync.Mutex
	values map[int]any
	timed  map[int]bool // those that come from a Timeout
}

func (s *scope) set(id int, value any, timed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[id] = value
	if timed {
		if s.timed == nil {
			s.timed = map[int]bool{}
		}
		s.timed[id] = true
	}
}

func (s *scope) get(id int) (value any, timed bool) {
	for ; s != nil; s = s.outer {
		s.mu.Lock()
		value, ok := s.values[id]
		timed := s.timed[id]
		s.mu.Unlock()
		if ok {
			return value, timed
		}
	}
	panic(fmt.Sprint("no value ", id))
}

// function is a handler of a program.
type function struct {
	program *program
	server  *server
	outer   *scope
	same    types.EventListener // one value for On and RemoveListener
}

// call runs the function, and returns its result if nothing in it has to be awaited.
func (f *function) call(values ...any) any {
	s := &scope{outer: f.outer, values: map[int]any{}, args: values}
	for i, id := range f.program.Params {
		var value any
		if i < len(values) {
			value = values[i]
		}
		s.values[id] = value
	}
	if args, ack := splitAck(values); ack != nil {
		s.args, s.ack = args, ack
	}
	var result any
	f.server.body(f.program, s, 0, func(value any, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "a handler:", err)
		}
		result = value
	})
	return result
}

// run runs a program at the top.
func (s *server) run(p *program, done func(any, error)) {
	defer func() {
		if r := recover(); r != nil {
			done(nil, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	s.body(p, &scope{values: map[int]any{}}, 0, done)
}

// body makes the calls from one on. What is asynchronous in Node calls the rest when
// it is done, here as there.
func (s *server) body(p *program, at *scope, from int, done func(any, error)) {
	for i := from; i < len(p.Body); i++ {
		c := p.Body[i]
		next := func(value any, err error) {
			if err != nil {
				done(value, err)
				return
			}
			at.set(c.ID, value, false)
			s.body(p, at, i+1, done)
		}
		value, timed, waiting, err := s.perform(c, at, next)
		if err != nil {
			done(nil, err)
			return
		}
		if waiting {
			return
		}
		at.set(c.ID, value, timed)
	}
	done(s.value(p.Result, at), nil)
}

// value evaluates an expression.
func (s *server) value(expr any, at *scope) any {
	switch e := expr.(type) {
	case []any:
		return s.list(e, at)
	case map[string]any:
		if value, ok := literal(e); ok {
			return value
		}
		if id, ok := e["$ref"].(float64); ok {
			value, _ := at.get(int(id))
			return value
		}
		if get, ok := e["$get"].([]any); ok {
			return property(s.value(get[0], at), get[1].(string))
		}
		if root, ok := e["$root"].([]any); ok {
			return s.root(root)
		}
		if f, ok := e["$fn"]; ok {
			return s.function(f, at)
		}
		if name, ok := e["$var"].(string); ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.vars[name]
		}
		if e["$args"] != nil {
			return at.args
		}
		if e["$ack"] != nil {
			return at.ack
		}
		if pair, ok := e["$error"].([]any); ok {
			return socket.NewExtendedError(pair[0].(string), s.value(pair[1], at))
		}
		if pair, ok := e["$eq"].([]any); ok {
			return fmt.Sprint(s.value(pair[0], at)) == fmt.Sprint(s.value(pair[1], at))
		}
		if inner, ok := e["$buffer"]; ok {
			return types.NewBytesBuffer(s.value(inner, at).([]byte))
		}
		object := make(map[string]any, len(e))
		for key := range e {
			object[key] = s.value(e[key], at)
		}
		return object
	}
	return expr
}

// list evaluates a list; the handler's arguments may stand in it.
func (s *server) list(exprs []any, at *scope) []any {
	all := []any{}
	for _, expr := range exprs {
		if e, ok := expr.(map[string]any); ok && e["$args"] != nil {
			all = append(all, at.args...)
			continue
		}
		all = append(all, s.value(expr, at))
	}
	return all
}

func (s *server) root(root []any) any {
	switch root[0] {
	case "io":
		return s.io
	case "engine":
		return s.io.Engine().(engine.Server)
	}
	key := fmt.Sprint(root[1], " ", root[2])
	s.mu.Lock()
	c := s.sockets[key]
	s.mu.Unlock()
	if c == nil {
		panic("no socket of " + key)
	}
	s.settled(c)
	return c
}

// property reads what Node's objects have as a property.
func property(target any, name string) any {
	switch t := target.(type) {
	case *socket.Socket:
		switch name {
		case "id":
			return string(t.Id())
		case "rooms":
			return encodeAll(sorted(t.Rooms().Keys()))
		case "data":
			return dataOf(t.Data())
		case "connected":
			return t.Connected()
		case "disconnected":
			return t.Disconnected()
		case "recovered":
			return t.Recovered()
		case "handshake":
			return t.Handshake()
		case "nsp":
			return t.Nsp()
		case "conn":
			return t.Conn()
		case "client":
			return t.Client()
		case "broadcast":
			return t.Broadcast()
		}
	case *socket.RemoteSocket:
		switch name {
		case "id":
			return string(t.Id())
		case "rooms":
			return encodeAll(sorted(t.Rooms().Keys()))
		case "data":
			return dataOf(t.Data())
		case "handshake":
			return t.Handshake()
		}
	case *socket.Handshake:
		switch name {
		case "headers":
			return t.Headers
		case "address":
			return t.Address
		case "xdomain":
			return t.Xdomain
		case "secure":
			return t.Secure
		case "url":
			return t.Url
		case "query":
			query := map[string]any{}
			for name, value := range t.Query {
				query[name] = value
				// In Go each value is a list.
				if list, ok := value.([]string); ok && len(list) == 1 {
					query[name] = list[0]
				}
			}
			return query
		case "auth":
			if t.Auth == nil {
				return map[string]any{}
			}
			return t.Auth
		case "time":
			return t.Time
		case "issued":
			return t.Issued
		}
	case types.ParsedUrlQuery:
		return t[name]
	case types.IncomingHttpHeaders: // as net/http has them
		if list, ok := t[http.CanonicalHeaderKey(name)].([]string); ok && len(list) == 1 {
			return list[0]
		}
		return t[http.CanonicalHeaderKey(name)]
	case map[string]any:
		return t[name]
	case []any:
		if name == "length" {
			return len(t)
		}
		return t[name[0]-'0']
	case []*socket.RemoteSocket:
		if name == "length" {
			return len(t)
		}
	case *socket.Client:
		return t.Conn()
	case *socket.Server:
		switch name {
		case "sockets":
			return t.Sockets()
		case "engine":
			return t.Engine().(engine.Server)
		}
	case socket.Namespace:
		switch name {
		case "name":
			return t.Name()
		case "adapter":
			return t.Adapter()
		case "sockets":
			return t.Sockets()
		}
	case *types.Map[socket.SocketId, *socket.Socket]:
		return t.Len()
	case socket.Adapter:
		switch name {
		case "rooms":
			return encodeAll(sorted(t.Rooms().Keys()))
		case "sids":
			return encodeAll(sorted(t.Sids().Keys()))
		}
	case engine.Server:
		return t.ClientsCount()
	case engine.Socket:
		switch name {
		case "id":
			return t.Id()
		case "transport":
			return t.Transport()
		case "protocol":
			return t.Protocol()
		case "readyState":
			return t.ReadyState()
		}
	case transports.Transport:
		switch name {
		case "name":
			return t.Name()
		case "writable":
			return t.Writable()
		}
	case *socket.ExtendedError:
		switch name {
		case "message":
			return t.Message
		case "data":
			return t.Data
		}
	case error:
		return t.Error()
	case *types.ErrorMessage:
		switch name {
		case "code":
			return t.Code
		case "message":
			return t.Message
		case "context":
			return t.Context
		}
	}
	switch name {
	case "volatile":
		if c, ok := target.(*socket.Socket); ok {
			return c.Volatile()
		}
		return target.(modifier).Volatile()
	case "local":
		return target.(chooser).Local()
	}
	panic(fmt.Sprintf("a %T has no %s", target, name))
}

func block(ms any) { time.Sleep(time.Duration(ms.(float64)) * time.Millisecond) }
