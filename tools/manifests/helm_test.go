package manifests

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

const (
	chartFolder = deploy + "/helm/mesh"
	namespace   = "apps"
	release     = "chat"
)

// The kinds of operators that the chart has something for: the fields of theirs that it
// uses, and no other.
type (
	serviceMonitor struct {
		meta.TypeMeta   `json:",inline"`
		meta.ObjectMeta `json:"metadata"`
		Spec            struct {
			Selector  meta.LabelSelector `json:"selector"`
			Endpoints []struct {
				Port          string `json:"port"`
				Path          string `json:"path"`
				Interval      string `json:"interval"`
				Scheme        string `json:"scheme"`
				Authorization struct {
					Credentials core.SecretKeySelector `json:"credentials"`
				} `json:"authorization"`
				TLSConfig *struct {
					ServerName string `json:"serverName"`
					CA         struct {
						Secret core.SecretKeySelector `json:"secret"`
					} `json:"ca"`
				} `json:"tlsConfig"`
				Relabelings []struct {
					TargetLabel string `json:"targetLabel"`
					Replacement string `json:"replacement"`
				} `json:"relabelings"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	prometheusRule struct {
		meta.TypeMeta   `json:",inline"`
		meta.ObjectMeta `json:"metadata"`
		Spec            struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []struct {
					Alert       string            `json:"alert"`
					Expr        string            `json:"expr"`
					For         string            `json:"for"`
					Labels      map[string]string `json:"labels"`
					Annotations map[string]string `json:"annotations"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	certificate struct {
		meta.TypeMeta   `json:",inline"`
		meta.ObjectMeta `json:"metadata"`
		Spec            struct {
			SecretName string `json:"secretName"`
			IssuerRef  struct {
				Name  string `json:"name"`
				Kind  string `json:"kind"`
				Group string `json:"group"`
			} `json:"issuerRef"`
			Duration    meta.Duration `json:"duration"`
			RenewBefore meta.Duration `json:"renewBefore"`
			Usages      []string      `json:"usages"`
			DNSNames    []string      `json:"dnsNames"`
		} `json:"spec"`
	}
)

// chartKinds are what a chart may have beside the kinds of the manifests.
var chartKinds = map[string]func() meta.Object{
	"v1 ConfigMap":                             func() meta.Object { return &core.ConfigMap{} },
	"v1 ServiceAccount":                        func() meta.Object { return &core.ServiceAccount{} },
	"rbac.authorization.k8s.io/v1 Role":        func() meta.Object { return &rbac.Role{} },
	"rbac.authorization.k8s.io/v1 RoleBinding": func() meta.Object { return &rbac.RoleBinding{} },
	"autoscaling/v2 HorizontalPodAutoscaler":   func() meta.Object { return &autoscaling.HorizontalPodAutoscaler{} },
	"monitoring.coreos.com/v1 ServiceMonitor":  func() meta.Object { return &serviceMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule":  func() meta.Object { return &prometheusRule{} },
	"cert-manager.io/v1 Certificate":           func() meta.Object { return &certificate{} },
}

// rendered is what a chart comes to, with values of one file.
type rendered struct {
	*cluster
	values map[string]any
	notes  string
	names  map[string]bool // "Kind/name"
}

// values reads a file with values; none if the name is "".
func values(t *testing.T, file string) map[string]any {
	t.Helper()
	if file == "" {
		return map[string]any{}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(text))
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	all := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &all); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return all
}

// merged are values on top of the chart's own, as helm merges them.
func merged(own, given map[string]any) map[string]any {
	all := maps.Clone(own)
	for name, value := range given {
		below, isMap := value.(map[string]any)
		if mine, ok := own[name].(map[string]any); ok && isMap {
			value = merged(mine, below)
		}
		all[name] = value
	}
	return all
}

// schema is that of the values.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(chartFolder + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check holds values against the schema, together with the chart's own.
func check(t *testing.T, s *jsonschema.Schema, given map[string]any) error {
	t.Helper()
	return s.Validate(merged(values(t, chartFolder+"/values.yaml"), given))
}

const (
	goldens = "testdata/helm"
	sumFile = goldens + "/sources.sum"
)

// goldenOf is what helm has made of a file with values.
func goldenOf(file string) string {
	if file == "" {
		file = "default.yaml"
	}
	return filepath.Join(goldens, filepath.Base(file))
}

// sourcesSum tells whether what the chart comes to is that of other templates or values.
func sourcesSum(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(chartFolder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path == copiesFolder:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %s\n", strings.TrimPrefix(filepath.ToSlash(path), chartFolder), sumOf(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sumOf(all.Bytes())
}

func sumOf(text []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(text)) }

// A chart is one folder, so it has copies of files of deploy/.
const copiesFolder = chartFolder + "/files"

// asInDeploy stands in testdata for what helm has taken as it is from such a copy.
const asInDeploy = "as in deploy/"

// copied reads a file of the chart that has to be the same as one of deploy/: the chart has
// no rules and no dashboard of its own.
func copied(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(copiesFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	folder := map[string]string{"alerts.yml": "prometheus", "dashboard.json": "grafana"}[name]
	if original, err := os.ReadFile(filepath.Join("../../deploy", folder, name)); err != nil || !bytes.Equal(text, original) {
		t.Errorf("%s/%s differs from deploy/%s/%[2]s (%v): run make generate", copiesFolder, name, folder, err)
	}
	return text
}

// TestChartIsRendered: testdata is what helm makes of this chart.
func TestChartIsRendered(t *testing.T) {
	if want, err := os.ReadFile(sumFile); err != nil || strings.TrimSpace(string(want)) != sourcesSum(t) {
		t.Errorf("the chart has changed since helm rendered it (%v): run make helm UPDATE=1", err)
	}
}

// readRendered reads what helm has made of a file with values.
func readRendered(t *testing.T, file string) *rendered {
	t.Helper()
	given := values(t, file)
	if err := check(t, schema(t), given); err != nil {
		t.Fatal(err)
	}
	r := &rendered{
		cluster: &cluster{services: map[string]*core.Service{}, secrets: map[string]*core.Secret{}},
		values:  merged(values(t, chartFolder+"/values.yaml"), given), names: map[string]bool{},
	}
	text, err := os.ReadFile(goldenOf(file))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		if empty(document) {
			r.notes += document
			continue
		}
		object, err := decode([]byte(document))
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		r.add(t, object)
	}
	return r
}

// empty tells whether a document has nothing but comments.
func empty(document string) bool {
	for line := range strings.Lines(document) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && line != "---" {
			return false
		}
	}
	return true
}

// add takes an object, whose name has to be its own.
func (r *rendered) add(t *testing.T, object meta.Object) {
	t.Helper()
	id := fmt.Sprintf("%T/%s", object, object.GetName())
	if object.GetName() == "" || len(object.GetName()) > 63 || r.names[id] {
		t.Errorf("%s has no name, a long one, or one that another has", id)
	}
	r.names[id] = true
	r.cluster.add(object)
}

// all are the objects of one type.
func all[T meta.Object](r *rendered) (found []T) {
	for _, object := range r.rest {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// server is the deployment of the servers.
func (r *rendered) server(t *testing.T) *apps.Deployment {
	t.Helper()
	for _, d := range r.deployments {
		if d.Spec.Template.Spec.Containers[0].Name == "server" {
			return d
		}
	}
	t.Fatal("no servers")
	return nil
}

// variables are those of a container, by name; "" where the value comes from elsewhere.
func variables(t *testing.T, d *apps.Deployment) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		if _, twice := found[e.Name]; twice {
			t.Errorf("%s: %s is set twice", d.Name, e.Name)
		}
		found[e.Name] = e.Value
	}
	return found
}

func at(values map[string]any, path ...string) any {
	for _, name := range path[:len(path)-1] {
		values, _ = values[name].(map[string]any)
	}
	return values[path[len(path)-1]]
}

// valueFiles are the chart's own values, "", and those of people who use it.
func valueFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chartFolder + "/ci/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("files %v, %v", files, err)
	}
	return append([]string{""}, files...)
}

