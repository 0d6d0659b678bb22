package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// bin is a binary value, as the control protocol writes it.
func bin(b ...byte) args {
	return args{"$bin": base64.StdEncoding.EncodeToString(b)}
}

// plain is a value as it comes out of JSON.
func plain(value any) any {
	text := asJSON(value)
	var result any
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		panic(err)
	}
	return result
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// same fails the test unless got is what want is in JSON.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(plain(got), plain(want)) {
		t.Errorf("%s:\n got %s\nwant %s", what, short(asJSON(got)), short(asJSON(want)))
	}
}

// sameSet is same for lists without an order.
func sameSet(t *testing.T, what string, got any, want list) {
	t.Helper()
	items, _ := got.([]any)
	a, b := sortedJSON(items), sortedJSON(want)
	if !slices.Equal(a, b) {
		t.Errorf("%s, in any order:\n got %s\nwant %s", what, short(strings.Join(a, " ")), short(strings.Join(b, " ")))
	}
}

func sortedJSON(items list) []string {
	var all []string
	for _, item := range items {
		all = append(all, asJSON(plain(item)))
	}
	slices.Sort(all)
	return all
}

func short(text string) string {
	const limit = 600
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s … (%d bytes)", text[:limit], len(text))
}

func toStrings(value any) []string {
	var all []string
	items, _ := value.([]any)
	for _, item := range items {
		all = append(all, item.(string))
	}
	return all
}

func decodeInto(raw []byte, v any) {
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(v); err != nil {
		panic(err)
	}
}
