package ops

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
)

// adminPage is the page that shows the mesh: one file that needs nothing else, and has no
// data. It asks for the token, and sends it with what it asks for.
//
//go:embed page/admin.html
var adminPage []byte

// pagePath is where it is served.
const pagePath = "/admin"

// servePage serves it to anybody, for a browser that opens it has no token to show. One
// that is not let in as it is gets a page that asks for the token first: an attempt without
// would be counted and logged as one.
func (b *base) servePage() {
	policy := fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; img-src data:; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		hashOf(adminPage, "script"), hashOf(adminPage, "style"))
	asking := bytes.Replace(adminPage, []byte(`<html lang="en">`), []byte(`<html lang="en" data-asks="token">`), 1)
	b.serve("GET "+pagePath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		if b.authorise(r) != "" {
			w.Write(asking)
		} else {
			w.Write(adminPage)
		}
	}))
}

// hashOf is a source of a Content-Security-Policy that lets the page's one element of this
// name in, and no other.
func hashOf(page []byte, element string) string {
	_, rest, _ := bytes.Cut(page, []byte("<"+element+">"))
	text, _, _ := bytes.Cut(rest, []byte("</"+element+">"))
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
