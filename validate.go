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

// Validate tells whether c can work, as far as c alone can tell: a
// [*core.ConfigError] names the field, its value and what is allowed. Whether
// the parts and files it names exist is for [New] to say, which validates too.
func (c Config) Validate() error { return c.withDefaults().validate() }

// validate is Validate for a configuration that has its defaults.
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

// validateSoFar is for a configuration that is not complete: what is there has to
// be good in itself, but may need, or fit, what is still to come.
func (c Config) validateSoFar() error {
	known := c.schemes()
	if c.Transport == "" {
		known = allSchemes()
	}
	return c.withDefaults().check(known, known)
}

// check looks at each field, and at those that must not be there together. dialled
// are the schemes that are allowed in Peers, advertised those in Advertise.
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
	// Numbers and times are judged by their owner, the parts later.
	probe := c.node()
	probe.Advertise = ""
	probe.Transport, probe.Codecs = ws.New(ws.Options{}), []core.Codec{json.New()}
	return probe.Validate()
}

// hidden stands for a secret in errors.
const hidden = "…"

// distinctTokens is what tokens of emitters or observers have to be.
const distinctTokens = "tokens that differ from each other, from AuthToken and AcceptToken, and from those of other roles"

// checkTokens wants one source of tokens.
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

// checkRoleTokens wants tokens of emitters or observers, or a file of them, that are good for
// nothing else, and a server that can tell them from servers.
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

// checkListen knows where the built-in transports can be.
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

// checkService refuses peers, which discovery by the service would not look at.
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

// checkDNS refuses what is no name, and peers, which discovery by DNS would not look at.
func (c Config) checkDNS([]string) error {
	if len(c.Peers) > 0 {
		return &core.ConfigError{Field: "Peers", Value: c.Peers, Allowed: `none with Discovery "dns"`}
	}
	if c.DiscoveryAddress == "" {
		return nil
	}
	return c.needName()
}

// needName wants a name to look up.
func (c Config) needName() error {
	if _, err := dns.ParseName(c.DiscoveryAddress); err != nil {
		return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress,
			Allowed: `with Discovery "dns", "host:port" for A and AAAA records, or a name of SRV records, as "_mesh._tcp.host"`}
	}
	return nil
}

// allowedBy is what an error of a part's options says is allowed.
func allowedBy(err error) string {
	if bad, ok := errors.AsType[*core.ConfigError](err); ok {
		return bad.Allowed
	}
	return err.Error()
}

// checkStatic refuses a service's address, which static discovery would not look
// at, and peers that the transport does not dial.
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

// checkMount wants to be told where the handler is: nothing here knows.
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

// checkWSS wants a certificate, without which nobody can dial this server.
func (c Config) checkWSS() error {
	if !c.TLS.serves() && c.Listen != ListenHandler {
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, with Transport "wss"`}
	}
	return nil
}

// checkQUIC wants certificates for both ends, or a token that stands for them.
func (c Config) checkQUIC() error {
	switch {
	case c.TLS == TLS{} && c.AcceptToken != "":
		return &core.ConfigError{Field: "AcceptToken", Value: hidden, Allowed: `none with Transport "quic" and no certificates: connections are secured by AuthToken itself`}
	case c.TLS == TLS{} && c.AuthTokenFile != "":
		return nil // the file has it
	case c.TLS == TLS{}, c.TLS.Config != nil:
		return quic.Options{AuthToken: c.AuthToken, TLS: c.TLS.Config}.Validate()
	case c.TLS.CertFile == "":
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, if there is something in TLS, with Transport "quic"`}
	case c.TLS.CAFile == "":
		return &core.ConfigError{Field: "TLS.CAFile", Value: c.TLS.CAFile, Allowed: `the authority of the mesh, with Transport "quic"`}
	}
	return nil
}

// adopt fits addresses to a transport that is not built in, as far as it says
// which are its own. What is advertised is judged by the node.
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

// isURL wants a URL of one of these schemes, with host and port. Credentials,
// queries and fragments have no meaning there.
func isURL(raw string, schemes []string) bool {
	u, err := url.Parse(raw)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && isPort(u.Port()) &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// urlAllowed says in messages what [isURL] wants.
func urlAllowed(schemes []string) string {
	forms := make([]string, len(schemes))
	for i, scheme := range schemes {
		forms[i] = fmt.Sprintf("%q", scheme+"://host:port")
	}
	return strings.Join(forms, " or ")
}

// urlAllowed names the reason as well.
func (c Config) urlAllowed(schemes []string) string {
	allowed := fmt.Sprintf("%s, with Transport %q", urlAllowed(schemes), c.Transport)
	if c.Transport == TransportWS && len(schemes) == 1 {
		allowed += " and a certificate in TLS"
	}
	return allowed
}

// isListen wants "host:port" with a numeric port.
func isListen(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && isPort(port)
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
