package mesh

import (
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/astyped"
	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/internal/env"
	"github.com/socketmesh/mesh/internal/human"
)

// ConfigFromEnv reads a Config from the environment; fields whose variable is not set, or
// empty, stay zero. What the program sets in the result afterwards wins.
//
// Every field has a variable: MESH_ and its name, as MESH_LISTEN or
// MESH_HEARTBEAT_INTERVAL. Durations are written as "5s", "250 ms" or "1d", sizes as
// "16MiB" or "64k", numbers also as "262,144" or "10k"; the items of MESH_PEERS,
// MESH_DIAL_NETWORKS and MESH_DIAL_PATHS are separated by commas. TLS has MESH_TLS_CERT,
// MESH_TLS_KEY, MESH_TLS_CA and MESH_TLS_SERVER_NAME. The variables of the reference
// implementation are read too, unless the field's own variable is set: MESH_LISTEN wins
// over MESH_WS_PORT; MESH_ADVERTISE over MESH_SERVER_WS_ADDRESS, and that over MESH_WS_IP,
// the host under which peers reach this server; and MESH_DISCOVERY_ADDRESS over
// MESH_DISCOVERY_SERVICE_ADDRESS.
//
// [New] warns in the mesh's log of variables that begin with MESH_ and that no part of the
// mesh reads. A bad value is a [*core.ConfigError] that names the variable. Whether the
// fields fit together, New checks, when the program has set the rest.
func ConfigFromEnv() (Config, error) {
	var c Config
	source := map[string]read{} // by field
	for _, v := range variables {
		value := os.Getenv(v.name)
		if value == "" {
			continue
		}
		if allowed := v.set(&c, value); allowed != "" {
			return Config{}, &core.ConfigError{Field: v.name, Value: value, Allowed: allowed}
		}
		source[v.field] = read{v.name, value}
	}
	if err := c.validateSoFar(); err != nil {
		return Config{}, blameVariable(err, source)
	}
	c.misspelt = env.Unknown(os.Environ())
	return c, nil
}

// blameEnvironment makes an error about a field that only [New] can check name the
// variable, if the environment has the value that is wrong.
func blameEnvironment(err error) error {
	bad, ok := errors.AsType[*core.ConfigError](err)
	if !ok {
		return err
	}
	for _, v := range slices.Backward(variables) {
		if value := os.Getenv(v.name); value != "" && v.field == bad.Field && bad.Value == any(value) {
			blamed := *bad
			blamed.Field = v.name
			return &blamed
		}
	}
	return err
}

// variable is an environment variable and the field of Config it sets. set returns what is
// allowed if value is bad, else "".
type variable struct {
	name, field string
	set         func(c *Config, value string) (allowed string)
}

