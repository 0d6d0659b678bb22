// Package kubernetes is discovery by the API of Kubernetes: the servers are the endpoints
// of a Service, as its EndpointSlices list them. It is notified of changes at once, and
// sees pods before they are ready, which DNS does not.
//
// It is a module of its own, so that other programs do not depend on client-go:
//
//	client, err := kubernetes.InCluster()
//	d := kubernetes.New(client, kubernetes.Options{Namespace: "default", Service: "chat"})
//	m, err := mesh.New(cfg, mesh.WithDiscovery(d))
//
// The pods' service account needs list and watch of endpointslices in the group
// discovery.k8s.io. Nothing is announced: the Service's selector makes pods endpoints.
// Endpoints have no node ids, so each node dials all others, and of two links between the
// same nodes one stays. Reference peers, which can be dialled by id only, are not found.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/endpoint"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// Options configure a [Discovery]. Zero values mean the defaults.
type Options struct {
	// Namespace and Service name the Service whose endpoints are the servers.
	Namespace, Service string
	// PortName is the name of the Service's port at which servers accept peers. Default
	// "mesh". Port, if it is not 0, is used instead.
	PortName string
	Port     int
	// Scheme and Path complete the addresses: scheme://ip:port/path. Default "ws", and no
	// path.
	Scheme, Path string
	// ReadyOnly leaves out endpoints that are not ready. Default: only endpoints that are
	// terminating are left out, so that servers are linked before they get clients.
	ReadyOnly bool

	// Settle is how long changes are collected before they are reported. Default 100 ms.
	Settle time.Duration
	// MaxPeers limits the number of servers. Default 4096.
	MaxPeers int

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Defaults of [Options].
const (
	DefaultPortName = "mesh"
	DefaultScheme   = "ws"
	DefaultSettle   = 100 * time.Millisecond
	DefaultMaxPeers = 4096
)

func (o Options) withDefaults() Options {
	o.PortName = cmp.Or(o.PortName, DefaultPortName)
	o.Scheme = cmp.Or(o.Scheme, DefaultScheme)
	o.Settle = cmp.Or(o.Settle, DefaultSettle)
	o.MaxPeers = cmp.Or(o.MaxPeers, DefaultMaxPeers)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// Validate returns a [*core.ConfigError] for the first option that can never work.
func (o Options) Validate() error {
	o = o.withDefaults()
	switch {
	case o.Namespace == "":
		return &core.ConfigError{Field: "Namespace", Value: o.Namespace, Allowed: "a namespace"}
	case o.Service == "":
		return &core.ConfigError{Field: "Service", Value: o.Service, Allowed: "the name of a Service"}
	case o.Port < 0 || o.Port > 65535:
		return &core.ConfigError{Field: "Port", Value: o.Port, Allowed: "a port, or 0 for the one that is called PortName"}
	case o.Path != "" && !strings.HasPrefix(o.Path, "/"):
		return &core.ConfigError{Field: "Path", Value: o.Path, Allowed: `a path that begins with "/"`}
	case o.Settle < 0:
		return &core.ConfigError{Field: "Settle", Value: o.Settle, Allowed: "more than 0, or 0 for the default"}
	case o.MaxPeers < 0:
		return &core.ConfigError{Field: "MaxPeers", Value: o.MaxPeers, Allowed: "more than 0, or 0 for the default"}
	}
	return nil
}

// InCluster returns an API client with the service account of this pod.
func InCluster() (kubernetes.Interface, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return kubernetes.NewForConfig(config)
}

// Discovery watches the endpoints of a Service.
type Discovery struct {
	client  kubernetes.Interface
	options Options
	limit   loglimit.Limiter
	status  *endpoint.Status
}

var (
	_ core.Discovery        = (*Discovery)(nil)
	_ core.EndpointReporter = (*Discovery)(nil)
)

// New returns a Discovery that asks client. It does not check o: Run and
// [Options.Validate] do.
func New(client kubernetes.Interface, o Options) *Discovery {
	o = o.withDefaults()
	return &Discovery{
		client:  client,
		options: o,
		limit:   loglimit.Limiter{Period: 5 * time.Minute},
		status:  endpoint.Named(fmt.Sprintf("endpoints of %s/%s", o.Namespace, o.Service)),
	}
}

// Name is "kubernetes".
func (d *Discovery) Name() string { return "kubernetes" }

// Endpoints describes the Service that is watched.
func (d *Discovery) Endpoints() []core.DiscoveryEndpoint {
	return []core.DiscoveryEndpoint{d.status.Get()}
}

// Run watches until ctx ends, and reports the servers, without self's address, whenever
// they have changed. While the API does not answer, and while the Service has no
// endpoints at all, the last ones stay. It returns a [*core.ConfigError] at once for an
// invalid option, and nil when ctx has ended.
func (d *Discovery) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := d.options.Validate(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	d.status.Begin()
	factory := informers.NewSharedInformerFactoryWithOptions(d.client, 0,
		informers.WithNamespace(d.options.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.LabelSelector = discoveryv1.LabelServiceName + "=" + d.options.Service
		}))
	endpointSlices := factory.Discovery().V1().EndpointSlices()
	informer := endpointSlices.Informer()
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if err := informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { d.failed(err) }); err != nil {
		return fmt.Errorf("kubernetes: %w", err)
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(_, _ any) { notify() },
		DeleteFunc: func(any) { notify() },
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		return fmt.Errorf("kubernetes: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown() // waits for what Start has started
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil
	}
	d.report(ctx, endpointSlices.Lister(), self, changed, update)
	return nil
}

// report reports the servers whenever they have changed, until ctx ends.
func (d *Discovery) report(ctx context.Context, lister listers.EndpointSliceLister, self core.Peer, changed <-chan struct{}, update func([]core.Peer)) {
	var known []core.Peer
	reported := false
	for ctx.Err() == nil {
		addresses := d.addresses(lister)
		d.status.Heard(len(addresses))
		peers := endpoint.Others(addresses, self.Address)
		if !reported || len(addresses) > 0 && !slices.Equal(peers, known) {
			known, reported = peers, true
			update(slices.Clone(peers))
		}
		select {
		case <-ctx.Done():
		case <-changed:
			backoff.Sleep(ctx, d.options.Settle)
		}
	}
}

// addresses returns the addresses of the servers, sorted.
func (d *Discovery) addresses(lister listers.EndpointSliceLister) (addresses []string) {
	found, err := lister.EndpointSlices(d.options.Namespace).List(labels.Everything())
	if err != nil {
		d.failed(err)
		return nil
	}
	for _, slice := range found {
		if slice.AddressType != discoveryv1.AddressTypeIPv4 && slice.AddressType != discoveryv1.AddressTypeIPv6 {
			continue
		}
		port := d.port(slice)
		if port == 0 {
			d.limit.Log(d.options.Logger, slog.LevelWarn, "port", "the Service has no port of this name: its endpoints are ignored",
				"discovery", d.status.Name(), "setting", fmt.Sprintf("PortName (%q), or Port", d.options.PortName))
			continue
		}
		for _, e := range slice.Endpoints {
			if d.wanted(e) && len(e.Addresses) > 0 { // the first address stands for all of them
				addresses = append(addresses, d.options.Scheme+"://"+net.JoinHostPort(e.Addresses[0], strconv.Itoa(port))+d.options.Path)
			}
		}
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	if len(addresses) > d.options.MaxPeers {
		d.limit.Log(d.options.Logger, slog.LevelWarn, "many", "the Service has too many endpoints: ignoring the rest",
			"discovery", d.status.Name(), "limit", d.options.MaxPeers, "entries", len(addresses))
		addresses = addresses[:d.options.MaxPeers]
	}
	return addresses
}

// port returns the servers' port in a slice; 0 if it has none.
func (d *Discovery) port(slice *discoveryv1.EndpointSlice) int {
	if d.options.Port != 0 {
		return d.options.Port
	}
	for _, p := range slice.Ports {
		if p.Name != nil && *p.Name == d.options.PortName && p.Port != nil {
			return int(*p.Port)
		}
	}
	return 0
}

// wanted reports whether an endpoint is a server to dial. Conditions that are not set
// have the values that Kubernetes defines: ready, and not terminating.
func (d *Discovery) wanted(e discoveryv1.Endpoint) bool {
	if e.Conditions.Terminating != nil && *e.Conditions.Terminating {
		return false
	}
	return !d.options.ReadyOnly || e.Conditions.Ready == nil || *e.Conditions.Ready
}

// failed records that the API does not answer. The client retries by itself, with
// backoff. A watch that ended because it was too old is no failure.
func (d *Discovery) failed(err error) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	d.limit.Log(d.options.Logger, slog.LevelWarn, "failed", "discovery cannot watch endpoints; the last servers that it has found stay",
		"discovery", d.status.Name(), "error", err, "setting", "the service account's rights to list and watch endpointslices")
	d.status.Failed(err)
}
