package mesh

import (
	"strings"

	"github.com/socketmesh/mesh/core"
)

// scope says which namespaces are meant: their names, as "/chat", or beginnings of
// names, as "/tenant-*". An empty one means all of them.
type scope []string

const scopeAllowed = `namespaces as "/chat" or "/tenant-*"`

// check wants every element to be able to name a namespace.
func (s scope) check(field string) error {
	for _, pattern := range s {
		if !strings.HasPrefix(pattern, "/") {
			return &core.ConfigError{Field: field, Value: pattern, Allowed: scopeAllowed}
		}
	}
	return nil
}

// has tells whether a namespace is meant.
func (s scope) has(namespace string) bool {
	for _, pattern := range s.patterns() {
		if covers(pattern, namespace) {
			return true
		}
	}
	return false
}

// overlap finds what two scopes have in common; "" if that is nothing.
func (s scope) overlap(other scope) string {
	for _, a := range s.patterns() {
		for _, b := range other.patterns() {
			if covers(a, strings.TrimSuffix(b, "*")) {
				return b
			}
			if covers(b, strings.TrimSuffix(a, "*")) {
				return a
			}
		}
	}
	return ""
}

func (s scope) patterns() []string {
	if len(s) == 0 {
		return []string{"/*"}
	}
	return s
}

func covers(pattern, namespace string) bool {
	if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(namespace, beginning)
	}
	return pattern == namespace
}
