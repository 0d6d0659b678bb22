package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// TestCompose loads compose.yaml as Docker does, against its schema, and looks for the
// files that it mounts.
func TestCompose(t *testing.T) {
	path := deploy + "/compose.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	directory, err := filepath.Abs(deploy)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  directory,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: data}},
	})
	if err != nil {
		t.Fatal(err)
	}
	servers := 0
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); err != nil && v.Type == types.VolumeTypeBind {
				t.Errorf("%s mounts %s: %v", name, v.Source, err)
			}
		}
		if address := s.Environment["MESH_WS_IP"]; address != nil {
			servers++
			if *address != name {
				t.Errorf("%s is advertised as %s", name, *address)
			}
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
				t.Errorf("%s is built from %v", name, err)
			}
		}
	}
	if servers != 3 {
		t.Errorf("%d servers", servers)
	}
	for _, target := range targets(t) {
		if host, _, _ := strings.Cut(target, ":"); project.Services[host].Name == "" {
			t.Errorf("Prometheus scrapes %s, which is no service", target)
		}
	}
}

// targets are what Prometheus scrapes.
func targets(t *testing.T) (all []string) {
	t.Helper()
	data, err := os.ReadFile(deploy + "/prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Jobs []struct {
			Static []struct {
				Targets []string `json:"targets"`
			} `json:"static_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	for _, job := range config.Jobs {
		for _, s := range job.Static {
			all = append(all, s.Targets...)
		}
	}
	if len(all) != 4 {
		t.Errorf("Prometheus scrapes %v", all)
	}
	return all
}

// TestPrometheusConfig is what promtool says of it.
func TestPrometheusConfig(t *testing.T) {
	promtool := need(t, "promtool")
	if out, err := exec.Command(promtool, "check", "config", deploy+"/prometheus/prometheus.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