// TestChart renders the chart, and looks whether all that comes of it fits together.
func TestChart(t *testing.T) {
	for _, file := range valueFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			r := readRendered(t, file)
			r.checkSelectors(t)
			r.checkPods(t)
			r.checkAccess(t)
			r.checkSwitches(t)
			r.checkMonitoring(t)
			r.checkBalancing(t)
			if !strings.Contains(r.notes, r.server(t).Name) || strings.Contains(r.notes, "<no value>") {
				t.Errorf("notes: %s", r.notes)
			}
		})
	}
}

func (r *rendered) checkSelectors(t *testing.T) {
	t.Helper()
	for _, d := range r.deployments {
		if got := r.podsOf(t, d.Name, d.Spec.Selector); !slices.Equal(got, []*apps.Deployment{d}) {
			t.Errorf("%s selects pods of others, too", d.Name)
		}
		for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
			if !slices.Contains(r.podsOf(t, d.Name+"'s spread", spread.LabelSelector), d) {
				t.Errorf("%s spreads pods of others", d.Name)
			}
		}
	}
	for _, s := range r.services {
		for _, d := range r.podsOf(t, "Service "+s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector}) {
			for _, p := range s.Spec.Ports {
				if !hasPort(d, p.TargetPort) {
					t.Errorf("Service %s: %s has no port %v", s.Name, d.Name, p.TargetPort.String())
				}
			}
		}
	}
	for _, p := range all[*networking.NetworkPolicy](r) {
		for _, d := range r.podsOf(t, "NetworkPolicy "+p.Name, &p.Spec.PodSelector) {
			for _, rule := range p.Spec.Ingress {
				for _, port := range rule.Ports {
					if !hasPort(d, *port.Port) {
						t.Errorf("NetworkPolicy %s: %s has no port %v", p.Name, d.Name, port.Port.String())
					}
					if name := port.Port.StrVal; name != "clients" && name != "ops" && (len(rule.From) != 1 || !slices.Contains(r.podsOf(t, p.Name, rule.From[0].PodSelector), r.server(t))) {
						t.Errorf("NetworkPolicy %s: %s is open to %v", p.Name, name, rule.From)
					}
				}
			}
		}
	}
	for _, b := range all[*policy.PodDisruptionBudget](r) {
		r.podsOf(t, "PodDisruptionBudget "+b.Name, b.Spec.Selector)
	}
	for _, h := range all[*autoscaling.HorizontalPodAutoscaler](r) {
		if d := r.server(t); h.Spec.ScaleTargetRef.Name != d.Name || d.Spec.Replicas != nil || len(h.Spec.Metrics) == 0 {
			t.Errorf("HorizontalPodAutoscaler of %s, by %d metrics; %v replicas", h.Spec.ScaleTargetRef.Name, len(h.Spec.Metrics), d.Spec.Replicas)
		}
	}
}

