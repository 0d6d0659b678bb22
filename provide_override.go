package mesh

import (
	"fmt"
	"reflect"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
)

// OverrideAdapter puts what ctor makes around the adapter of namespaces, as
// [WithOverrideAdapter] does. ctor is a func(core.Adapter) core.Adapter, or of any
// other type that implements it; what it takes beside the adapter comes from the
// application:
//
//	func newAudit(inner core.Adapter, log *slog.Logger) *audit
//
// Several must be for different namespaces, because fx keeps no order in which they
// could be applied. To have one around another, make both in one ctor.
func OverrideAdapter(ctor any, namespaces ...string) fx.Option {
	o := override[core.Adapter]{option: "OverrideAdapter", namespaces: namespaces}
	return provideOverride(o, ctor, `group:"mesh.adapters"`, func(_ string, inner core.Adapter) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(&inner).Elem()}
	})
}

// OverrideHost puts what ctor makes around the host of namespaces, as
// [WithOverrideHost] does. ctor is a func(namespace string, h core.Host) core.Host,
// and otherwise as that of [OverrideAdapter].
func OverrideHost(ctor any, namespaces ...string) fx.Option {
	o := override[core.Host]{option: "OverrideHost", namespaces: namespaces}
	return provideOverride(o, ctor, `group:"mesh.hosts"`, func(namespace string, inner core.Host) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(namespace), reflect.ValueOf(&inner).Elem()}
	})
}

// provideOverride makes of ctor, which takes what lead returns and then whatever it
// wants of the application, a constructor that takes the latter only.
func provideOverride[T any](o override[T], ctor any, group string, lead func(string, T) []reflect.Value) fx.Option {
	var none T
	leading := lead("", none)
	if err := checkOverride[T](o.option, ctor, leading); err != nil {
		return fx.Error(err)
	}
	call := reflect.ValueOf(ctor)
	var dependencies []reflect.Type
	for i := len(leading); i < call.Type().NumIn(); i++ {
		dependencies = append(dependencies, call.Type().In(i))
	}
	bind := func(given []reflect.Value) []reflect.Value {
		bound := o
		bound.wrap = func(namespace string, inner T) T {
			outer, _ := call.Call(append(lead(namespace, inner), given...))[0].Interface().(T)
			return outer
		}
		return []reflect.Value{reflect.ValueOf(bound)}
	}
	constructor := reflect.FuncOf(dependencies, []reflect.Type{reflect.TypeFor[override[T]]()}, false)
	return fx.Provide(fx.Annotate(reflect.MakeFunc(constructor, bind).Interface(), fx.ResultTags(group)))
}

func checkOverride[T any](option string, ctor any, leading []reflect.Value) error {
	result := reflect.TypeFor[T]()
	first := ""
	for _, value := range leading {
		first += value.Type().String() + ", "
	}
	bad := &core.ConfigError{Field: option, Value: typeName(ctor),
		Allowed: fmt.Sprintf("func(%s…) %s, or with a result that implements it", first, result)}
	got := reflect.TypeOf(ctor)
	if isnil.Value(ctor) || got.Kind() != reflect.Func || got.IsVariadic() ||
		got.NumIn() < len(leading) || got.NumOut() != 1 || !got.Out(0).Implements(result) {
		return bad
	}
	for i, value := range leading {
		if got.In(i) != value.Type() {
			return bad
		}
	}
	return nil
}

// checkDisjoint wants no two overrides of a namespace: fx gives them in any order.
func checkDisjoint[T any](overrides []override[T]) error {
	for i, a := range overrides {
		for _, b := range overrides[i+1:] {
			if both := a.namespaces.overlap(b.namespaces); both != "" {
				return &core.ConfigError{Field: a.option, Value: both,
					Allowed: "one override for each namespace, because fx keeps no order; to have one around another, make both in one constructor"}
			}
		}
	}
	return nil
}
