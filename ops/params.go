package ops

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/human"
)

// params are the parameters of a request. err is the first error.
type params struct {
	values url.Values
	err    error
}

// paramsOf reads the parameters. Parameters other than allowed are an error.
func paramsOf(r *http.Request, allowed ...string) (*params, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	for name := range values {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("there is no parameter %.64q: want %s", name, strings.Join(allowed, ", "))
		}
	}
	return &params{values: values}, nil
}

func (p *params) text(name string) string { return p.values.Get(name) }

// number returns an integer of at least 1, or otherwise if it is not given.
func (p *params) number(name string, otherwise, most int) int {
	text := p.values.Get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.bad(name, text, fmt.Sprintf("a number, 1 to %d", most))
		return otherwise
	}
	return n
}

// duration returns a duration, as 30s, or otherwise if it is not given.
func (p *params) duration(name string, otherwise, most time.Duration) time.Duration {
	text := p.values.Get(name)
	if text == "" {
		return otherwise
	}
	d, err := human.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		p.bad(name, text, fmt.Sprintf("a time, as 30s, up to %s", most))
		return otherwise
	}
	return d
}

// choice returns one of choices, the first if it is not given.
func (p *params) choice(name string, choices ...string) string {
	text := p.values.Get(name)
	switch {
	case text == "":
		return choices[0]
	case !slices.Contains(choices, text):
		p.bad(name, text, strings.Join(choices, " or "))
	}
	return text
}

func (p *params) bad(name, value, allowed string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s: %.64q is not allowed: want %s", name, value, allowed)
	}
}