// commandVariables are those of the command mesh alone: of `mesh node` and `mesh discovery`.
var commandVariables = []string{"MESH_GOSSIP_LISTEN", "MESH_GOSSIP_ADVERTISE", "MESH_GOSSIP_SEEDS", "MESH_GOSSIP_LABEL", "MESH_HOST"}

// knownVariables are those of the table of ConfigFromEnv, and of the command.
func knownVariables(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../env.go")
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Clone(commandVariables)
	for _, row := range regexp.MustCompile(`(?m)^\t\{"(MESH_[A-Z_]+)",`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, row[1])
	}
	if len(names) < 50 {
		t.Fatalf("only %d variables in env.go", len(names))
	}
	return names
}

// checkPods looks at what pods refer to, may do, and are told.
func (r *rendered) checkPods(t *testing.T) {
	t.Helper()
	known := knownVariables(t)
	for _, d := range r.deployments {
		pod := d.Spec.Template.Spec
		c := pod.Containers[0]
		if s := pod.SecurityContext; s == nil || !*s.RunAsNonRoot || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: security context %v", d.Name, s)
		}
		if s := c.SecurityContext; s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Contains(s.Capabilities.Drop, "ALL") {
			t.Errorf("%s: security context %v", d.Name, s)
		}
		if strings.HasSuffix(c.Image, ":") || c.Image == "" || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s: image %q, limits %v", d.Name, c.Image, c.Resources.Limits)
		}
		for name, probe := range map[string]*core.Probe{"readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			want := map[string]string{"readiness": "/readyz", "liveness": "/healthz"}[name]
			if probe == nil || !hasPort(d, probe.HTTPGet.Port) || probe.HTTPGet.Path != want {
				t.Errorf("%s: the %s probe is %v", d.Name, name, probe)
			} else if secure := probe.HTTPGet.Scheme == "HTTPS"; secure != at(r.values, "tls", "enabled").(bool) {
				t.Errorf("%s: the %s probe asks by %q", d.Name, name, probe.HTTPGet.Scheme)
			}
		}
		mounted := map[string]string{}
		for _, v := range pod.Volumes {
			if v.Secret != nil {
				r.needSecret(t, v.Secret.SecretName, "")
			}
			if !slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { mounted[m.MountPath] = ""; return m.Name == v.Name }) {
				t.Errorf("%s: the volume %s is not mounted", d.Name, v.Name)
			}
		}
		for name, value := range variables(t, d) {
			if strings.HasPrefix(name, "MESH_") && !slices.Contains(known, name) {
				t.Errorf("%s: nobody reads %s", d.Name, name)
			}
			if rest, ok := strings.CutPrefix(value, "/etc/mesh/"); ok {
				folder, file := "/etc/mesh/"+filepath.Dir(rest), filepath.Base(rest)
				if _, ok := mounted[folder]; !ok {
					t.Errorf("%s: %s is %s, where nothing is mounted", d.Name, name, value)
				}
				if folder == "/etc/mesh/token" {
					r.needSecret(t, r.tokenSecret(), file)
				}
			}
		}
	}
	d := r.server(t)
	pod := d.Spec.Template.Spec
	set := variables(t, d)
	end := at(r.values, "drain", "seconds").(float64) + at(r.values, "drain", "sleepSeconds").(float64)
	if grace := *pod.TerminationGracePeriodSeconds; float64(grace) < end+5 || set["MESH_DRAIN_TIME"] != fmt.Sprintf("%vs", at(r.values, "drain", "seconds")) {
		t.Errorf("a grace period of %d s, and MESH_DRAIN_TIME=%s", grace, set["MESH_DRAIN_TIME"])
	}
	for name, port := range map[string]string{"MESH_LISTEN": "mesh", "MESH_OPS_LISTEN": "ops", "MESH_GOSSIP_LISTEN": "gossip"} {
		if listen, ok := set[name]; ok && listen != fmt.Sprintf(":%v", at(r.values, "ports", port)) {
			t.Errorf("%s=%s, port %v", name, listen, at(r.values, "ports", port))
		}
	}
	for _, p := range pod.Containers[0].Ports {
		if wantUDP := p.Name == "gossip-udp" || p.Name == "mesh" && set["MESH_TRANSPORT"] == "quic"; wantUDP != (p.Protocol == core.ProtocolUDP) {
			t.Errorf("port %s is %q", p.Name, p.Protocol)
		}
	}
}

