package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/darkshare/darkshare/exporter/stream"
)

// sampleOf returns the first lines of the first file that has any, among those
// that the globs match, and whether there is a file at all. Only regular files are
// looked into, and "-": what is read of a stream is gone for whoever follows it.
// The error says what is wrong with files where none has lines; that a glob
// matches nothing yet is no mistake.
func sampleOf(ctx context.Context, globs []string) (lines []byte, found bool, err error) {
	var failed []error
	for _, glob := range globs {
		names := []string{glob}
		if strings.ContainsAny(glob, `*?[\`) {
			if names, err = filepath.Glob(glob); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", glob, err))
			}
		}
		for _, name := range names {
			if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
				found = true
				continue
			}
			lines, err := firstLines(ctx, name)
			if len(lines) > 0 {
				return lines, true, nil
			}
			if err != nil {
				failed = append(failed, err)
			}
			found = true
		}
	}
	return nil, found, errors.Join(failed...)
}

// firstLines returns about the first 256 KiB of a file, decompressed and cut after
// a line; what is there of a single line where it has no end.
func firstLines(ctx context.Context, name string) ([]byte, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	blocks := make(chan *stream.Block)
	failed := make(chan error, 1)
	go func() {
		defer close(blocks)
		failed <- stream.Files([]string{name}, stream.ReadOptions{}).Run(ctx, blocks)
	}()
	var data []byte
	for b := range blocks {
		if data == nil {
			data = bytes.Clone(b.Data)
			stop()
		}
		b.Release()
	}
	if err := <-failed; err != nil && data == nil {
		return nil, err
	}
	if end := bytes.LastIndexByte(data, '\n') + 1; end > 0 {
		data = data[:end]
	}
	return data, nil
}
