package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// shells are those that there are completions for.
var shells = []string{"bash", "zsh", "fish"}

// documents is the directory with what the binary says of itself: darkshare.1 and its
// .gz, completions, and the changelog that Debian wants.
type documents string

func (d documents) path(name string) string { return filepath.Join(string(d), name) }

// documents writes them below the stage, with a binary for this machine.
func (r *release) documents(ctx context.Context, stage string) (documents, error) {
	docs := documents(filepath.Join(stage, "documents"))
	if err := os.MkdirAll(docs.path("completions"), 0o755); err != nil {
		return "", err
	}
	binary := filepath.Join(stage, "host", host.binary())
	if err := r.build(ctx, host, r.root, binary); err != nil {
		return "", err
	}
	said := map[string][]string{"darkshare.1": {"man"}}
	for _, shell := range shells {
		said[filepath.Join("completions", "darkshare."+shell)] = []string{"completion", shell}
	}
	for name, args := range said {
		text, err := command(ctx, stage, nil, binary, args...)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(docs.path(name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	page, err := os.ReadFile(docs.path("darkshare.1"))
	if err != nil {
		return "", err
	}
	if err := writeGzip(docs.path("darkshare.1.gz"), page); err != nil {
		return "", err
	}
	// https://www.debian.org/doc/debian-policy/ch-source.html#s-dpkgchangelog
	changelog := fmt.Sprintf("darkshare (%s-1) unstable; urgency=medium\n\n"+
		"  * https://github.com/darkshare/darkshare/blob/main/CHANGELOG.md\n\n"+
		" -- The darkshare authors <darkshare@users.noreply.github.com>  %s\n",
		r.version, r.date.Format(time.RFC1123Z))
	return docs, writeGzip(docs.path("changelog.Debian.gz"), []byte(changelog))
}

// writeGzip writes a file whose bytes depend on data only: gzip -9n.
func writeGzip(name string, data []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
