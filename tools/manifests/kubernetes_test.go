// Package manifests checks the files below deploy/ as far as that can be done without a
// cluster and without a container engine: they are decoded into the types that those
// programs decode them into, an unknown field being an error, and what they refer to has
// to be there.
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const kubernetes = "../../deploy/kubernetes"

// kinds are those that the manifests may have, with their types.
var kinds = map[string]func() meta.Object{
	"v1 Secret":                          func() meta.Object { return &core.Secret{} },
	"v1 Service":                         func() meta.Object { return &core.Service{} },
	"apps/v1 Deployment":                 func() meta.Object { return &apps.Deployment{} },
	"policy/v1 PodDisruptionBudget":      func() meta.Object { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy": func() meta.Object { return &networking.NetworkPolicy{} },
	"networking.k8s.io/v1 Ingress":       func() meta.Object { return &networking.Ingress{} },
}

// load decodes every document of a file.
func load(t *testing.T, path string) (objects []meta.Object) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object, err := decode(document)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		objects = append(objects, object)
	}
}

// decode is strict: a field that the type does not have, or one that is there twice, is
// an error.
func decode(document []byte) (meta.Object, error) {
	var kind meta.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return nil, err
	}
	make := kinds[kind.APIVersion+" "+kind.Kind]
	if make == nil {
		make = chartKinds[kind.APIVersion+" "+kind.Kind]
	}
	if make == nil {
		return nil, fmt.Errorf("unknown kind %s %s", kind.APIVersion, kind.Kind)
	}
	object := make()
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return nil, fmt.Errorf("%s: %w", kind.Kind, err)
	}
	return object, nil
}

// cluster is all that would be applied.
type cluster struct {
	deployments []*apps.Deployment
	services    map[string]*core.Service
	secrets     map[string]*core.Secret
	rest        []meta.Object
}

func loadAll(t *testing.T) *cluster {
	t.Helper()
	files, err := filepath.Glob(kubernetes + "/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	c := &cluster{services: map[string]*core.Service{}, secrets: map[string]*core.Secret{}}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		for _, object := range load(t, file) {
			if object.GetName() == "" {
				t.Errorf("%s: a %T has no name", file, object)
			}
			c.add(object)
		}
	}
	return c
}

func (c *cluster) add(object meta.Object) {
	switch o := object.(type) {
	case *apps.Deployment:
		c.deployments = append(c.deployments, o)
	case *core.Service:
		c.services[o.Name] = o
	case *core.Secret:
		c.secrets[o.Name] = o
	default:
		c.rest = append(c.rest, o)
	}
}

// podsOf are the deployments whose pods a selector selects.
func (c *cluster) podsOf(t *testing.T, who string, selector *meta.LabelSelector) (pods []*apps.Deployment) {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	for _, d := range c.deployments {
		if s.Matches(labels.Set(d.Spec.Template.Labels)) {
			pods = append(pods, d)
		}
	}
	if len(pods) == 0 {
		t.Errorf("%s selects no pods: %v", who, selector)
	}
	return pods
}

// hasPort tells whether a deployment's containers have a port, by its name or number.
func hasPort(d *apps.Deployment, port intstr.IntOrString) bool {
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c core.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool {
			return port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
		})
	})
}

