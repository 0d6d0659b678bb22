//go:build helm

// These tests take helm itself, which takes minutes to compile: make helm runs them. They
// write what the chart comes to into testdata, where the other tests look at it.
package manifests

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the chart comes to into testdata")

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartFolder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render is what helm install does: it merges values, holds them against the schema, and
// executes the templates.
func render(c *chart.Chart, values map[string]any) (map[string]string, error) {
	options := common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// TestHelmRenders compares what the chart comes to with testdata.
func TestHelmRenders(t *testing.T) {
	c := loadChart(t)
	for _, file := range valueFiles(t) {
		files, err := render(c, values(t, file))
		if err != nil {
			t.Fatal(err)
		}
		got := joined(t, files)
		path := goldenOf(file)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if want, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s differs from what helm renders (%v): run make helm UPDATE=1", path, err)
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(sumFile, []byte(sourcesSum(t)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// joined is what helm template prints, without what is another one each time, the token, and
// without the rules and the dashboard where they are those of deploy/, which change by themselves.
func joined(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			b.WriteString("---\n")
			for line := range strings.Lines(strings.TrimSpace(files[name]) + "\n") {
				b.WriteString(strings.TrimSpace("# "+line) + "\n")
			}
			continue
		}
		for document := range strings.SplitSeq(files[name], "\n---") {
			if empty(document) {
				continue
			}
			var object map[string]any
			if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			data, _ := object["data"].(map[string]any)
			for key, value := range data {
				switch object["kind"] {
				case "Secret":
					data[key] = strings.Repeat("x", len(value.(string)))
				case "ConfigMap":
					if value == string(copied(t, "dashboard.json")) {
						data[key] = asInDeploy
					}
				}
			}
			if object["kind"] == "PrometheusRule" {
				if reflect.DeepEqual(object["spec"], any(parsed(t, string(copied(t, "alerts.yml"))))) {
					object["spec"] = map[string]any{"groups": []any{map[string]any{"name": asInDeploy}}}
				}
			}
			text, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString("---\n# " + filepath.Base(name) + "\n" + string(text))
		}
	}
	return []byte(b.String())
}

// TestHelmRefuses: helm refuses what the schema does, in the same words; and the templates
// what a schema cannot say.
func TestHelmRefuses(t *testing.T) {
	c := loadChart(t)
	cases := map[string][]string{
		"autoscaling: {enabled: true, minReplicas: 5, maxReplicas: 2}": {"autoscaling.maxReplicas: 2 is not allowed: want at least minReplicas, 5"},
		"autoscaling: {enabled: true, targetCPU: 0, targetMemory: 0}":  {"targetCPU and targetMemory are both 0"},
	}
	maps.Copy(cases, refused)
	for text, want := range cases {
		_, err := render(c, parsed(t, text))
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

// TestHelmLint is what helm lint says.
func TestHelmLint(t *testing.T) {
	for _, file := range valueFiles(t) {
		for _, m := range lint.RunAll(chartFolder, values(t, file), namespace).Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %v", filepath.Base(file), m)
			}
		}
	}
}