// variables are all variables in the order in which they are read: of several for one
// field, the last one wins.
var variables = []variable{
	{"MESH_WS_PORT", "Listen", setPort},
	{"MESH_LISTEN", "Listen", text(func(c *Config) *string { return &c.Listen })},
	{"MESH_WS_IP", "Advertise", setHost},
	{"MESH_SERVER_WS_ADDRESS", "Advertise", text(func(c *Config) *string { return &c.Advertise })},
	{"MESH_ADVERTISE", "Advertise", text(func(c *Config) *string { return &c.Advertise })},
	{"MESH_TRANSPORT", "Transport", text(func(c *Config) *string { return &c.Transport })},
	{"MESH_TLS_CERT", "TLS.CertFile", text(func(c *Config) *string { return &c.TLS.CertFile })},
	{"MESH_TLS_KEY", "TLS.KeyFile", text(func(c *Config) *string { return &c.TLS.KeyFile })},
	{"MESH_TLS_CA", "TLS.CAFile", text(func(c *Config) *string { return &c.TLS.CAFile })},
	{"MESH_TLS_SERVER_NAME", "TLS.ServerName", text(func(c *Config) *string { return &c.TLS.ServerName })},
	{"MESH_TLS_PEER_URI", "TLS.PeerURI", text(func(c *Config) *string { return &c.TLS.PeerURI })},
	{"MESH_TLS_EMITTER_URI", "TLS.EmitterURI", text(func(c *Config) *string { return &c.TLS.EmitterURI })},
	{"MESH_TLS_OBSERVER_URI", "TLS.ObserverURI", text(func(c *Config) *string { return &c.TLS.ObserverURI })},
	{"MESH_CODEC", "Codec", text(func(c *Config) *string { return &c.Codec })},
	{"MESH_DISCOVERY", "Discovery", text(func(c *Config) *string { return &c.Discovery })},
	{"MESH_DISCOVERY_SERVICE_ADDRESS", "DiscoveryAddress", text(func(c *Config) *string { return &c.DiscoveryAddress })},
	{"MESH_DISCOVERY_ADDRESS", "DiscoveryAddress", text(func(c *Config) *string { return &c.DiscoveryAddress })},
	{"MESH_PEERS", "Peers", list("addresses separated by commas, such as ws://10.0.0.7:4000", func(c *Config) *[]string { return &c.Peers })},
	{"MESH_ROUTING", "Routing", text(func(c *Config) *string { return &c.Routing })},
	{"MESH_AUTH_TOKEN", "AuthToken", text(func(c *Config) *string { return &c.AuthToken })},
	{"MESH_AUTH_TOKEN_FILE", "AuthTokenFile", text(func(c *Config) *string { return &c.AuthTokenFile })},
	{"MESH_ALLOW_REFERENCE_PEERS", "AllowReferencePeers", setAllowReferencePeers},
	{"MESH_ALLOW_TLS_PROXIES", "AllowTLSProxies", boolean(func(c *Config) *bool { return &c.AllowTLSProxies })},
	{"MESH_ROLE", "Role", text(func(c *Config) *string { return &c.Role })},
	{"MESH_EMITTER_TOKENS", "EmitterTokens", list("tokens separated by commas", func(c *Config) *[]string { return &c.EmitterTokens })},
	{"MESH_EMITTER_TOKENS_FILE", "EmitterTokensFile", text(func(c *Config) *string { return &c.EmitterTokensFile })},
	{"MESH_OBSERVER_TOKENS_FILE", "ObserverTokensFile", text(func(c *Config) *string { return &c.ObserverTokensFile })},
	{"MESH_OBSERVER_TOKENS", "ObserverTokens", list("tokens separated by commas", func(c *Config) *[]string { return &c.ObserverTokens })},
	{"MESH_ACCEPT_TOKEN", "AcceptToken", text(func(c *Config) *string { return &c.AcceptToken })},
	{"MESH_HEARTBEAT_INTERVAL", "HeartbeatInterval", duration(func(c *Config) *time.Duration { return &c.HeartbeatInterval })},
	{"MESH_HEARTBEAT_TIMEOUT", "HeartbeatTimeout", duration(func(c *Config) *time.Duration { return &c.HeartbeatTimeout })},
	{"MESH_HANDSHAKE_TIMEOUT", "HandshakeTimeout", duration(func(c *Config) *time.Duration { return &c.HandshakeTimeout })},
	{"MESH_REQUEST_TIMEOUT", "RequestTimeout", duration(func(c *Config) *time.Duration { return &c.RequestTimeout })},
	{"MESH_REDIAL_MIN", "RedialMin", duration(func(c *Config) *time.Duration { return &c.RedialMin })},
	{"MESH_REDIAL_MAX", "RedialMax", duration(func(c *Config) *time.Duration { return &c.RedialMax })},
	{"MESH_DIAL_NETWORKS", "DialNetworks", list("networks separated by commas, such as 10.0.0.0/8", func(c *Config) *[]string { return &c.DialNetworks })},
	{"MESH_DIAL_PATHS", "DialPaths", list("paths separated by commas, such as /mesh", func(c *Config) *[]string { return &c.DialPaths })},
	{"MESH_MAX_DIALS", "MaxDials", number(func(c *Config) *int { return &c.MaxDials })},
	{"MESH_DIAL_RATE", "DialRate", number(func(c *Config) *int { return &c.DialRate })},
	{"MESH_QUEUE_BYTES", "QueueBytes", size(func(c *Config) *int { return &c.QueueBytes })},
	{"MESH_QUEUE_MESSAGES", "QueueMessages", number(func(c *Config) *int { return &c.QueueMessages })},
	{"MESH_MAX_QUEUE_BYTES", "MaxQueueBytes", size(func(c *Config) *int { return &c.MaxQueueBytes })},
	{"MESH_QUEUE_MIN_RATE", "QueueMinRate", size(func(c *Config) *int { return &c.QueueMinRate })},
	{"MESH_QUEUE_SLOW_TIME", "QueueSlowTime", duration(func(c *Config) *time.Duration { return &c.QueueSlowTime })},
	{"MESH_RESUME_WINDOW", "ResumeWindow", duration(func(c *Config) *time.Duration { return &c.ResumeWindow })},
	{"MESH_REPLAY_BYTES", "ReplayBytes", size(func(c *Config) *int { return &c.ReplayBytes })},
	{"MESH_INBOX_BYTES", "InboxBytes", size(func(c *Config) *int { return &c.InboxBytes })},
	{"MESH_MAX_FRAME", "MaxFrame", size(func(c *Config) *int { return &c.MaxFrame })},
	{"MESH_MAX_PEERS_PER_SOURCE", "MaxPeersPerSource", number(func(c *Config) *int { return &c.MaxPeersPerSource })},
	{"MESH_MAX_HANDSHAKES", "MaxHandshakes", number(func(c *Config) *int { return &c.MaxHandshakes })},
	{"MESH_DRAIN_RATE", "DrainRate", number(func(c *Config) *int { return &c.DrainRate })},
	{"MESH_DRAIN_TIME", "DrainTime", setDrainTime},
	{"MESH_OPS_LISTEN", "OpsListen", text(func(c *Config) *string { return &c.OpsListen })},
	{"MESH_OPS_TOKEN", "OpsToken", text(func(c *Config) *string { return &c.OpsToken })},
	{"MESH_OPS_WRITABLE", "OpsWritable", boolean(func(c *Config) *bool { return &c.OpsWritable })},
	{"MESH_OPS_PPROF", "OpsPprof", boolean(func(c *Config) *bool { return &c.OpsPprof })},
	{"MESH_OPS_READY_LINKS", "OpsReadyLinks", number(func(c *Config) *int { return &c.OpsReadyLinks })},
}

