package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zipped makes a plugin's zip of texts and one binary.
func zipped(t *testing.T, binary string, texts map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "plugin.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	add := func(name string, from io.Reader) {
		w, err := z.Create("darkshare-darksocial-datasource/" + name)
		if err == nil {
			_, err = io.Copy(w, from)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		add(file, strings.NewReader(texts[file]))
	}
	if binary != "" {
		b, err := os.Open(binary)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		add("gpx_darksocial_linux_amd64", b)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPluginSBOM: it is valid, and has what is in the back end, and in the front end as
// webpack bundled it; with licences that may be given away with the plugin.
func TestPluginSBOM(t *testing.T) {
	built := filepath.Join("..", "plugin", "dist")
	sourceMap, err := os.ReadFile(filepath.Join(built, "module.js.map"))
	if err != nil {
		t.Skip("the plugin is not built: go tool mage pluginTest")
	}
	description, err := os.ReadFile(filepath.Join(built, "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := build1(t).release
	r.version = "1.2.3+1.g0a1b2c3"
	file := zipped(t, build1(t).binary, map[string]string{"module.js.map": string(sourceMap), "plugin.json": string(description)})
	name := filepath.Join(t.TempDir(), "plugin.cdx.json")
	if err := r.writePluginSBOM(t.Context(), file, name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, string(text))
	var bom struct {
		Metadata   struct{ Component struct{ Name string } }
		Components []struct {
			PURL     string
			Licenses []struct{ License struct{ ID string } }
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	if got := bom.Metadata.Component.Name; got != "darkshare-darksocial-datasource" {
		t.Errorf("it is of %q", got)
	}
	of := map[string]int{}
	for _, c := range bom.Components {
		kind, name, _ := strings.Cut(c.PURL, "/")
		of[kind]++
		if strings.HasPrefix(name, "%40grafana/plugin-ui@") {
			of["plugin-ui"]++
		}
		if kind == "pkg:npm" && len(c.Licenses) != 1 {
			t.Errorf("no licence of %s is known", c.PURL)
		}
		for _, l := range c.Licenses {
			if !given(l.License.ID) {
				t.Errorf("%s is under %s", c.PURL, l.License.ID)
			}
		}
	}
	if of["pkg:golang"] < 10 || of["pkg:npm"] < 2 || of["plugin-ui"] != 1 {
		t.Errorf("it has %v", of)
	}

	// A release has one version.
	r.version = "77.0.0"
	if err := r.writePluginSBOM(t.Context(), file, name); err == nil || !strings.Contains(err.Error(), "plugin/package.json has version") {
		t.Errorf("another version: %v", err)
	}
	if err := r.writePluginSBOM(t.Context(), zipped(t, "", map[string]string{"plugin.json": string(description)}), name); err == nil {
		t.Error("a plugin of nothing has an SBOM")
	}
}

// TestNPMComponents: packages are what npm's lock says they are, however they are nested.
func TestNPMComponents(t *testing.T) {
	const lock = `{"packages": {
		"": {"version": "9.9.9"},
		"node_modules/a": {"version": "1.0.0", "license": "MIT"},
		"node_modules/@s/b": {"version": "2.0.0", "license": "ISC"},
		"node_modules/a/node_modules/@s/b": {"version": "1.9.0", "license": "ISC"},
		"node_modules/c/node_modules/@s/b": {"version": "1.9.0", "license": "ISC"},
		"node_modules/unused": {"version": "1.0.0", "license": "MIT"}}}`
	const top = "webpack://darkshare/../node_modules/"
	got, err := npmComponents([]byte(lock), []string{
		top + "a/index.js", top + "a/lib/x.js", top + "@s/b/index.js", top + "a/node_modules/@s/b/index.js", top + "c/node_modules/@s/b/index.js",
		"webpack://darkshare/./module.ts", "webpack://darkshare/./node_modules/made-up.js", "webpack://darkshare/webpack/bootstrap",
	})
	if err != nil {
		t.Fatal(err)
	}
	var purls []string
	for _, c := range got {
		purls = append(purls, c.PackageURL+" "+(*c.Licenses)[0].License.ID)
	}
	slices.Sort(purls)
	if diff := cmp.Diff([]string{"pkg:npm/%40s/b@1.9.0 ISC", "pkg:npm/%40s/b@2.0.0 ISC", "pkg:npm/a@1.0.0 MIT"}, purls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := npmComponents([]byte(lock), []string{top + "stranger/index.js"}); err == nil {
		t.Error("what the lock does not know is passed over")
	}
}
