package main

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio"
)

// What several of the library's types can do.
type (
	operator = *socket.BroadcastOperator

	chooser interface {
		To(...socket.Room) operator
		In(...socket.Room) operator
		Except(...socket.Room) operator
		Local() operator
	}
	modifier interface {
		Compress(bool) operator
		Volatile() operator
		Timeout(time.Duration) operator
	}
	emitter interface {
		Emit(string, ...any) error
	}
	acknowledger interface {
		EmitWithAck(string, ...any) func(socket.Ack)
	}
	manager interface {
		FetchSockets() func(func([]*socket.RemoteSocket, error))
		SocketsJoin(...socket.Room)
		SocketsLeave(...socket.Room)
		DisconnectSockets(bool)
	}
	colleague interface {
		ServerSideEmit(string, ...any) error
		ServerSideEmitWithAck(string, ...any) func(socket.Ack) error
	}
	listened interface {
		On(string, ...types.EventListener) error
		Once(string, ...types.EventListener) error
	}
	// ofOne asks one remote socket.
	ofOne struct{ operator }
)

// function makes the handler that an expression describes.
func (s *server) function(expr any, at *scope) *function {
	text, err := json.Marshal(expr)
	if err != nil {
		panic(err)
	}
	f := &function{program: &program{}, server: s, outer: at}
	if err := json.Unmarshal(text, f.program); err != nil {
		panic(err)
	}
	listener := func(values ...any) {
		if !hidden(values) {
			f.call(values...)
		}
	}
	f.same = distinct(listener)
	return f
}

// listener is the value that On and Off get.
func listener(value any) types.EventListener { return value.(*function).same }

// acknowledgement makes of a function what Node's would be: with the error first after
// a timeout, and of a broadcast.
func (f *function) acknowledgement(errorFirst bool, whole bool) socket.Ack {
	return func(values []any, err error) {
		args := values
		if whole { // the answers of several are one argument
			args = []any{values}
		}
		if errorFirst {
			var failure any
			if err != nil {
				failure = err
			}
			args = append([]any{failure}, args...)
		}
		f.call(args...)
	}
}

// perform makes a call. It says whether the value comes from a Timeout, and whether
// next has the rest.
func (s *server) perform(c call, at *scope, next func(any, error)) (value any, timed, waiting bool, err error) {
	if c.Target == nil {
		value, err = s.own(c.Name, c.Args, at)
		return value, false, false, err
	}
	target := s.value(c.Target, at)
	if ref, ok := c.Target.(map[string]any); ok {
		if id, ok := ref["$ref"].(float64); ok {
			_, timed = at.get(int(id))
		}
	}
	args := s.list(c.Args, at)
	switch c.Name {
	case "log":
		s.write(target, args...)
		return nil, false, false, nil
	case "()":
		return nil, false, false, invoke(target, args)
	case "emitWithAck":
		single := isOne(target)
		target.(acknowledger).EmitWithAck(text(args[0]), args[1:]...)(func(values []any, err error) {
			switch {
			case !single:
				next(values, err)
			case err != nil || len(values) == 0:
				next(undefined{}, err)
			default:
				next(values[0], nil)
			}
		})
		return nil, false, true, nil
	case "fetchSockets":
		target.(manager).FetchSockets()(func(list []*socket.RemoteSocket, err error) { next(list, err) })
		return nil, false, true, nil
	case "serverSideEmitWithAck":
		err := target.(colleague).ServerSideEmitWithAck(text(args[0]), args[1:]...)(func(values []any, err error) { next(values, err) })
		return nil, false, err == nil, err
	case "close":
		if io, ok := target.(*socket.Server); ok {
			io.Close(func(err error) { next(nil, err) })
			return nil, false, true, nil
		}
	case "timeout":
		d := time.Duration(args[0].(float64)) * time.Millisecond
		switch t := target.(type) {
		case *socket.Socket:
			return t.Timeout(d), true, false, nil
		case *socket.RemoteSocket:
			return ofOne{t.Timeout(d)}, true, false, nil
		}
		return target.(modifier).Timeout(d), true, false, nil
	}
	value, err = s.method(target, c.Name, args, manner{timed: timed, attempted: at.attempted})
	return value, timed, false, err
}

// isOne tells whether there is one answer at most.
func isOne(target any) bool {
	switch target.(type) {
	case *socket.Socket, ofOne:
		return true
	}
	return false
}