func TestKubernetesManifestsFitTogether(t *testing.T) {
	c := loadAll(t)
	for _, d := range c.deployments {
		if got := c.podsOf(t, d.Name, d.Spec.Selector); !slices.Equal(got, []*apps.Deployment{d}) {
			t.Errorf("%s selects pods of others, too", d.Name)
		}
		c.checkPod(t, d)
	}
	for _, s := range c.services {
		for _, d := range c.podsOf(t, "Service "+s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector}) {
			for _, p := range s.Spec.Ports {
				if !hasPort(d, p.TargetPort) {
					t.Errorf("Service %s: %s has no port %v", s.Name, d.Name, p.TargetPort.String())
				}
			}
		}
	}
	ingresses, policies, budgets := 0, 0, 0
	for _, object := range c.rest {
		switch o := object.(type) {
		case *networking.Ingress:
			ingresses++
			for _, path := range o.Spec.Rules[0].HTTP.Paths {
				s := c.services[path.Backend.Service.Name]
				if s == nil || !slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == path.Backend.Service.Port.Name }) {
					t.Errorf("Ingress %s: no such service or port: %v", o.Name, path.Backend.Service)
				}
			}
		case *networking.NetworkPolicy:
			policies++
			for _, d := range c.podsOf(t, "NetworkPolicy "+o.Name, &o.Spec.PodSelector) {
				for _, rule := range o.Spec.Ingress {
					for _, p := range rule.Ports {
						if !hasPort(d, *p.Port) {
							t.Errorf("NetworkPolicy %s: %s has no port %v", o.Name, d.Name, p.Port.String())
						}
						if p.Port.StrVal == "mesh" && len(rule.From) != 1 {
							t.Errorf("NetworkPolicy %s: the mesh port is open to %d kinds of pods", o.Name, len(rule.From))
						}
					}
				}
			}
		case *policy.PodDisruptionBudget:
			budgets++
			c.podsOf(t, "PodDisruptionBudget "+o.Name, o.Spec.Selector)
		}
	}
	if ingresses != 2 || policies != 2 || budgets != 1 {
		t.Errorf("%d Ingresses, %d NetworkPolicies, %d PodDisruptionBudgets", ingresses, policies, budgets)
	}
}

// checkPod looks at what a deployment's pods refer to, and may do.
func (c *cluster) checkPod(t *testing.T, d *apps.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("%s may run as root", d.Name)
	}
	for _, container := range pod.Containers {
		for _, e := range container.Env {
			if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
				continue
			}
			ref := e.ValueFrom.SecretKeyRef
			if secret := c.secrets[ref.Name]; secret == nil || secret.StringData[ref.Key] == "" {
				t.Errorf("%s: %s comes from a secret that is not there: %v", d.Name, e.Name, ref)
			}
		}
		for name, probe := range map[string]*core.Probe{"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe} {
			if probe != nil && !hasPort(d, probe.HTTPGet.Port) {
				t.Errorf("%s: the %s probe asks at a port that is not there: %v", d.Name, name, probe.HTTPGet.Port.String())
			}
		}
		if hook := container.Lifecycle; hook != nil && pod.TerminationGracePeriodSeconds != nil && hook.PreStop.Sleep.Seconds >= *pod.TerminationGracePeriodSeconds {
			t.Errorf("%s: preStop takes all of the time that there is for the end", d.Name)
		}
	}
}

// TestKustomization lists what is applied, all of it there, all but the Ingresses, of
// which one is to be chosen.
func TestKustomization(t *testing.T) {
	data, err := os.ReadFile(kubernetes + "/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		meta.TypeMeta `json:",inline"`
		Resources     []string `json:"resources"`
	}
	if err := yaml.UnmarshalStrict(data, &k); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	files, _ := filepath.Glob(kubernetes + "/*.yaml")
	for _, file := range files {
		want[filepath.Base(file)] = true
	}
	for _, chosen := range []string{"kustomization.yaml", "ingress-nginx.yaml", "ingress-traefik.yaml"} {
		delete(want, chosen)
	}
	if got := slices.Sorted(slices.Values(k.Resources)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("resources are %v, files %v", got, slices.Sorted(maps.Keys(want)))
	}
}

// TestDecodeIsStrict: the check above would see a mistake.
func TestDecodeIsStrict(t *testing.T) {
	for _, bad := range []string{
		"apiVersion: v1\nkind: Service\nspec: {port: 1}",
		"apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: many}",
		"apiVersion: v1\nkind: Service\nkind: Service",
		"apiVersion: v2\nkind: Service",
	} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
