package codectest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
)

// Payloads are compared as trees: nil, bool, float64, string, []byte for an attachment,
// []any and object. Numbers are compared by value, not by how they are written; objects
// also by the order of their members.

type object []member

type member struct {
	key   string
	value any
}

// treeOf reads a payload. A payload that is not well-formed is an error.
func treeOf(p core.Payload) (any, error) {
	if p.IsZero() {
		if len(p.Attachments) > 0 {
			return nil, fmt.Errorf("%d attachments without a text", len(p.Attachments))
		}
		return nil, nil
	}
	if !json.Valid(p.Text) || !utf8.Valid(p.Text) {
		return nil, fmt.Errorf("not JSON in UTF-8: %.200q", p.Text)
	}
	d := json.NewDecoder(bytes.NewReader(p.Text))
	d.UseNumber()
	r := treeReader{d, p.Attachments}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value: %.200q", p.Text)
	}
	return v, nil
}

type treeReader struct {
	*json.Decoder
	attachments [][]byte
}

func (r treeReader) value() (any, error) {
	t, err := r.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return r.array()
		}
		return r.object()
	case json.Number:
		f, _ := strconv.ParseFloat(t.String(), 64) // out of range is infinite
		return f, nil
	}
	return t, nil
}

func (r treeReader) array() (any, error) {
	list := []any{}
	for r.More() {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.Token()
	return list, err
}

func (r treeReader) object() (any, error) {
	o := object{}
	for r.More() {
		key, err := r.Token()
		if err != nil {
			return nil, err
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		o = append(o, member{key.(string), v})
	}
	if _, err := r.Token(); err != nil {
		return nil, err
	}
	if len(r.attachments) == 0 || o.get("_placeholder") != true {
		return o, nil
	}
	num, ok := o.get("num").(float64)
	if i := int(num); ok && float64(i) == num && i >= 0 && i < len(r.attachments) {
		return append([]byte{}, r.attachments[i]...), nil
	}
	return nil, fmt.Errorf("placeholder for attachment %v of %d", o.get("num"), len(r.attachments))
}

// get returns the value of the last member with this key, which is the one that counts.
func (o object) get(key string) any {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value
		}
	}
	return nil
}

// referenceValue returns what reference peers make of a value: members named __proto__
// are omitted, all members named _placeholder but the last may be omitted, and an
// infinite number is null.
func referenceValue(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = referenceValue(v[i])
		}
		return list
	case object:
		o := object{}
		for i, m := range v {
			if m.key != "__proto__" && (m.key != "_placeholder" || v[i+1:].get(m.key) == nil) {
				o = append(o, member{m.key, referenceValue(m.value)})
			}
		}
		return o
	case float64:
		if math.IsInf(v, 0) {
			return nil
		}
	}
	return v
}
