package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/ops"
)

// fill puts a hostile name wherever v takes a text, and one element into each list.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			fill(field)
		}
	}
}

// TestHostileServer: what an operators' port answers reaches the terminal without what that
// would act upon, in all commands, as text, as JSON and in errors.
func TestHostileServer(t *testing.T) {
	clearEnv(t)
	answers := map[string]any{"/api/v1/cluster": &ops.Cluster{}, "/api/v1/rooms": &ops.Rooms{}, "/api/v1/sockets": &ops.Sockets{},
		"/api/v1/node": &ops.Node{}, "/api/v1/emit": &ops.Emitted{}, "/api/v1/drain": &ops.Drained{}, "/readyz": &ops.Health{}, "/api/v1/explain": &ops.Explanation{}, "/api/v1/trace": &ops.TraceLine{}}
	for _, answer := range answers {
		fill(reflect.ValueOf(answer).Elem())
	}
	answers["/api/v1/node"].(*ops.Node).Sockets = 0 // drained
	for name, status := range map[string]int{"answers": 200, "failures": 500, "not ready": 503} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := answers[r.URL.Path]
			if status == 500 {
				answer = ops.Failure{Error: hostile}
			}
			text, err := json.Marshal(answer)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/api/v1/trace" && status == 200 {
				w.Header().Set("Content-Type", "application/x-ndjson")
			}
			w.WriteHeader(status)
			w.Write(text)
		}))
		for _, command := range []string{"nodes", "nodes --links", "top --interval 600ms", "rooms", "sockets", "emit x", "drain <script --wait", "drain nobody", "health", "explain room r", "trace --peer <script"} {
			for _, format := range []string{"", "--json"} {
				args := append(strings.Fields(command), "--url", web.URL)
				if format != "" {
					if args = append(args, format); args[0] == "top" {
						args = append(args, "--once")
					}
				}
				out, errOut, _ := operate(t, args...)
				for _, text := range []string{out, errOut} {
					if !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\x07\r\u202e\u009b\x7f") {
						t.Errorf("%s, mesh %s: %q", name, strings.Join(args, " "), text)
					}
				}
				if out+errOut == "" {
					t.Errorf("%s, mesh %s says nothing", name, strings.Join(args, " "))
				}
				if format != "" && name == "answers" && command != "drain nobody" && !json.Valid([]byte(out)) {
					t.Errorf("mesh %s: %q", strings.Join(args, " "), out)
				}
			}
		}
		web.Close()
	}
}

// TestSafeJSON: what is escaped is the same text.
func TestSafeJSON(t *testing.T) {
	for _, name := range []string{hostile, "", "é日本😀", "\x7f\u0085\u2028\u200b\U000e0001", `"\n`} {
		text, err := json.Marshal(map[string]string{name: name})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		safe := safeJSON(text)
		if err := json.Unmarshal(safe, &back); err != nil || back[name] != name {
			t.Errorf("%q: %v %q", safe, err, back)
		}
		if printable(string(safe)) != string(safe) {
			t.Errorf("%q", safe)
		}
	}
	if got := safeJSON([]byte("{\n  \"é😀\": 1\n}\n")); string(got) != "{\n  \"é😀\": 1\n}\n" {
		t.Errorf("%s", got)
	}
	if got := string(safeJSON([]byte("\"\xff\""))); got != `"\ufffd"` {
		t.Errorf("%s", got)
	}
}