func (r *rendered) tokenSecret() string {
	if name := at(r.values, "auth", "existingSecret").(string); name != "" {
		return name
	}
	for name := range r.secrets {
		return name
	}
	return ""
}

// needSecret: a secret that is referred to is made here, by cert-manager, or by whoever
// named it in the values.
func (r *rendered) needSecret(t *testing.T, name, key string) {
	t.Helper()
	if s := r.secrets[name]; s != nil {
		if key != "" && len(s.Data[key]) < 32 {
			t.Errorf("Secret %s: %s has %d bytes", name, key, len(s.Data[key]))
		}
		return
	}
	made := slices.ContainsFunc(all[*certificate](r), func(c *certificate) bool { return c.Spec.SecretName == name })
	if !made && name != at(r.values, "auth", "existingSecret") && name != at(r.values, "tls", "existingSecret") {
		t.Errorf("nobody makes the secret %s", name)
	}
}

// checkAccess: pods may ask the API for endpoints where discovery does, and for nothing else.
func (r *rendered) checkAccess(t *testing.T) {
	t.Helper()
	d := r.server(t)
	pod := d.Spec.Template.Spec
	roles, bindings := all[*rbac.Role](r), all[*rbac.RoleBinding](r)
	watches := at(r.values, "discovery", "mode") == "kubernetes"
	if *pod.AutomountServiceAccountToken != watches || len(roles) != len(bindings) || (len(roles) == 1) != watches {
		t.Fatalf("a token is mounted: %v; %d roles, %d bindings", *pod.AutomountServiceAccountToken, len(roles), len(bindings))
	}
	for _, other := range r.deployments {
		if other != d && *other.Spec.Template.Spec.AutomountServiceAccountToken {
			t.Errorf("%s gets a token", other.Name)
		}
	}
	if accounts := all[*core.ServiceAccount](r); len(accounts) > 0 && accounts[0].Name != pod.ServiceAccountName {
		t.Errorf("pods are %s, made is %s", pod.ServiceAccountName, accounts[0].Name)
	}
	if !watches {
		return
	}
	// What the factory of informers in discovery/kubernetes does.
	want := []rbac.PolicyRule{{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}}}
	if !reflect.DeepEqual(roles[0].Rules, want) {
		t.Errorf("rules %v", roles[0].Rules)
	}
	b := bindings[0]
	if b.RoleRef.Name != roles[0].Name || len(b.Subjects) != 1 || b.Subjects[0].Name != pod.ServiceAccountName || b.Subjects[0].Namespace != namespace {
		t.Errorf("%v is bound to %v", b.RoleRef, b.Subjects)
	}
	set := variables(t, d)
	if s := r.services[set["DISCOVERY_SERVICE"]]; s == nil || s.Spec.Ports[0].Name != "mesh" || !s.Spec.PublishNotReadyAddresses || set["DISCOVERY_NAMESPACE"] != namespace {
		t.Errorf("discovery watches %s in %s", set["DISCOVERY_SERVICE"], set["DISCOVERY_NAMESPACE"])
	}
}

