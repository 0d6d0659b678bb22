package mesh

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/dns"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// Validate returns a [*core.ConfigError] with the field, its value and what is allowed, if
// c is wrong in itself. Whether the parts and files that c names exist, [New] checks, which
// validates c, too.
func (c Config) Validate() error { return c.withDefaults().validate() }

// validate is Validate for a configuration whose defaults are set.
func (c Config) validate() error {
	if err := c.check(c.schemes(), c.advertisable()); err != nil {
		return err
	}
	if err := c.checkMount(); err != nil {
		return err
	}
	if t := findBuiltin(builtinTransports, c.Transport); t != nil && t.complete != nil {
		return t.complete(c)
	}
	return nil
}

// validateSoFar validates a configuration that is not complete: the fields that are set
// must be valid, but what they need or contradict may be set later.
func (c Config) validateSoFar() error {
	known := c.schemes()
	if c.Transport == "" {
		known = allSchemes()
	}
	return c.withDefaults().check(known, known)
}

// check checks each field, and combinations of fields that exclude each other. dialled are
// the schemes that are allowed in Peers, advertised those in Advertise.
func (c Config) check(dialled, advertised []string) error {
	if err := c.TLS.check(); err != nil {
		return err
	}
	if err := c.checkTokens(); err != nil {
		return err
	}
	if t := findBuiltin(builtinTransports, c.Transport); t != nil {
		if err := c.checkListen(advertised, t.mountable); err != nil {
			return err
		}
	}
	if d := findBuiltin(builtinDiscoveries, c.Discovery); d != nil {
		if err := d.validate(c, dialled); err != nil {
			return err
		}
	}
	for _, network := range c.DialNetworks {
		if _, ok := parseNetwork(network); !ok {
			return &core.ConfigError{Field: "DialNetworks", Value: network, Allowed: `networks as "10.0.0.0/8", or IP addresses`}
		}
	}
	if c.DrainRate < 0 {
		return &core.ConfigError{Field: "DrainRate", Value: c.DrainRate, Allowed: "a number above 0, or 0 for the default"}
	}
	if c.OpsListen != "" && !isListen(c.OpsListen) {
		return &core.ConfigError{Field: "OpsListen", Value: c.OpsListen, Allowed: `"host:port" or ":port", the port between 0 and 65535, or "" for none`}
	}
	if c.OpsReadyLinks < ops.NoReadyLinks || c.OpsReadyLinks > 100 {
		return &core.ConfigError{Field: "OpsReadyLinks", Value: c.OpsReadyLinks, Allowed: "percent, 1 to 100, or -1 for none"}
	}
	// core checks numbers and times. The probe has stand-ins for the parts, which are
	// checked later.
	probe := c.node()
	probe.Advertise = ""
	probe.Transport, probe.Codecs = ws.New(ws.Options{}), []core.Codec{json.New()}
	return probe.Validate()
}

// hidden stands for a secret in error messages.
const hidden = "…"

// distinctTokens says in errors what the tokens of emitters and observers have to be.
const distinctTokens = "tokens that differ from each other, from AuthToken and AcceptToken, and from those of other roles"

// checkTokens refuses two sources of tokens at once.
func (c Config) checkTokens() error {
	switch {
	case c.AuthTokenFile != "" && c.AuthToken != "":
		return &core.ConfigError{Field: "AuthTokenFile", Value: c.AuthTokenFile, Allowed: "either that or AuthToken"}
	case c.AuthTokenFile != "" && c.AcceptToken != "":
		return &core.ConfigError{Field: "AcceptToken", Value: hidden, Allowed: "none with AuthTokenFile, whose other lines are accepted"}
	case c.AcceptToken != "" && c.AuthToken == "":
		return &core.ConfigError{Field: "AcceptToken", Value: hidden, Allowed: "an AuthToken beside it"}
	}
	if err := c.checkRoleTokens("EmitterTokens", c.EmitterTokens, c.EmitterTokensFile, c.ObserverTokens); err != nil {
		return err
	}
	return c.checkRoleTokens("ObserverTokens", c.ObserverTokens, c.ObserverTokensFile, c.EmitterTokens)
}

