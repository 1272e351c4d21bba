// Command packaging makes what is released of darkshare: static binaries in archives,
// deb and rpm packages, the plugin that is built already, an SBOM of each, and the
// checksums of all of it. The same commit gives the same bytes, wherever and whenever they
// are made.
//
//	go -C packaging run . [-verify] [-plugin file.zip]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// platforms are what darkshare is released for.
const platforms = "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64"

func main() {
	root := flag.String("root", "..", "the top of the repository")
	out := flag.String("out", filepath.Join("..", "dist", "release"), "the `directory` for the result; what is in it is removed")
	names := flag.String("platforms", platforms, "the `platforms`, with spaces between them")
	verify := flag.Bool("verify", false, "build every binary twice, the second time from a copy elsewhere and without a cache, and compare")
	plugin := flag.String("plugin", "", "the plugin's zip, a `file` that is released with the rest")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *out, strings.Fields(*names), *plugin, *verify); err != nil {
		fmt.Fprintf(os.Stderr, "packaging: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, out string, names []string, plugin string, verify bool) (err error) {
	r, err := newRelease(ctx, root)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "darkshare-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	fmt.Printf("darkshare %s, of %s\n", r.version, r.date.Format(time.RFC3339))
	docs, err := r.documents(ctx, stage)
	if err != nil {
		return err
	}
	for _, name := range names {
		p, err := parsePlatform(name)
		if err != nil {
			return err
		}
		if err := r.make(ctx, p, docs, stage, out, verify); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if plugin != "" {
		if err := r.releasePlugin(ctx, plugin, out); err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
	}
	return writeChecksums(out)
}

// make makes everything of one platform.
func (r *release) make(ctx context.Context, p platform, docs documents, stage, out string, verify bool) error {
	dir := filepath.Join(stage, p.os+"_"+p.arch)
	binary := filepath.Join(dir, p.binary())
	start := time.Now()
	if err := r.build(ctx, p, r.root, binary); err != nil {
		return err
	}
	fmt.Printf("%-14s built in %s\n", p, time.Since(start).Round(time.Second))
	if verify {
		start := time.Now()
		if err := r.verify(ctx, p, binary); err != nil {
			return err
		}
		fmt.Printf("%-14s the same bytes again in %s\n", p, time.Since(start).Round(time.Second))
	}
	base := filepath.Join(out, fmt.Sprintf("darkshare_%s_%s_%s", r.version, p.os, p.arch))
	if err := r.archive(p, base, binary, docs); err != nil {
		return err
	}
	if err := r.writeSBOM(ctx, p, binary, base+".cdx.json"); err != nil {
		return err
	}
	if p.os != "linux" {
		return nil
	}
	for _, format := range []string{"deb", "rpm"} {
		if _, err := r.pack(format, p, binary, docs, out); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}