// checkSwitches: what is switched on is there, and nothing else.
func (r *rendered) checkSwitches(t *testing.T) {
	t.Helper()
	count := func(on bool) int { return map[bool]int{true: 1}[on] }
	enabled := func(path ...string) bool { return at(r.values, append(path, "enabled")...).(bool) }
	replicas := 0
	set := variables(t, r.server(t))
	service := at(r.values, "discovery", "service").(map[string]any)
	if given := service["addresses"].([]any); at(r.values, "discovery", "mode") == "service" && len(given) == 0 {
		replicas = int(service["replicas"].(float64))
		addresses := strings.Split(set["MESH_DISCOVERY_ADDRESS"], ",")
		for _, address := range addresses {
			_, rest, _ := strings.Cut(address, "://")
			host, port, _ := strings.Cut(rest, ":")
			if s := r.services[host]; s == nil || fmt.Sprint(s.Spec.Ports[0].Port) != port {
				t.Errorf("discovery at %s, where no Service is", address)
			}
		}
		if len(addresses) != replicas {
			t.Errorf("addresses %v of %d replicas", addresses, replicas)
		}
	}
	if mode := at(r.values, "discovery", "mode"); set["MESH_DISCOVERY"] != mode {
		t.Errorf("discovery by %q, want %v", set["MESH_DISCOVERY"], mode)
	}
	for _, name := range []string{"MESH_DISCOVERY_ADDRESS", "MESH_GOSSIP_SEEDS"} {
		host, _, ok := strings.Cut(set[name], "."+namespace+".svc:")
		if s := r.services[host]; ok && (s == nil || s.Spec.ClusterIP != "None") {
			t.Errorf("%s=%s, where no headless Service is", name, set[name])
		}
	}
	for what, c := range map[string][2]int{
		"Deployments":              {len(r.deployments), 1 + replicas},
		"Secrets":                  {len(r.secrets), count(at(r.values, "auth", "existingSecret") == "")},
		"Certificates":             {len(all[*certificate](r)), count(enabled("tls") && enabled("tls", "certManager"))},
		"ServiceAccounts":          {len(all[*core.ServiceAccount](r)), count(at(r.values, "serviceAccount", "create").(bool))},
		"Ingresses":                {len(all[*networking.Ingress](r)), count(enabled("ingress"))},
		"NetworkPolicies":          {len(all[*networking.NetworkPolicy](r)), count(enabled("networkPolicy")) * (1 + count(replicas > 0))},
		"PodDisruptionBudgets":     {len(all[*policy.PodDisruptionBudget](r)), count(enabled("podDisruptionBudget"))},
		"HorizontalPodAutoscalers": {len(all[*autoscaling.HorizontalPodAutoscaler](r)), count(enabled("autoscaling"))},
		"ServiceMonitors":          {len(all[*serviceMonitor](r)), count(enabled("monitoring", "serviceMonitor")) * (1 + count(replicas > 0))},
		"PrometheusRules":          {len(all[*prometheusRule](r)), count(enabled("monitoring", "rules"))},
		"ConfigMaps":               {len(all[*core.ConfigMap](r)), count(enabled("monitoring", "dashboard"))},
	} {
		if c[0] != c[1] {
			t.Errorf("%d %s, want %d", c[0], what, c[1])
		}
	}
	for _, c := range all[*certificate](r) {
		if !slices.Contains(c.Spec.DNSNames, set["MESH_TLS_SERVER_NAME"]) {
			t.Errorf("a certificate for %v, and servers want %q", c.Spec.DNSNames, set["MESH_TLS_SERVER_NAME"])
		}
	}
}