// checkRoleTokens checks the tokens of emitters or observers, or the name of their file:
// they must differ from all others, and this process must be a server with a token of its
// own.
func (c Config) checkRoleTokens(field string, tokens []string, file string, others []string) error {
	given, value := field, hidden
	if file != "" {
		given, value = field+"File", file
	}
	wrong := func(allowed string) error {
		return &core.ConfigError{Field: given, Value: value, Allowed: allowed}
	}
	switch {
	case len(tokens) == 0 && file == "":
		return nil
	case len(tokens) > 0 && file != "":
		return wrong("either that or " + field)
	case c.AuthToken == "" && c.AuthTokenFile == "":
		return wrong("an AuthToken beside them, which servers have")
	case c.Role != "" && c.Role != string(core.RoleServer):
		return wrong(`none unless Role is "server": an emitter or observer has its token in AuthToken`)
	case c.Transport == TransportQUIC && c.TLS == TLS{}:
		return wrong(`none with Transport "quic" and no certificates: connections are secured by AuthToken itself`)
	}
	for i, token := range tokens {
		if token == "" || token == c.AuthToken || token == c.AcceptToken || slices.Contains(others, token) || slices.Contains(tokens[:i], token) {
			return wrong(distinctTokens)
		}
	}
	return nil
}

// checkListen checks Listen and Advertise for a built-in transport.
func (c Config) checkListen(advertised []string, mountable bool) error {
	mounted := c.Listen == ListenHandler && mountable
	if !mounted && !isListen(c.Listen) {
		return &core.ConfigError{Field: "Listen", Value: c.Listen, Allowed: `"host:port" or ":port", the port between 0 and 65535`}
	}
	if !isURL(c.Advertise, advertised) && !(mounted && c.Advertise == "") {
		return &core.ConfigError{Field: "Advertise", Value: c.Advertise, Allowed: c.urlAllowed(advertised)}
	}
	return nil
}

// checkService checks the service's URLs, and refuses Peers, which it would ignore.
func (c Config) checkService([]string) error {
	if len(c.Peers) > 0 {
		return &core.ConfigError{Field: "Peers", Value: c.Peers, Allowed: `none with Discovery "service"`}
	}
	urls := commas.Split(c.DiscoveryAddress)
	for _, url := range urls {
		if !isURL(url, webSocketSchemes) {
			return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: urlAllowed(webSocketSchemes) + ", or several, separated by commas"}
		}
	}
	if err := (service.ClientOptions{URL: c.DiscoveryAddress}).Validate(); err != nil {
		return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: allowedBy(err)}
	}
	return nil
}

// checkDNS checks the name to look up, if there is one, and refuses Peers, which it would
// ignore.
func (c Config) checkDNS([]string) error {
	if len(c.Peers) > 0 {
		return &core.ConfigError{Field: "Peers", Value: c.Peers, Allowed: `none with Discovery "dns"`}
	}
	if c.DiscoveryAddress == "" {
		return nil
	}
	return c.needName()
}

// needName refuses a DiscoveryAddress that is not a name to look up.
func (c Config) needName() error {
	if _, err := dns.ParseName(c.DiscoveryAddress); err != nil {
		return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress,
			Allowed: `with Discovery "dns", "host:port" for A and AAAA records, or a name of SRV records, as "_mesh._tcp.host"`}
	}
	return nil
}

// allowedBy returns what err, from the options of a part, says is allowed.
func allowedBy(err error) string {
	if bad, ok := errors.AsType[*core.ConfigError](err); ok {
		return bad.Allowed
	}
	return err.Error()
}