func text(value any) string { return value.(string) }

// invoke calls a function that the library has handed out.
func invoke(f any, args []any) error {
	var first any
	if len(args) > 0 {
		first = args[0]
	}
	failure, _ := first.(error)
	switch call := f.(type) {
	case socket.Ack:
		call(args, nil)
	case func(error):
		call(failure)
	case func(error, bool):
		allowed, _ := args[1].(bool)
		call(failure, allowed)
	case func(*socket.ExtendedError):
		var e *socket.ExtendedError
		if failure != nil {
			e = failure.(*socket.ExtendedError)
		}
		call(e)
	case *function:
		call.call(args...)
	default:
		return fmt.Errorf("a %T cannot be called", f)
	}
	return nil
}

// manner is how a method is called: with a Timeout before it, and by a step that asks
// for the error.
type manner struct{ timed, attempted bool }

// method calls what is done at once.
func (s *server) method(target any, name string, args []any, how manner) (any, error) {
	switch name {
	case "emit", "send", "serverSideEmit":
		return nil, s.emit(target, name, args, how)
	case "on":
		return nil, s.on(target, text(args[0]), args[1].(*function), false)
	case "once":
		return nil, s.on(target, text(args[0]), args[1].(*function), true)
	case "use":
		s.use(target, args[0].(*function))
		return target, nil
	case "to":
		return target.(chooser).To(roomsOf(args)...), nil
	case "in":
		return target.(chooser).In(roomsOf(args)...), nil
	case "except":
		return target.(chooser).Except(roomsOf(args)...), nil
	case "socketsJoin":
		target.(manager).SocketsJoin(roomsOf(args)...)
		return nil, nil
	case "socketsLeave":
		target.(manager).SocketsLeave(roomsOf(args)...)
		return nil, nil
	case "disconnectSockets":
		target.(manager).DisconnectSockets(len(args) > 0 && args[0] == true)
		return nil, nil
	}
	switch t := target.(type) {
	case *socket.Server:
		if name == "of" {
			return s.of(args[0]), nil
		}
	case *socket.Socket:
		return s.socketMethod(t, name, args)
	case *socket.RemoteSocket:
		switch name {
		case "join":
			t.Join(roomsOf(args)...)
			return nil, nil
		case "leave":
			t.Leave(roomsOf(args)...)
			return nil, nil
		case "disconnect":
			t.Disconnect(len(args) > 0 && args[0] == true)
			return nil, nil
		}
	case engine.Socket:
		if name == "close" {
			t.Close(false)
			return nil, nil
		}
	}
	if name == "compress" {
		return target.(modifier).Compress(args[0] == true), nil
	}
	return nil, fmt.Errorf("a %T cannot %s", target, name)
}

func (s *server) socketMethod(c *socket.Socket, name string, args []any) (any, error) {
	switch name {
	case "join":
		c.Join(roomsOf(args)...)
	case "leave":
		c.Leave(roomsOf(args)[0])
	case "disconnect":
		c.Disconnect(len(args) > 0 && args[0] == true)
	case "setData":
		c.SetData(args[0])
	case "compress":
		return c.Compress(args[0] == true), nil
	case "onAny":
		c.OnAny(listener(args[0]))
	case "prependAny":
		c.PrependAny(listener(args[0]))
	case "offAny":
		if len(args) == 0 {
			c.OffAny(nil)
		} else {
			c.OffAny(listener(args[0]))
		}
	case "onAnyOutgoing":
		c.OnAnyOutgoing(listener(args[0]))
	case "prependAnyOutgoing":
		c.PrependAnyOutgoing(listener(args[0]))
	case "offAnyOutgoing":
		if len(args) == 0 {
			c.OffAnyOutgoing(nil)
		} else {
			c.OffAnyOutgoing(listener(args[0]))
		}
	case "off":
		c.RemoveListener(types.EventName(text(args[0])), listener(args[1]))
	case "removeAllListeners":
		c.RemoveAllListeners(types.EventName(text(args[0])))
	default:
		return nil, fmt.Errorf("a socket cannot %s", name)
	}
	return nil, nil
}