// checkMonitoring: rules and dashboard are those of deploy/, and what is scraped has the
// names that the rules know.
func (r *rendered) checkMonitoring(t *testing.T) {
	t.Helper()
	for _, rule := range all[*prometheusRule](r) {
		copied(t, "alerts.yml")
		if len(rule.Spec.Groups) != 1 || rule.Spec.Groups[0].Name != asInDeploy {
			t.Error("the rules differ from deploy/prometheus/alerts.yml")
		}
	}
	for _, m := range all[*core.ConfigMap](r) {
		copied(t, "dashboard.json")
		if m.Data["mesh.json"] != asInDeploy || m.Labels["grafana_dashboard"] != "1" {
			t.Error("the dashboard differs from deploy/grafana/dashboard.json")
		}
	}
	for _, m := range all[*serviceMonitor](r) {
		var scraped []*core.Service
		for _, s := range r.services {
			if selector, err := meta.LabelSelectorAsSelector(&m.Spec.Selector); err == nil && selector.Matches(labels.Set(s.Labels)) {
				scraped = append(scraped, s)
			}
		}
		e := m.Spec.Endpoints[0]
		for _, s := range scraped {
			if !slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
				t.Errorf("ServiceMonitor %s: %s has no port %s", m.Name, s.Name, e.Port)
			}
		}
		want := "socketio-mesh"
		if strings.HasSuffix(m.Name, "-discovery") {
			want = "socketio-mesh-discovery"
		} else if len(scraped) != 1 {
			t.Errorf("ServiceMonitor %s: %d Services, so that servers are scraped as often", m.Name, len(scraped))
		}
		if len(scraped) == 0 || e.Relabelings[0].TargetLabel != "job" || e.Relabelings[0].Replacement != want {
			t.Errorf("ServiceMonitor %s: %d Services, %v", m.Name, len(scraped), e.Relabelings)
		}
		r.needSecret(t, e.Authorization.Credentials.Name, e.Authorization.Credentials.Key)
		if secure := at(r.values, "tls", "enabled").(bool); secure != (e.Scheme == "https") || secure != (e.TLSConfig != nil) {
			t.Errorf("ServiceMonitor %s: %q, %v", m.Name, e.Scheme, e.TLSConfig)
		}
	}
}

// checkBalancing: Ingresses keep clients that poll with their server, as those of
// deploy/kubernetes do.
func (r *rendered) checkBalancing(t *testing.T) {
	t.Helper()
	for _, i := range all[*networking.Ingress](r) {
		path := i.Spec.Rules[0].HTTP.Paths[0]
		s := r.services[path.Backend.Service.Name]
		if s == nil || s.Spec.Ports[0].Name != path.Backend.Service.Port.Name || s.Spec.ClusterIP == "None" {
			t.Fatalf("Ingress to %v", path.Backend.Service)
		}
		given, _ := at(r.values, "ingress", "annotations").(map[string]any)
		switch at(r.values, "ingress", "controller") {
		case "nginx":
			for name, want := range load(t, kubernetes+"/ingress-nginx.yaml")[0].GetAnnotations() {
				if mine, ok := given[name]; ok {
					want = mine.(string)
				} else if strings.HasSuffix(name, "session-cookie-path") {
					want = path.Path
				}
				if i.Annotations[name] != want {
					t.Errorf("Ingress: %s is %q, want %q", name, i.Annotations[name], want)
				}
			}
		case "traefik":
			for name, want := range loadAll(t).services["mesh-server"].Annotations {
				if s.Annotations[name] != want {
					t.Errorf("Service: %s is %q, want %q", name, s.Annotations[name], want)
				}
			}
		}
	}
}