func text(field func(*Config) *string) func(*Config, string) string {
	return func(c *Config, value string) string {
		*field(c) = value
		return ""
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) string {
	return parsed(human.ParseDuration, human.AllowedDuration, field)
}

func number(field func(*Config) *int) func(*Config, string) string {
	return parsed(human.ParseNumber, human.AllowedNumber, field)
}

func size(field func(*Config) *int) func(*Config, string) string {
	return parsed(human.ParseSize, human.AllowedSize, field)
}

func boolean(field func(*Config) *bool) func(*Config, string) string {
	return parsed(strconv.ParseBool, "true or false", field)
}

// setAllowReferencePeers sets a pointer, because false differs from not set.
func setAllowReferencePeers(c *Config, value string) string {
	c.AllowReferencePeers = new(bool)
	return boolean(func(c *Config) *bool { return c.AllowReferencePeers })(c, value)
}

func parsed[T any](parse func(string) (T, error), allowed string, field func(*Config) *T) func(*Config, string) string {
	return func(c *Config, value string) string {
		v, err := parse(value)
		if err != nil {
			return allowed
		}
		*field(c) = v
		return ""
	}
}

// list is the setter of a field with several values.
func list(allowed string, field func(*Config) *[]string) func(*Config, string) string {
	return func(c *Config, value string) string {
		items := commas.Split(value)
		if len(items) == 0 {
			return allowed
		}
		*field(c) = items
		return ""
	}
}

// setDrainTime reads 0 as "do not drain", which Config has below 0: its 0 is the default.
func setDrainTime(c *Config, value string) string {
	allowed := duration(func(c *Config) *time.Duration { return &c.DrainTime })(c, value)
	if allowed == "" && c.DrainTime == 0 {
		c.DrainTime = -1
	}
	return allowed
}

func setPort(c *Config, value string) string {
	if !isPort(value) {
		return "a port between 0 and 65535"
	}
	c.Listen = ":" + value
	return ""
}

// setHost leaves the scheme to the transport and the port to the listener, both of which
// the program may still set.
func setHost(c *Config, value string) string {
	host := strings.Trim(value, "[]")
	if net.ParseIP(host) == nil && strings.ContainsAny(host, ":/[] ") {
		return `a host without a scheme and a port, such as "10.0.0.7" or "app1.example"`
	}
	c.Advertise = "//" + net.JoinHostPort(host, "0")
	return ""
}

// read is a variable that was read, and its value.
type read struct{ variable, value string }

// blameVariable makes a ConfigError name the variables that its fields were read from, with
// the values as the environment has them.
func blameVariable(err error, source map[string]read) error {
	bad, ok := errors.AsType[*core.ConfigError](err)
	if !ok {
		return err
	}
	field, _, _ := strings.Cut(bad.Field, "[") // Peers[1] comes from MESH_PEERS
	from, known := source[field]
	if !known {
		return err
	}
	blamed := *bad
	blamed.Field = from.variable
	if field == bad.Field {
		blamed.Value = from.show(bad.Value)
	}
	if bound, known := source[bad.Bound.Field]; known {
		blamed.Allowed = strings.Replace(bad.Allowed, bad.Bound.Field, bound.variable, 1)
		blamed.Bound = core.Bound{Field: bound.variable, Value: bound.show(bad.Bound.Value)}
	}
	return &blamed
}

// show returns the text that v was parsed from; v itself for a secret, which the error has hidden.
func (r read) show(v any) any {
	switch v.(type) {
	case int, time.Duration:
		return astyped.Text(r.value)
	}
	if strings.HasSuffix(r.variable, "_TOKEN") {
		return v
	}
	return r.value
}