// checkStatic refuses DiscoveryAddress, which static discovery would ignore, and peers that
// the transport cannot dial.
func (c Config) checkStatic(dialled []string) error {
	if c.DiscoveryAddress != "" {
		return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: `none with Discovery "static"`}
	}
	if c.schemes() == nil {
		return nil
	}
	for i, peer := range c.Peers {
		if !isURL(peer, dialled) {
			return &core.ConfigError{Field: fmt.Sprintf("Peers[%d]", i), Value: peer, Allowed: c.urlAllowed(dialled)}
		}
	}
	return nil
}

// checkMount requires an Advertise with a port: the mesh cannot know where its handler is
// mounted.
func (c Config) checkMount() error {
	if c.Listen != ListenHandler || c.schemes() == nil {
		return nil
	}
	if u, err := url.Parse(c.Advertise); err != nil || u.Port() == "" || u.Port() == "0" {
		return &core.ConfigError{Field: "Advertise", Value: c.Advertise,
			Allowed: fmt.Sprintf("where the handler is mounted, as \"wss://app1.example:443/mesh\", with Listen %q", ListenHandler)}
	}
	return nil
}

// checkWSS requires a certificate, without which no server can dial this one.
func (c Config) checkWSS() error {
	if !c.TLS.serves() && c.Listen != ListenHandler {
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, with Transport "wss"`}
	}
	return nil
}

// checkQUIC requires certificates for both ends, or a token in their place.
func (c Config) checkQUIC() error {
	switch {
	case c.TLS == TLS{} && c.AcceptToken != "":
		return &core.ConfigError{Field: "AcceptToken", Value: hidden, Allowed: `none with Transport "quic" and no certificates: connections are secured by AuthToken itself`}
	case c.TLS == TLS{} && c.AuthTokenFile != "":
		return nil // the token is in the file
	case c.TLS == TLS{}, c.TLS.Config != nil:
		return quic.Options{AuthToken: c.AuthToken, TLS: c.TLS.Config}.Validate()
	case c.TLS.CertFile == "":
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, if there is something in TLS, with Transport "quic"`}
	case c.TLS.CAFile == "":
		return &core.ConfigError{Field: "TLS.CAFile", Value: c.TLS.CAFile, Allowed: `the authority of the mesh, with Transport "quic"`}
	}
	return nil
}

// adopt fits Advertise and Peers to a transport that is not built in, if that says which
// schemes it has. The node checks Advertise.
func (c *Config) adopt(t core.Transport) error {
	s, ok := t.(core.Schemer)
	if !ok {
		c.Advertise = strings.TrimPrefix(c.Advertise, "//")
		return nil
	}
	c.Advertise = withScheme(c.Advertise, s.Schemes()[0])
	for i, peer := range c.Peers {
		scheme, _, found := strings.Cut(peer, "://")
		if found && !slices.Contains(s.Schemes(), strings.ToLower(scheme)) {
			return &core.ConfigError{Field: fmt.Sprintf("Peers[%d]", i), Value: peer,
				Allowed: "an address that begins with " + strings.Join(s.Schemes(), ":// or ") + "://"}
		}
	}
	return nil
}

// isURL reports whether raw is a URL of one of schemes, with host and port, and without
// credentials, query and fragment, which have no meaning in an address.
func isURL(raw string, schemes []string) bool {
	u, err := url.Parse(raw)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && isPort(u.Port()) &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// urlAllowed says in error messages what [isURL] accepts.
func urlAllowed(schemes []string) string {
	forms := make([]string, len(schemes))
	for i, scheme := range schemes {
		forms[i] = fmt.Sprintf("%q", scheme+"://host:port")
	}
	return strings.Join(forms, " or ")
}

// urlAllowed says what is allowed, and which settings require it.
func (c Config) urlAllowed(schemes []string) string {
	allowed := fmt.Sprintf("%s, with Transport %q", urlAllowed(schemes), c.Transport)
	if c.Transport == TransportWS && len(schemes) == 1 {
		allowed += " and a certificate in TLS"
	}
	return allowed
}

// isListen reports whether addr is "host:port" with a numeric port.
func isListen(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && isPort(port)
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