// TestChartKeepsItsVariables: what the chart sets by other values cannot be set in
// mesh.variables, where one of the two would count.
func TestChartKeepsItsVariables(t *testing.T) {
	names := map[string]bool{}
	for _, file := range valueFiles(t) {
		r := readRendered(t, file)
		given, _ := at(r.values, "mesh", "variables").(map[string]any)
		for name := range variables(t, r.server(t)) {
			if _, free := given[name]; !free && strings.HasPrefix(name, "MESH_") {
				names[name] = true
			}
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d variables", len(names))
	}
	s := schema(t)
	for name := range names {
		if err := check(t, s, map[string]any{"mesh": map[string]any{"variables": map[string]any{name: "x"}}}); err == nil {
			t.Errorf("mesh.variables may have %s", name)
		}
	}
}

// refused are values that cannot work, and what is said of them.
var refused = map[string][]string{
	"replica: 3":                                            {"replica"},
	"replicas: three":                                       {"/replicas", "want integer"},
	"replicas: 0":                                           {"/replicas", "minimum"},
	"mesh: {transport: tcp}":                                {"/mesh/transport", "'ws', 'wss', 'quic'"},
	"mesh: {variables: {QUEUE_BYTES: 1MiB}}":                {"/mesh/variables", "QUEUE_BYTES"},
	"mesh: {variables: {MESH_PEERS: [a, b]}}":               {"/mesh/variables/MESH_PEERS"},
	"discovery: {mode: consul}":                             {"/discovery/mode", "'gossip'"},
	"discovery: {service: {replicas: 17}}":                  {"/discovery/service/replicas", "maximum"},
	"discovery: {service: {addresses: [discovery:8000]}}":   {"/discovery/service/addresses/0", "wss?://"},
	"tls: {enabled: true}":                                  {"/tls"},
	"tls: {enabled: true, certManager: {enabled: true}}":    {"/tls/certManager/issuerRef/name"},
	"ports: {ops: 70000}":                                   {"/ports/ops", "maximum"},
	"image: {repository: \"chat:1.0\", tag: \"no spaces\"}": {"/image/tag"},
	"goMemLimit: 1Gi":                                       {"/goMemLimit"},
	"ingress: {host: \"https://chat.example.org\"}":         {"/ingress/host"},
	"autoscaling: {maxReplicas: many}":                      {"/autoscaling/maxReplicas", "want integer"},
	"podDisruptionBudget: {maxUnavailable: 0}":              {"/podDisruptionBudget/maxUnavailable"},
	"auth: {token: secret}":                                 {"/auth", "token"},
	"extraEnv: [{value: nameless}]":                         {"/extraEnv/0", "name"},
}

// TestChartRefuses: what cannot work is refused, with the value's name.
func TestChartRefuses(t *testing.T) {
	s := schema(t)
	for text, want := range refused {
		err := check(t, s, parsed(t, text))
		if err == nil {
			t.Errorf("%s was taken", text)
			continue
		}
		for _, fragment := range want {
			if !strings.Contains(err.Error(), fragment) {
				t.Errorf("%s: %v, want %q in it", text, err, fragment)
			}
		}
	}
}

// TestChartValuesAreThere: each property of the schema is in values.yaml, where people look
// for it, and the schema is closed.
func TestChartValuesAreThere(t *testing.T) {
	text, err := os.ReadFile(chartFolder + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	definitions := schema["$defs"].(map[string]any)
	var walk func(path string, schema, values map[string]any)
	walk = func(path string, schema, values map[string]any) {
		if name, ok := schema["$ref"].(string); ok {
			schema = definitions[filepath.Base(name)].(map[string]any)
		}
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("the schema takes anything at %s", path)
		}
		for name, property := range properties {
			if property == false { // what is not allowed
				continue
			}
			value, ok := values[name]
			if !ok && name != "global" && !strings.HasPrefix(path, "/probes/") {
				t.Errorf("%s/%s is not in values.yaml", path, name)
			}
			if below, ok := value.(map[string]any); ok {
				walk(path+"/"+name, property.(map[string]any), below)
			}
		}
	}
	walk("", schema, values(t, chartFolder+"/values.yaml"))
}
