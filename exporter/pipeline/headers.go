package pipeline

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// The bounds of what is kept of an input's header lines.
const (
	mostHeaders = 64
	mostHeaded  = 1024
)

// headers keeps which format the lines of a W3C extended log have, of which the log
// tells by itself: each file in a line of its own at its beginning, and again where its
// fields change. A worker has a block only, so whoever prepares the blocks, in the log's
// order, looks for these lines.
type headers struct {
	byLine map[string]*accesslog.Format
	byFile map[string]*accesslog.Format
}

// split returns the format of the first lines of a file's data, and the parts behind
// them where another begins. told is the format where the file did not say.
func (h *headers) split(told *accesslog.Format, file string, data []byte) (first *accesslog.Format, more []part) {
	first = told
	if f := h.byFile[file]; f != nil {
		first = f
	}
	last := first
	for at := 0; ; {
		n := directive(data[at:])
		if n < 0 {
			break
		}
		at += n
		line := data[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if f := h.format(bytes.TrimRight(line, "\r")); f != nil && f != last {
			more, last = append(more, part{from: at, format: f}), f
		}
		at += len(line)
	}
	if last != told || h.byFile[file] != nil {
		if h.byFile == nil || len(h.byFile) >= mostHeaded {
			h.byFile = map[string]*accesslog.Format{}
		}
		h.byFile[file] = last
	}
	return first, more
}

// format compiles a header line, nil where it cannot be.
func (h *headers) format(line []byte) *accesslog.Format {
	if f, ok := h.byLine[string(line)]; ok {
		return f
	}
	f, err := accesslog.Compile(string(line))
	if err != nil {
		return nil
	}
	if h.byLine == nil || len(h.byLine) >= mostHeaders {
		h.byLine = map[string]*accesslog.Format{}
	}
	h.byLine[string(line)] = f
	return f
}

// directive returns where the next header line begins, -1 where there is none.
func directive(data []byte) int {
	if bytes.HasPrefix(data, []byte(accesslog.FieldsDirective)) {
		return 0
	}
	if n := bytes.Index(data, []byte("\n"+accesslog.FieldsDirective)); n >= 0 {
		return n + 1
	}
	return -1
}

// lastHeader returns the format of what follows the data: whoever follows a file from
// its end, or from where it was left, does not see its head.
func lastHeader(told *accesslog.Format, data []byte) *accesslog.Format {
	var h headers
	first, more := h.split(told, "", data)
	if len(more) > 0 {
		return more[len(more)-1].format
	}
	return first
}
