package kubernetes_test

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/discovery/kubernetes"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

var watched = kubernetes.Options{Namespace: "default", Service: "chat", Settle: 5 * time.Millisecond}

func pointer[T any](value T) *T { return &value }

// endpoint is a pod that is ready.
func endpoint(ip string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: pointer(true)}}
}

// slice is an EndpointSlice of the Service, with port 4000 and one that is not the mesh's.
func slice(name string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "chat"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: pointer("http"), Port: pointer(int32(3000))}, {Name: pointer("mesh"), Port: pointer(int32(4000))}},
		Endpoints:   endpoints,
	}
}

func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Reports: true, Patience: 20 * time.Second}, func(*testing.T) func() core.Discovery {
		client := fake.NewClientset(slice("one", endpoint("10.0.0.1"), endpoint("10.0.0.2")))
		return func() core.Discovery { return kubernetes.New(client, watched) }
	})
}

// running is a Discovery that runs.
type running struct {
	*kubernetes.Discovery
	*discoverytest.Running
}

func run(t *testing.T, client *fake.Clientset, o kubernetes.Options) running {
	t.Helper()
	d := kubernetes.New(client, o)
	return running{d, discoverytest.Start(t, d, core.Peer{ID: "x", Address: "ws://10.0.0.1:4000"})}
}

// at are servers at these addresses.
func at(addresses ...string) (peers []core.Peer) {
	for _, address := range addresses {
		peers = append(peers, core.Peer{Address: address})
	}
	return peers
}

// put makes an EndpointSlice what it is, whether it was there or not.
func put(t *testing.T, client *fake.Clientset, s *discoveryv1.EndpointSlice) {
	t.Helper()
	api := client.DiscoveryV1().EndpointSlices("default")
	if _, err := api.Update(t.Context(), s, metav1.UpdateOptions{}); err == nil {
		return
	}
	if _, err := api.Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestEndpoints: pods come and go, in several slices. This one and those that terminate are
// left out; those that are not ready yet are not.
func TestEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := slice("other", endpoint("10.9.9.9"))
		other.Labels[discoveryv1.LabelServiceName] = "another"
		client := fake.NewClientset(slice("one", endpoint("10.0.0.1"), endpoint("10.0.0.2")), other)
		d := run(t, client, watched)
		d.Want(at("ws://10.0.0.2:4000")...)

		starting := endpoint("10.0.0.3")
		starting.Conditions.Ready = pointer(false)
		put(t, client, slice("two", starting))
		d.Want(at("ws://10.0.0.2:4000", "ws://10.0.0.3:4000")...)
		ending := endpoint("10.0.0.2")
		ending.Conditions.Ready, ending.Conditions.Terminating = pointer(false), pointer(true)
		put(t, client, slice("one", endpoint("10.0.0.1"), ending))
		d.Want(at("ws://10.0.0.3:4000")...)
		if e := d.Endpoints()[0]; e.Name != "endpoints of default/chat" || !e.Heard || e.Peers != 2 || e.Err != nil {
			t.Errorf("the endpoint is told as %+v", e)
		}
		if err := client.DiscoveryV1().EndpointSlices("default").Delete(t.Context(), "two", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		d.Want()
	})
}

// TestAddresses: IPv6, a scheme, a path, a number for the port, and readiness if it is asked
// for.
func TestAddresses(t *testing.T) {
	six := slice("six", endpoint("fd00::1"))
	six.AddressType = discoveryv1.AddressTypeIPv6
	names := slice("names", endpoint("chat.example"))
	names.AddressType = discoveryv1.AddressTypeFQDN
	starting := endpoint("10.0.0.4")
	starting.Conditions.Ready = pointer(false)
	client := fake.NewClientset(six, names, slice("one", starting, endpoint("10.0.0.5")))
	o := watched
	o.Scheme, o.Path, o.Port, o.ReadyOnly = "wss", "/mesh", 443, true
	run(t, client, o).Want(at("wss://10.0.0.5:443/mesh", "wss://[fd00::1]:443/mesh")...)
}

// TestNoSuchPort: a Service whose port has another name is warned of.
func TestNoSuchPort(t *testing.T) {
	var log coretest.Log
	o := watched
	o.PortName, o.Logger = "gossip", log.Logger()
	d := run(t, fake.NewClientset(slice("one", endpoint("10.0.0.2"))), o)
	d.Want()
	if log.Count("WARN", "no port of this name") != 1 {
		t.Errorf("logged\n%s", &log)
	}
}

// TestEmptyServiceChangesNothing: a Service without endpoints does not say that this pod is
// alone: it is none of them either.
func TestEmptyServiceChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(slice("one", endpoint("10.0.0.1"), endpoint("10.0.0.2")))
		d := run(t, client, watched)
		d.Want(at("ws://10.0.0.2:4000")...)
		if err := client.DiscoveryV1().EndpointSlices("default").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if e := d.Endpoints()[0]; e.Peers != 0 {
			t.Fatalf("the deletion is not heard: %+v", e)
		}
		if unread := d.Unread(); len(unread) > 0 {
			t.Errorf("reported %v", unread)
		}
		put(t, client, slice("one", endpoint("10.0.0.3")))
		d.Want(at("ws://10.0.0.3:4000")...)
	})
}

// TestForbidden: an API that refuses is told of, and asked again.
func TestForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log coretest.Log
		client := fake.NewClientset(slice("one", endpoint("10.0.0.2")))
		var refuses atomic.Bool
		refuses.Store(true)
		client.PrependReactor("list", "endpointslices", func(k8stesting.Action) (bool, runtime.Object, error) {
			return refuses.Load(), nil, errors.New("endpointslices is forbidden")
		})
		o := watched
		o.Logger = log.Logger()
		d := run(t, client, o)
		synctest.Wait()
		if e := d.Endpoints()[0]; e.Heard || e.Err == nil || log.Count("WARN", "endpointslices is forbidden") != 1 {
			t.Errorf("the endpoint is told as %+v, logged\n%s", e, &log)
		}
		refuses.Store(false)
		d.Want(at("ws://10.0.0.2:4000")...)
		if e := d.Endpoints()[0]; !e.Heard || e.Err != nil {
			t.Errorf("the endpoint is told as %+v", e)
		}
	})
}

func TestTooManyEndpoints(t *testing.T) {
	o := watched
	o.MaxPeers = 2
	run(t, fake.NewClientset(slice("one", endpoint("10.0.0.2"), endpoint("10.0.0.3"), endpoint("10.0.0.4"))), o).Want(at("ws://10.0.0.2:4000", "ws://10.0.0.3:4000")...)
}

func TestOptions(t *testing.T) {
	for field, change := range map[string]func(*kubernetes.Options){
		"Namespace": func(o *kubernetes.Options) { o.Namespace = "" },
		"Service":   func(o *kubernetes.Options) { o.Service = "" },
		"Port":      func(o *kubernetes.Options) { o.Port = 70000 },
		"Path":      func(o *kubernetes.Options) { o.Path = "mesh" },
		"Settle":    func(o *kubernetes.Options) { o.Settle = -1 },
		"MaxPeers":  func(o *kubernetes.Options) { o.MaxPeers = -1 },
	} {
		o := watched
		change(&o)
		bad, ok := errors.AsType[*core.ConfigError](kubernetes.New(fake.NewClientset(), o).Run(t.Context(), core.Peer{}, nil))
		if !ok || bad.Field != field {
			t.Errorf("%s: %v", field, bad)
		}
	}
	if _, err := kubernetes.InCluster(); err == nil {
		t.Error("a client outside of a cluster")
	}
}
