package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// lineTimes tells the times of files' lines. It is for one goroutine at a time.
type lineTimes struct {
	ctx context.Context
	// format is that of all files, nil where each tells its own.
	format *accesslog.Format
	files  map[string]*fileTimes
	req    accesslog.Request
	line   []byte // scratch
	// sample is the first lines of the first file that has any.
	sample []byte
}

type fileTimes struct {
	parser *accesslog.Parser // nil where the lines have no time
	headed bool
}

func newLineTimes(ctx context.Context, format *accesslog.Format) *lineTimes {
	return &lineTimes{ctx: ctx, format: format, files: map[string]*fileTimes{}}
}

// file returns what is known of a file, from its first lines where that is not said.
func (t *lineTimes) file(path string) *fileTimes {
	f := t.files[path]
	if f != nil {
		return f
	}
	f = &fileTimes{}
	t.files[path] = f
	format := t.format
	if format == nil && path != "-" {
		data, _ := firstLines(t.ctx, path) // whoever reads it says what is wrong
		format, _ = accesslog.Detect(splitLines(data))
	}
	if format != nil {
		f.parser, f.headed = format.NewParser(), format.Headed()
	}
	return f
}

// of returns the time of a line, in nanoseconds since the Unix epoch.
func (t *lineTimes) of(path string, line []byte) (ns int64, ok bool) {
	f := t.file(path)
	line = bytes.TrimRight(line, "\r\n")
	if f.headed && bytes.HasPrefix(line, []byte(accesslog.FieldsDirective)) {
		if format, err := accesslog.Compile(string(line)); err == nil {
			f.parser = format.NewParser()
		}
		return 0, false
	}
	// A parser decodes in the line itself, which is yet to be counted.
	t.line = append(t.line[:0], line...)
	if f.parser == nil || f.parser.Parse(t.line, &t.req) != schema.ReasonNone || t.req.Time == 0 {
		return 0, false
	}
	return t.req.Time, true
}

// headed reports whether the lines' format stands in lines of the file itself.
func (t *lineTimes) headed(path string) bool { return t.file(path).headed }

// first returns the time of the first line of all files. The error names those that
// tell no time: without it they have no place in a history.
func (t *lineTimes) first(files []string) (int64, error) {
	first := int64(math.MaxInt64)
	var timeless []string
	for _, path := range files {
		if path == "-" {
			if t.format == nil {
				return 0, fmt.Errorf("standard input: say its --format, since a history needs the times of its lines")
			}
			first = 0
			continue
		}
		data, err := firstLines(t.ctx, path)
		if err != nil || len(data) == 0 {
			continue // whoever reads it says so
		}
		if t.sample == nil {
			t.sample = data
		}
		found := false
		for line := range bytes.Lines(data) {
			if at, ok := t.of(path, line); ok {
				first, found = min(first, at), true
				break
			}
		}
		if !found {
			timeless = append(timeless, path)
		}
	}
	if len(timeless) > 0 {
		return 0, fmt.Errorf("no time in the lines of %s: a history needs one; say the --format if it was not recognised", strings.Join(timeless, ", "))
	}
	return cmp.Or(first, 1), nil
}
