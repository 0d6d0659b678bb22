// Package jsontext reads JSON (RFC 8259) token by token, without building
// values: codecs check a payload's text with it, or carry it over into another
// form.
package jsontext