// emit makes of a function at the end an acknowledgement.
func (s *server) emit(target any, name string, args []any, how manner) error {
	if name == "send" {
		args = append([]any{"message"}, args...)
	}
	if n := len(args); n > 0 {
		if f, ok := args[n-1].(*function); ok {
			_, local := target.(*socket.Socket)
			args[n-1] = f.acknowledgement(how.timed || !local, !isOne(target))
		}
	}
	if name == "serverSideEmit" {
		return target.(colleague).ServerSideEmit(text(args[0]), args[1:]...)
	}
	if how.attempted { // the library's Emit has no error for what cannot be encoded
		return socketio.Emit(target.(emitter), text(args[0]), args[1:]...)
	}
	if io, ok := target.(*socket.Server); ok {
		io.Emit(text(args[0]), args[1:]...)
		return nil
	}
	return target.(emitter).Emit(text(args[0]), args[1:]...)
}

func (s *server) on(target any, event string, f *function, once bool) error {
	switch t := target.(type) {
	case listened:
		if once {
			return t.Once(event, f.same)
		}
		return t.On(event, f.same)
	case types.EventEmitter:
		if once {
			return t.Once(types.EventName(event), f.same)
		}
		return t.On(types.EventName(event), f.same)
	}
	return fmt.Errorf("a %T does not emit", target)
}

func (s *server) use(target any, f *function) {
	switch t := target.(type) {
	case *socket.Server:
		t.Use(func(c *socket.Socket, next func(*socket.ExtendedError)) { f.call(c, next) })
	case socket.Namespace:
		t.Use(func(c *socket.Socket, next func(*socket.ExtendedError)) { f.call(c, next) })
	case *socket.Socket:
		t.Use(func(event []any, next func(error)) {
			if hidden(event) {
				next(nil)
				return
			}
			f.call(event, next)
		})
	case engine.Server:
		t.Use(func(ctx *types.HttpContext, next func(error)) { f.call(ctx, ctx, next) })
	default:
		panic(fmt.Sprintf("a %T has no middleware", target))
	}
}

func (s *server) of(name any) socket.Namespace {
	if f, ok := name.(*function); ok {
		match := func(name string, auth map[string]any, next func(error, bool)) { f.call(name, auth, next) }
		name = socket.ParentNspNameMatchFn(&match)
	}
	nsp := s.io.Of(name, nil)
	s.watch(nsp)
	return nsp
}

// own does what steps can do besides calling the library.
func (s *server) own(name string, exprs []any, at *scope) (any, error) {
	args := s.list(exprs, at)
	switch name {
	case "log":
		s.note("server", encode(args))
	case "block":
		block(args[0])
	case "later":
		time.AfterFunc(time.Duration(args[0].(float64))*time.Millisecond, func() { args[1].(*function).call() })
	case "fn":
		return args[0], nil
	case "if":
		if args[0] == true || args[0] != nil && args[0] != false && args[0] != "" {
			return args[1].(*function).call(), nil
		}
		if len(args) > 2 {
			return args[2].(*function).call(), nil
		}
	case "each":
		switch list := args[0].(type) {
		case []any:
			for _, v := range list {
				args[1].(*function).call(v)
			}
		case []*socket.RemoteSocket:
			for _, v := range list {
				args[1].(*function).call(v)
			}
		}
	case "repeat":
		for i := range int(args[0].(float64)) {
			args[1].(*function).call(i)
		}
	case "attempt":
		f := args[0].(*function)
		outcome := "fine"
		s.body(f.program, &scope{outer: f.outer, values: map[int]any{}, attempted: true}, 0, func(_ any, err error) {
			if err != nil {
				outcome = "throws"
			}
		})
		return outcome, nil
	case "fail":
		panic(args[0])
	case "pluck":
		all := []any{}
		for _, v := range args[0].([]*socket.RemoteSocket) {
			all = append(all, property(v, text(args[1])))
		}
		return all, nil
	case "set":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.vars[text(args[0])] = args[1]
	case "header":
		args[0].(*types.ParameterBag).Set(text(args[1]), text(args[2]))
	default:
		return nil, fmt.Errorf("no step %q", name)
	}
	return nil, nil
}

var turn atomic.Int64

// The library tells listeners apart by the address of their code, which closures of
// one literal share. distinct hands out some literals in turn.
func distinct(f types.EventListener) types.EventListener {
	switch turn.Add(1) % 4 {
	case 0:
		return func(values ...any) { f(values...) }
	case 1:
		return func(values ...any) { f(values...); _ = 1 }
	case 2:
		return func(values ...any) { f(values...); _ = 2 }
	}
	return func(values ...any) { f(values...); _ = 3 }
}
