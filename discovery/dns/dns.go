// Package dns is discovery by DNS: the servers are the addresses behind a name. The name
// has either A and AAAA records, like a headless service of Kubernetes, and all servers
// listen on the same port; or it has SRV records, which contain a port for each server.
//
// The name is resolved again and again. If a lookup fails, or finds nothing, the servers
// that were last found stay. Nothing is announced, and DNS has no node ids, so each node
// dials all others, and of two links between the same nodes one stays. Reference peers
// are not found, because they can be dialled by id only.
package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/endpoint"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// Options configure a [Discovery]. Zero values mean the defaults.
type Options struct {
	// Name is the name to resolve, such as "chat.default.svc.cluster.local". A name that
	// begins with "_" has SRV records, such as
	// "_mesh._tcp.chat.default.svc.cluster.local".
	Name string
	// Port is the port on which all servers listen. With SRV records it has to be 0: they
	// contain the ports.
	Port int
	// Scheme and Path complete the addresses: scheme://address:port/path. Default "ws",
	// and no path.
	Scheme, Path string

	// Interval is the average time between two lookups: each time is up to a quarter
	// shorter or longer, so that servers that were started together do not ask at the
	// same time. Default 10 s.
	Interval time.Duration
	// RetryMin is the time after which a first lookup that has failed is tried again; it
	// doubles up to Interval. Default 500 ms.
	RetryMin time.Duration
	// Timeout bounds the time of a lookup. Default 5 s.
	Timeout time.Duration
	// MaxPeers limits the number of servers. Default 4096.
	MaxPeers int

	// Resolver does the lookups. Default: net.DefaultResolver.
	Resolver *net.Resolver
	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Defaults of [Options].
const (
	DefaultScheme   = "ws"
	DefaultInterval = 10 * time.Second
	DefaultRetryMin = 500 * time.Millisecond
	DefaultTimeout  = 5 * time.Second
	DefaultMaxPeers = 4096
)

func (o Options) withDefaults() Options {
	o.Scheme = cmp.Or(o.Scheme, DefaultScheme)
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.RetryMin = cmp.Or(o.RetryMin, min(DefaultRetryMin, o.Interval))
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.MaxPeers = cmp.Or(o.MaxPeers, DefaultMaxPeers)
	o.Resolver = cmp.Or(o.Resolver, net.DefaultResolver)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// ParseName returns the options for "host:port", or for the name of SRV records, which
// begins with "_" and has no port. The error says what is allowed.
func ParseName(name string) (Options, error) {
	if strings.HasPrefix(name, "_") {
		o := Options{Name: name}
		return o, o.Validate()
	}
	host, port, err := net.SplitHostPort(name)
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil {
		return Options{}, &core.ConfigError{Field: "Name", Value: name, Allowed: `"host:port", or a name of SRV records, "_service._tcp.host"`}
	}
	o := Options{Name: host, Port: int(number)}
	return o, o.Validate()
}

// Validate returns a [*core.ConfigError] for the first option that can never work.
func (o Options) Validate() error {
	o = o.withDefaults()
	switch {
	case o.Name == "" || strings.ContainsAny(o.Name, ":/ "):
		return &core.ConfigError{Field: "Name", Value: o.Name, Allowed: "a host name"}
	case o.srv() && o.Port != 0:
		return &core.ConfigError{Field: "Port", Value: o.Port, Allowed: "0 with SRV records, which have ports"}
	case !o.srv() && (o.Port < 1 || o.Port > 65535):
		return &core.ConfigError{Field: "Port", Value: o.Port, Allowed: "a port between 1 and 65535"}
	case o.Path != "" && !strings.HasPrefix(o.Path, "/"):
		return &core.ConfigError{Field: "Path", Value: o.Path, Allowed: `a path that begins with "/"`}
	case o.MaxPeers < 0:
		return &core.ConfigError{Field: "MaxPeers", Value: o.MaxPeers, Allowed: "more than 0, or 0 for the default"}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"Interval", o.Interval}, {"RetryMin", o.RetryMin}, {"Timeout", o.Timeout}} {
		if d.value < 0 {
			return &core.ConfigError{Field: d.field, Value: d.value, Allowed: "more than 0, or 0 for the default"}
		}
	}
	return nil
}

func (o Options) srv() bool { return strings.HasPrefix(o.Name, "_") }

// Discovery resolves a name and reports the servers.
type Discovery struct {
	options Options
	limit   loglimit.Limiter
	status  *endpoint.Status
}

var (
	_ core.Discovery        = (*Discovery)(nil)
	_ core.EndpointReporter = (*Discovery)(nil)
)

// New returns a Discovery. It does not check o: Run and [Options.Validate] do.
func New(o Options) *Discovery {
	o = o.withDefaults()
	name := o.Name
	if !o.srv() {
		name = net.JoinHostPort(o.Name, strconv.Itoa(o.Port))
	}
	return &Discovery{options: o, status: endpoint.Named(name), limit: loglimit.Limiter{Period: 5 * time.Minute}}
}

// Name is "dns".
func (d *Discovery) Name() string { return "dns" }

// Endpoints describes the name that is resolved.
func (d *Discovery) Endpoints() []core.DiscoveryEndpoint {
	return []core.DiscoveryEndpoint{d.status.Get()}
}

// Run resolves the name until ctx ends, and reports the servers, without self's address,
// whenever they have changed. It returns a [*core.ConfigError] at once for an invalid
// option, and nil when ctx has ended.
func (d *Discovery) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := d.options.Validate(); err != nil {
		return err
	}
	d.status.Begin()
	var known []core.Peer
	found := false
	retry := backoff.Backoff{Min: min(d.options.RetryMin, d.options.Interval), Max: d.options.Interval}
	for ctx.Err() == nil {
		addresses, err := d.lookup(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := backoff.Jitter(d.options.Interval)
		if err != nil {
			d.status.Failed(err)
			d.limit.Log(d.options.Logger, slog.LevelWarn, "failed", "discovery cannot resolve its name; the last servers that it has found stay",
				"discovery", d.status.Name(), "error", err, "setting", "DiscoveryAddress (MESH_DISCOVERY_ADDRESS)")
			if !found {
				wait = retry.Next()
			}
		} else {
			d.status.Heard(len(addresses))
			d.limit.Forget("failed")
			peers := endpoint.Others(addresses, self.Address)
			if !found || !slices.Equal(peers, known) {
				known, found = peers, true
				update(slices.Clone(peers))
			}
		}
		backoff.Sleep(ctx, wait)
	}
	return nil
}

// lookup returns the addresses of the servers, sorted. Finding none is an error.
func (d *Discovery) lookup(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	find := d.lookupHost
	if d.options.srv() {
		find = d.lookupSRV
	}
	addresses, err := find(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	if len(addresses) > d.options.MaxPeers {
		d.limit.Log(d.options.Logger, slog.LevelWarn, "many", "discovery's name has too many addresses: ignoring the rest",
			"discovery", d.status.Name(), "limit", d.options.MaxPeers, "entries", len(addresses))
		addresses = addresses[:d.options.MaxPeers]
	}
	if len(addresses) == 0 {
		return nil, errors.New("the name has no records that can be used")
	}
	return addresses, nil
}

func (d *Discovery) lookupHost(ctx context.Context) (addresses []string, err error) {
	ips, err := d.options.Resolver.LookupNetIP(ctx, "ip", d.options.Name)
	if err != nil {
		return nil, err
	}
	for _, ip := range ips {
		addresses = append(addresses, d.address(ip.Unmap().String(), uint16(d.options.Port)))
	}
	return addresses, nil
}

func (d *Discovery) lookupSRV(ctx context.Context) (addresses []string, err error) {
	_, records, err := d.options.Resolver.LookupSRV(ctx, "", "", d.options.Name)
	if len(records) == 0 && err != nil {
		return nil, err
	}
	for _, r := range records { // err may concern other records only
		if target := strings.TrimSuffix(r.Target, "."); target != "" && r.Port != 0 {
			addresses = append(addresses, d.address(target, r.Port))
		}
	}
	return addresses, nil
}

func (d *Discovery) address(host string, port uint16) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" {
		host = ip.WithZone(url.PathEscape(ip.Zone())).String()
	}
	return fmt.Sprintf("%s://%s%s", d.options.Scheme, net.JoinHostPort(host, strconv.Itoa(int(port))), d.options.Path)
}
