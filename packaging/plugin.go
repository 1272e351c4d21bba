package main

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

// releasePlugin puts Grafana's plugin and its SBOM into out.
func (r *release) releasePlugin(ctx context.Context, file, out string) error {
	to := filepath.Join(out, filepath.Base(file))
	return errors.Join(copyFile(to, file, 0o644), r.writePluginSBOM(ctx, file, strings.TrimSuffix(to, ".zip")+".cdx.json"))
}

// A contents is what counts for an SBOM of what is in a plugin's zip.
type contents struct {
	ID   string
	Info struct{ Version string } // both of plugin.json

	binaries []*buildinfo.BuildInfo
	sources  []string // that the front end was bundled from, as source maps name them
}

// writePluginSBOM writes what the plugin is made of: the Go modules in any of its back
// ends, and the npm packages that its front end was bundled from. What Grafana lends it at
// run time is no part of it.
func (r *release) writePluginSBOM(ctx context.Context, file, name string) error {
	plugin, err := readPlugin(file)
	if err != nil {
		return err
	}
	if !strings.Contains(r.version, "+") && plugin.Info.Version != r.version {
		return fmt.Errorf("plugin/package.json has version %s, and the release is %s", plugin.Info.Version, r.version)
	}
	components, err := r.goComponents(ctx, plugin.binaries...)
	if err != nil {
		return err
	}
	lock, err := os.ReadFile(filepath.Join(r.root, "plugin", "package-lock.json"))
	if err != nil {
		return err
	}
	packages, err := npmComponents(lock, plugin.sources)
	if err != nil {
		return err
	}
	app := r.application(plugin.ID, plugin.Info.Version, "Grafana")
	return r.writeBOM(app, append(components, packages...), name)
}

// readPlugin looks into a plugin's zip.
func readPlugin(file string) (*contents, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	c := &contents{}
	for _, f := range z.File {
		base := path.Base(f.Name)
		if base != "plugin.json" && !strings.HasPrefix(base, "gpx_") && path.Ext(base) != ".map" {
			continue
		}
		from, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(from)
		if err := errors.Join(err, from.Close()); err != nil {
			return nil, err
		}
		switch {
		case base == "plugin.json":
			err = json.Unmarshal(data, c)
		case path.Ext(base) == ".map":
			var m struct{ Sources []string }
			err = json.Unmarshal(data, &m)
			c.sources = append(c.sources, m.Sources...)
		default:
			var info *buildinfo.BuildInfo
			info, err = buildinfo.Read(bytes.NewReader(data))
			c.binaries = append(c.binaries, info)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if c.ID == "" || len(c.binaries) == 0 || len(c.sources) == 0 {
		return nil, fmt.Errorf("no plugin: id %q, %d back ends, %d sources of a front end", c.ID, len(c.binaries), len(c.sources))
	}
	return c, nil
}

// npmComponents returns the packages that sources are of, with the versions and licences
// of a package-lock.json (https://docs.npmjs.com/cli/configuring-npm/package-lock-json).
func npmComponents(lock []byte, sources []string) ([]cyclonedx.Component, error) {
	var locked struct {
		Packages map[string]struct{ Version, License string }
	}
	if err := json.Unmarshal(lock, &locked); err != nil {
		return nil, err
	}
	var keys []string
	for _, source := range sources {
		if key := npmPackage(source); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var components []cyclonedx.Component
	for _, key := range slices.Compact(keys) {
		p, ok := locked.Packages[key]
		if !ok {
			return nil, fmt.Errorf("%s is bundled, and not in package-lock.json", key)
		}
		name := key[strings.LastIndex(key, nodeModules)+len(nodeModules):]
		// https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md
		purl := "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + url.PathEscape(p.Version)
		// The same may be in several directories.
		if !slices.ContainsFunc(components, func(c cyclonedx.Component) bool { return c.PackageURL == purl }) {
			components = append(components, library(name, p.Version, purl, []string{p.License}))
		}
	}
	return components, nil
}

const nodeModules = "node_modules/"

// npmPackage returns the directory of a source's package, as package-lock.json names it:
// webpack://plugin/../node_modules/@a/b/c.js is of node_modules/@a/b. It is empty for the
// plugin's own sources, and what webpack makes up below them.
func npmPackage(source string) string {
	_, key, ok := strings.Cut(source, "/../"+nodeModules)
	if !ok {
		return ""
	}
	key = nodeModules + key
	at := strings.LastIndex(key, nodeModules) + len(nodeModules)
	name := strings.SplitN(key[at:], "/", 3)
	if strings.HasPrefix(name[0], "@") && len(name) > 1 {
		name[0] += "/" + name[1]
	}
	return key[:at] + name[0]
}
