// Package emitter is the library's event emitter in less memory, for connections: each has
// an emitter, and hardly any has listeners.
package emitter

import (
	"reflect"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/log"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// eventsLog is the log in which the library's own emitters report listeners that panic.
var eventsLog = log.NewLog("engine:events")

// Emitter does the same as types.NewEventEmitter. The zero Emitter is ready. Lists of
// listeners are never changed in place, so emitting needs no copy.
type Emitter struct {
	mu     sync.RWMutex
	events []event

	// Panicked is called for listeners that panic; if it is nil, they are reported in the
	// library's log. It is set before listeners are added.
	Panicked func(name types.EventName, reason any, stack []byte)
}

var _ types.EventEmitter = (*Emitter)(nil)

type event struct {
	name      types.EventName
	listeners []listener
}

// listener is removed by the address of its function's code, as in the library.
type listener struct {
	fn   types.EventListener
	code uintptr
	once *sync.Once // nil if it is not removed after its first call
}

// On adds listeners.
func (e *Emitter) On(name types.EventName, fns ...types.EventListener) error {
	e.add(name, fns, false)
	return nil
}

// AddListener is On.
func (e *Emitter) AddListener(name types.EventName, fns ...types.EventListener) error {
	return e.On(name, fns...)
}

// Once adds listeners that are removed before they are called.
func (e *Emitter) Once(name types.EventName, fns ...types.EventListener) error {
	e.add(name, fns, true)
	return nil
}

func (e *Emitter) add(name types.EventName, fns []types.EventListener, once bool) {
	var added []listener
	for _, fn := range fns {
		if fn == nil {
			continue
		}
		l := listener{fn: fn, code: reflect.ValueOf(fn).Pointer()}
		if once {
			l.once = new(sync.Once)
		}
		added = append(added, l)
	}
	if len(added) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.index(name)
	if i < 0 {
		e.events = append(e.events, event{name, added})
		return
	}
	e.events[i].listeners = slices.Concat(e.events[i].listeners, added)
}

func (e *Emitter) index(name types.EventName) int {
	for i := range e.events {
		if e.events[i].name == name {
			return i
		}
	}
	return -1
}

func (e *Emitter) listeners(name types.EventName) []listener {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if i := e.index(name); i >= 0 {
		return e.events[i].listeners
	}
	return nil
}

// Emit calls an event's listeners, one after the other. A panic of one is logged.
func (e *Emitter) Emit(name types.EventName, data ...any) {
	e.emit(name, e.listeners(name), data)
}

// EmitOne is Emit with one argument. It does not allocate if there are no listeners.
func (e *Emitter) EmitOne(name types.EventName, data any) {
	if listeners := e.listeners(name); len(listeners) > 0 {
		e.emit(name, listeners, []any{data})
	}
}

func (e *Emitter) emit(name types.EventName, listeners []listener, data []any) {
	for _, l := range listeners {
		if l.once == nil {
			e.call(name, l.fn, data)
			continue
		}
		l.once.Do(func() {
			e.remove(name, func(other listener) bool { return other.once == l.once })
			e.call(name, l.fn, data)
		})
	}
}

func (e *Emitter) call(name types.EventName, fn types.EventListener, data []any) {
	defer func() {
		if r := recover(); r != nil {
			if e.Panicked != nil {
				e.Panicked(name, r, debug.Stack())
				return
			}
			eventsLog.Errorf("event listener panic recovered: %v\n%s", r, debug.Stack())
		}
	}()
	fn(data...)
}

// RemoveListener removes the first listener with the code of fn.
func (e *Emitter) RemoveListener(name types.EventName, fn types.EventListener) bool {
	if fn == nil {
		return false
	}
	code := reflect.ValueOf(fn).Pointer()
	return e.remove(name, func(l listener) bool { return l.code == code })
}

func (e *Emitter) remove(name types.EventName, is func(listener) bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.index(name)
	if i < 0 {
		return false
	}
	old := e.events[i].listeners
	at := slices.IndexFunc(old, is)
	if at < 0 {
		return false
	}
	e.events[i].listeners = slices.Concat(old[:at], old[at+1:])
	return true
}

// RemoveAllListeners removes an event's listeners.
func (e *Emitter) RemoveAllListeners(name types.EventName) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.index(name)
	if i < 0 {
		return false
	}
	e.events = slices.Delete(e.events, i, i+1)
	return true
}

// Clear removes everything.
func (e *Emitter) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = nil
}

// ListenerCount is the number of an event's listeners.
func (e *Emitter) ListenerCount(name types.EventName) int { return len(e.listeners(name)) }

// Listeners returns an event's listeners.
func (e *Emitter) Listeners(name types.EventName) []types.EventListener {
	var fns []types.EventListener
	for _, l := range e.listeners(name) {
		fns = append(fns, l.fn)
	}
	return fns
}

// EventNames returns the names of the events that have been listened to.
func (e *Emitter) EventNames() []types.EventName {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var names []types.EventName
	for i := range e.events {
		names = append(names, e.events[i].name)
	}
	return names
}

// Len is the number of events that have been listened to.
func (e *Emitter) Len() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.events)
}
