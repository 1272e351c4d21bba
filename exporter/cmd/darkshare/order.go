package main

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// inOrder returns the files in the order of their first records, since a shell
// names rotated logs newest first. Files whose time cannot be told, and whatever
// is no regular file, keep their places. The format is told from each file where
// it is nil.
func inOrder(ctx context.Context, files []string, format *accesslog.Format) []string {
	type timed struct {
		name string
		at   int64
	}
	var (
		all    []timed
		places []int
	)
	for i, name := range files {
		if at, ok := firstTime(ctx, name, format); ok {
			all = append(all, timed{name, at})
			places = append(places, i)
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	ordered := slices.Clone(files)
	for i, place := range places {
		ordered[place] = all[i].name
	}
	return ordered
}

// firstTime returns the time of the first record in a regular file that has one.
func firstTime(ctx context.Context, name string, format *accesslog.Format) (ns int64, ok bool) {
	if fi, err := os.Stat(name); err != nil || !fi.Mode().IsRegular() {
		return 0, false // whoever reads it says so
	}
	data, err := firstLines(ctx, name)
	lines := splitLines(data)
	if err != nil || len(lines) == 0 {
		return 0, false
	}
	if format == nil {
		if format, err = accesslog.Detect(lines); err != nil {
			return 0, false
		}
	}
	parser := format.NewParser()
	var req accesslog.Request
	for _, line := range lines {
		if parser.Parse(line, &req) == schema.ReasonNone && req.Time != 0 {
			return req.Time, true
		}
	}
	return 0, false
}

// splitLines returns the lines without their ends.
func splitLines(data []byte) [][]byte {
	var lines [][]byte
	for line := range bytes.Lines(data) {
		lines = append(lines, bytes.TrimRight(line, "\r\n"))
	}
	return lines
}
