package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licenseclassifier/v2/assets"
	"github.com/google/uuid"
)

// writeSBOM writes what a binary is made of, in CycloneDX's JSON: the modules that the Go
// linker says are in it, the standard library, and the licences found in their sources.
func (r *release) writeSBOM(ctx context.Context, p platform, binary, name string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	components, err := r.goComponents(ctx, info)
	if err != nil {
		return err
	}
	app := r.application("darkshare", r.version, p.String())
	app.BOMRef = packageURL(info.Main.Path, "v"+r.version)
	app.PackageURL = app.BOMRef
	return r.writeBOM(app, components, name)
}

// application returns what an SBOM is of.
func (r *release) application(name, version, platforms string) cyclonedx.Component {
	return cyclonedx.Component{
		BOMRef: name + "@" + version, Type: cyclonedx.ComponentTypeApplication,
		Name: name, Version: version, Description: "for " + platforms,
		Licenses:           &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
		ExternalReferences: &[]cyclonedx.ExternalReference{{Type: cyclonedx.ERTypeVCS, URL: "https://github.com/darkshare/darkshare", Comment: r.commit}},
	}
}

// goComponents returns the modules that are in any of some binaries.
func (r *release) goComponents(ctx context.Context, infos ...*buildinfo.BuildInfo) ([]cyclonedx.Component, error) {
	dirs, err := r.moduleDirs(ctx)
	if err != nil {
		return nil, err
	}
	var components []cyclonedx.Component
	seen := map[string]bool{}
	add := func(path, version string, licenses []string) {
		if url := packageURL(path, version); !seen[url] {
			seen[url] = true
			components = append(components, library(path, version, url, licenses))
		}
	}
	for _, info := range infos {
		add("std", strings.TrimPrefix(info.GoVersion, "go"), []string{"BSD-3-Clause"})
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			licenses, err := r.licensesIn(dirs[m.Path])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Path, err)
			}
			add(m.Path, m.Version, licenses)
		}
	}
	return components, nil
}

// writeBOM writes an SBOM: https://cyclonedx.org/docs/1.6/json/
func (r *release) writeBOM(app cyclonedx.Component, components []cyclonedx.Component, name string) error {
	dependsOn := make([]string, len(components))
	for i, c := range components {
		dependsOn[i] = c.BOMRef
	}
	bom := cyclonedx.NewBOM()
	// By what it is of, not by chance: the same release has the same SBOM.
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte(app.BOMRef+"?"+app.Description+"#"+r.commit)).URN()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: r.date.Format(time.RFC3339), Component: &app}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: app.BOMRef, Dependencies: &dependsOn}}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	encoder := cyclonedx.NewBOMEncoder(f, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	return errors.Join(encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6), f.Close())
}

// library returns a module or package as a component.
func library(name, version, url string, licenses []string) cyclonedx.Component {
	c := cyclonedx.Component{
		BOMRef: url, Type: cyclonedx.ComponentTypeLibrary,
		Name: name, Version: version, Scope: cyclonedx.ScopeRequired, PackageURL: url,
	}
	if len(licenses) > 0 {
		c.Licenses = &cyclonedx.Licenses{}
		for _, id := range licenses {
			*c.Licenses = append(*c.Licenses, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: id}})
		}
	}
	return c
}

// packageURL names a Go module: https://github.com/package-url/purl-spec
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// moduleDirs returns where the sources of modules are.
func (r *release) moduleDirs(ctx context.Context) (map[string]string, error) {
	out, err := command(ctx, r.root, []string{"GOWORK=off"}, "go", "list", "-m", "-json=Path,Dir", "all")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, err
		}
		dirs[m.Path] = m.Dir
	}
}

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// licensesIn returns the SPDX identifiers of the licences in the top directory of a
// module, sorted. Each module is looked at once: it takes longer than to link a binary.
func (r *release) licensesIn(dir string) ([]string, error) {
	if ids, ok := r.licenses[dir]; ok {
		return ids, nil
	}
	if dir == "" {
		return nil, errors.New("its sources are not there")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	classifier, err := licenseClassifier()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range files {
		if f.IsDir() || !licenseFile.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		for _, m := range classifier.Match(text).Matches {
			if m.MatchType == "License" {
				ids = append(ids, m.Name)
			}
		}
	}
	slices.Sort(ids)
	if r.licenses == nil {
		r.licenses = map[string][]string{}
	}
	r.licenses[dir] = slices.Compact(ids)
	return r.licenses[dir], nil
}

// licenseClassifier knows the texts of SPDX's licences.
var licenseClassifier = sync.OnceValues(assets.DefaultClassifier)
