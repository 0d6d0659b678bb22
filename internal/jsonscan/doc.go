// Package jsonscan reads JSON (RFC 8259) token by token, without building
// values: codecs check a payload's text with it, or convert it to another format.
package jsonscan
