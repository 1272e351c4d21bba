package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// TestHeaders: each file of a W3C extended log says which fields its lines have, anew
// after a rotation, and may say so again in the middle of a block. The lines that say it
// are lines, and no records.
func TestHeaders(t *testing.T) {
	const (
		iis    = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) cs(Referer) cs-host sc-status\n"
		page   = "2026-09-02 12:00:0%d GET /x/%d q=1 192.0.2.%d Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+Chrome/140.0.0.0+Safari/537.36 https://www.google.com/ a.example 200\n"
		other  = "#Fields: sc-status cs-host cs-uri-stem cs-method date time c-ip cs(User-Agent)\n"
		pages2 = "200 b.example /y/%d GET 2026-09-02 12:00:0%d 192.0.2.%d Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+Chrome/140.0.0.0+Safari/537.36\n"
	)
	one := func(i int) string { return fmt.Sprintf(page, i, i, i) }
	two := func(i int) string { return fmt.Sprintf(pages2, i, i, i) }
	format, err := accesslog.Compile("iis")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		format *accesslog.Format
		blocks [][2]string // file, lines
		// Lines that are no records, records by the fields of the first header and of the
		// other, lines that have not the fields of theirs.
		errors, first, other, mistakes float64
	}{
		{"told from the lines", nil, [][2]string{{"u1", iis + one(1) + one(2)}, {"u1", one(3)}}, 2, 3, 0, 0},
		{"named", format, [][2]string{{"u1", iis + one(1)}, {"u1", one(2)}}, 2, 2, 0, 0},
		{"in the middle of a block", nil, [][2]string{{"u1", iis + one(1) + other + two(2) + two(3) + iis + one(4)}, {"u1", one(5)}}, 5, 3, 2, 0},
		{"a file after a rotation", nil, [][2]string{{"u1", iis + one(1)}, {"u1", other + two(2)}, {"u1", two(3)}}, 3, 1, 2, 0},
		{"two files in turn", nil, [][2]string{{"u1", iis + one(1)}, {"u2", other + two(2)}, {"u1", one(3)}, {"u2", two(4)}}, 3, 2, 2, 0},
		{"a file that begins in the middle has what was told", nil, [][2]string{{"u1", iis + one(1)}, {"u2", one(2)}}, 2, 2, 0, 0},
		{"a header that makes no sense", nil, [][2]string{{"u1", iis + one(1) + "#Fields:\n" + one(2)}}, 3, 2, 0, 0},
		{"other fields than the header says", nil, [][2]string{{"u1", iis + one(1) + two(2)}}, 3, 1, 0, 1},
		{"CRLF", nil, [][2]string{{"u1", strings.ReplaceAll(iis+one(1)+other+two(2), "\n", "\r\n")}}, 3, 1, 1, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := start(t, Options{Sites: 10, Workers: 2}, Input{Name: "in", Format: c.format})
			for _, b := range c.blocks {
				r.sendFile(0, b[0], b[1])
			}
			s := r.end()
			got := []float64{s["darkshare_log_errors_total"], s["darkshare_log_errors_total/reason=format"], s["darkshare_requests_total/kind=landing"]}
			if want := []float64{c.errors, c.mistakes, c.first + c.other}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("errors, format errors and landings are %v, want %v\n%v", got, want, s)
			}
		})
	}
}

// TestHeadersOfSample: a file that is followed from its end has the fields that its head
// names, whatever the format's name stands for.
func TestHeadersOfSample(t *testing.T) {
	named, err := accesslog.Compile("cloudfront")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []*accesslog.Format{nil, named} {
		r := start(t, Options{Sites: 10}, Input{Name: "in", Format: format})
		const head, line = "#Version: 1.0\n#Fields: sc-status cs-uri-stem cs-method date time c-ip cs(User-Agent)\n", "200 /x GET 2026-09-02 12:00:01 192.0.2.1 Mozilla/5.0\n"
		r.Sample(0, []byte(head+line))
		r.sendFile(0, "x", line)
		if s := r.end(); s["darkshare_log_lines_total"] != 1 || s["darkshare_requests_total"] != 1 {
			t.Errorf("%v: %v", format, s)
		}
	}
}

// TestHeadersAreBounded: neither files nor header lines are kept without end.
func TestHeadersAreBounded(t *testing.T) {
	told, err := accesslog.Compile("iis")
	if err != nil {
		t.Fatal(err)
	}
	var h headers
	for i := range 5000 {
		h.split(told, fmt.Sprint("f", i), fmt.Appendf(nil, "#Fields: date x-%d\n2026-09-02 1\n", i))
	}
	if len(h.byFile) > mostHeaded || len(h.byLine) > mostHeaders {
		t.Errorf("%d files and %d header lines are kept", len(h.byFile), len(h.byLine))
	}
}
