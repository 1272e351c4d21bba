package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// packed makes a package for this machine.
func packed(t *testing.T, format, version, binary string) string {
	t.Helper()
	m := build1(t)
	r := m.release
	r.version = version
	name, err := r.pack(format, platform{"linux", host.arch}, binary, m.docs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// small stands for the binary where nobody looks into it: it takes seconds to compress.
func small(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "darkshare")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestDeb: what is in the package, who owns it, and what it says of itself.
func TestDeb(t *testing.T) {
	needs(t, "dpkg-deb", "dpkg")
	deb := packed(t, "deb", "1.2.3", small(t))
	if want := "darkshare_1.2.3-1_" + host.arch + ".deb"; filepath.Base(deb) != want {
		t.Errorf("it is called %s, not %s", filepath.Base(deb), want)
	}
	var list strings.Builder
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", deb)) {
		f := strings.Fields(line)
		list.WriteString(f[0] + " " + f[1] + " " + f[5] + "\n")
	}
	control := output(t, "dpkg-deb", "--field", deb, "Package", "Version", "Section", "Priority", "Maintainer", "Homepage", "Depends", "Description")
	conffiles := output(t, "dpkg-deb", "--info", deb, "conffiles")
	golden(t, "deb.golden", list.String()+"\n"+control+"\nconffiles:\n"+conffiles)
	if err := same(deb, packed(t, "deb", "1.2.3", small(t))); err != nil {
		t.Error(err)
	}
}

// TestLintian: Debian's checker has nothing to say.
func TestLintian(t *testing.T) {
	needs(t, "lintian", "lintian")
	out, err := exec.CommandContext(t.Context(), "lintian", "--allow-root", "--fail-on", "error,warning", packed(t, "deb", "1.2.3", build1(t).binary)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRPM: the same of the other package.
func TestRPM(t *testing.T) {
	needs(t, "rpm", "rpm")
	file := packed(t, "rpm", "1.2.3", small(t))
	query := func(args ...string) string {
		// Without a database of what is installed.
		return output(t, "rpm", append([]string{"--dbpath", t.TempDir(), "-qp"}, append(args, file)...)...)
	}
	golden(t, "rpm.golden", query("--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]")+
		query("--queryformat", "\n%{NAME} %{VERSION}-%{RELEASE}, %{LICENSE}, %{URL}\n%{SUMMARY}\n\nrequires:\n[%{REQUIRENAME}\n]"))
	if out := output(t, "rpm", "--dbpath", t.TempDir(), "-K", "--nosignature", file); !strings.Contains(out, "digests OK") {
		t.Errorf("rpm -K: %s", out)
	}
	if err := same(file, packed(t, "rpm", "1.2.3", small(t))); err != nil {
		t.Error(err)
	}
}

// TestOrder: both packages' versions grow from a candidate to the release, and on to what
// comes after it.
func TestOrder(t *testing.T) {
	needs(t, "dpkg", "dpkg")
	needs(t, "rpm", "rpm")
	versions := []string{"1.2.2", "1.2.3-rc.1", "1.2.3", "1.2.3+7.g0a1b2c3", "1.2.4"}
	var debs, rpms []string
	for _, v := range versions {
		debs = append(debs, strings.TrimSpace(output(t, "dpkg-deb", "--field", packed(t, "deb", v, small(t)), "Version")))
		rpms = append(rpms, output(t, "rpm", "--dbpath", t.TempDir(), "-qp", "--queryformat", "%{VERSION}-%{RELEASE}", packed(t, "rpm", v, small(t))))
	}
	for i := range len(versions) - 1 {
		if err := exec.CommandContext(t.Context(), "dpkg", "--compare-versions", debs[i], "lt", debs[i+1]).Run(); err != nil {
			t.Errorf("deb: %s is not before %s", debs[i], debs[i+1])
		}
		if out := output(t, "rpm", "--eval", `%{lua:print(rpm.vercmp("`+rpms[i]+`", "`+rpms[i+1]+`"))}`); strings.TrimSpace(out) != "-1" {
			t.Errorf("rpm: %s is not before %s (%s)", rpms[i], rpms[i+1], out)
		}
	}
}

// TestSBOM: it is valid, names every module that Go says is in the binary, and the
// licence of each.
func TestSBOM(t *testing.T) {
	m := build1(t)
	name := filepath.Join(t.TempDir(), "sbom.json")
	if err := m.writeSBOM(t.Context(), host, m.binary, name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, string(text))
	var bom struct {
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct{ Name, Version, PURL string }
		}
		Components []struct {
			Name, Version, PURL string
			Licenses            []struct{ License struct{ ID string } }
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	if c := bom.Metadata.Component; c.Name != "darkshare" || c.PURL != "pkg:golang/github.com/darkshare/darkshare@v1.2.3" ||
		bom.Metadata.Timestamp != "2026-11-22T12:00:00Z" {
		t.Errorf("it is of %+v, at %s", c, bom.Metadata.Timestamp)
	}
	listed := map[string]string{}
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
		if len(c.Licenses) == 0 {
			t.Errorf("no licence of %s is known", c.Name)
		}
		for _, l := range c.Licenses {
			if !given(l.License.ID) {
				t.Errorf("%s is under %s", c.Name, l.License.ID)
			}
		}
	}
	modules := 0
	for line := range strings.Lines(output(t, "go", "version", "-m", m.binary)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			modules++
			if listed[f[1]] != f[2] {
				t.Errorf("%s %s is in the binary, and %q in the SBOM", f[1], f[2], listed[f[1]])
			}
		}
	}
	if modules == 0 || listed["std"] == "" || len(listed) != modules+1 {
		t.Errorf("%d components for %d modules and the standard library", len(listed), modules)
	}
	again := filepath.Join(t.TempDir(), "again.json")
	if err := errors.Join(m.writeSBOM(t.Context(), host, m.binary, again), same(name, again)); err != nil {
		t.Error(err)
	}
}

// given says whether what is under a licence may be linked into a program under the Apache
// licence, and given away.
func given(license string) bool {
	return slices.Contains([]string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "Unlicense", "0BSD"}, license)
}

// valid holds an SBOM against CycloneDX's own schema, which comes with its library.
func valid(t *testing.T, text string) {
	t.Helper()
	library := strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		file := filepath.Join(library, "schema", name)
		if _, err := os.Stat(file); err != nil {
			file = filepath.Join(library, "schema", strings.Replace(name, ".schema.json", ".schemax.json", 1))
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	document.(map[string]any)["specVersion"] = 16
	if schema.Validate(document) == nil {
		t.Error("the schema takes anything")
	}
}
