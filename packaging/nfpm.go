package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	// They register themselves.
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// pack makes a package, deb or rpm, below out as nfpm.yaml says, and returns its name.
func (r *release) pack(format string, p platform, binary string, docs documents, out string) (string, error) {
	if err := copyFile(docs.path("darkshare"), binary, 0o755); err != nil {
		return "", err
	}
	parsed, err := nfpm.ParseFileWithEnvMapping(filepath.Join(r.root, "packaging", "nfpm.yaml"), func(name string) string {
		return map[string]string{"ARCH": p.arch, "VERSION": r.version, "STAGE": string(docs)}[name]
	})
	if err != nil {
		return "", err
	}
	info, err := parsed.Get(format)
	if err != nil {
		return "", err
	}
	info.MTime = r.date
	// What is not in the stage is named from the top of the repository.
	for _, c := range info.Contents {
		c.Source = r.absolute(c.Source)
	}
	scripts := &info.Scripts
	for _, script := range []*string{&scripts.PreInstall, &scripts.PostInstall, &scripts.PreRemove, &scripts.PostRemove} {
		*script = r.absolute(*script)
	}
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	name := filepath.Join(out, packager.ConventionalFileName(info))
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	return name, errors.Join(packager.Package(info, f), f.Close())
}

func (r *release) absolute(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.root, name)
}
