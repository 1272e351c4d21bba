package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A platform is what a binary runs on, in Go's words.
type platform struct{ os, arch string }

func parsePlatform(name string) (platform, error) {
	system, arch, ok := strings.Cut(name, "/")
	if !ok || system == "" || arch == "" {
		return platform{}, fmt.Errorf("%q is not a platform such as linux/amd64", name)
	}
	return platform{system, arch}, nil
}

// host is what this program runs on.
var host = platform{runtime.GOOS, runtime.GOARCH}

func (p platform) String() string { return p.os + "/" + p.arch }

// binary returns the name of the program's file.
func (p platform) binary() string {
	if p.os == "windows" {
		return "darkshare.exe"
	}
	return "darkshare"
}

// build builds the binary of the sources at root. Its bytes depend on the sources, the
// release and Go's version only: no path, no time, no state of the repository, no
// setting of the environment, no identifier of the build goes into it.
func (r *release) build(ctx context.Context, p platform, root, binary string, env ...string) error {
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	to, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	ldflags := fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.commit=%s -X main.date=%s",
		r.version, r.commit, r.date.Format(time.RFC3339))
	env = append([]string{
		"CGO_ENABLED=0", "GOOS=" + p.os, "GOARCH=" + p.arch, "GOWORK=off",
		"GOFLAGS=-buildvcs=false", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off",
	}, env...)
	_, err = command(ctx, root, env, "go", "build", "-trimpath", "-pgo", "exporter/bench/replay.pgo",
		"-ldflags", ldflags, "-o", to, "./exporter/cmd/darkshare")
	return err
}

// verify builds the binary once more from a copy of the sources, in another directory
// and without anything that was compiled before, and compares the two.
func (r *release) verify(ctx context.Context, p platform, binary string) (err error) {
	elsewhere, err := os.MkdirTemp("", "darkshare-again-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(elsewhere)) }()
	sources := filepath.Join(elsewhere, "another", "name")
	if err := r.copySources(ctx, sources); err != nil {
		return err
	}
	again := filepath.Join(elsewhere, "again")
	if err := r.build(ctx, p, sources, again, "GOCACHE="+filepath.Join(elsewhere, "cache")); err != nil {
		return err
	}
	return same(binary, again)
}

// copySources copies what is in the repository, or would be with the next commit.
func (r *release) copySources(ctx context.Context, to string) error {
	list, err := command(ctx, r.root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
		"go.mod", "go.sum", "exporter", "dashboards")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		from := filepath.Join(r.root, name)
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		if err := copyFile(filepath.Join(to, name), from, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// same returns an error where two files differ.
func same(a, b string) error {
	x, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	if bytes.Equal(x, y) {
		return nil
	}
	at := 0
	for at < min(len(x), len(y)) && x[at] == y[at] {
		at++
	}
	return fmt.Errorf("built twice, it has %d and %d bytes, different from byte %d on", len(x), len(y), at)
}
