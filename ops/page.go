package ops

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
)

// adminPage is the page that shows the mesh: one file without dependencies and without
// data. It asks the user for the token, and sends it with its requests.
//
//go:embed page/admin.html
var adminPage []byte

// pagePath is the path of the page.
const pagePath = "/admin"

// servePage serves the page to all, because a browser that opens it cannot send a token. If
// a token is needed, the page asks for it first: a request without one would be counted and
// logged as an attempt.
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

// hashOf returns a source of a Content-Security-Policy that allows the page's only element
// of this name.
func hashOf(page []byte, element string) string {
	_, rest, _ := bytes.Cut(page, []byte("<"+element+">"))
	text, _, _ := bytes.Cut(rest, []byte("</"+element+">"))
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
