package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/stream"
)

// TestTooLong: of a line longer than the limit a source hands out the beginning. That is
// no record, however much it looks like one, and tells nothing of its log.
func TestTooLong(t *testing.T) {
	const most = 1024
	// Cut anywhere behind its status, a line of this format is still a record.
	lenient, err := accesslog.Compile(`$remote_addr [$time_local] "$request" $status $http_referer`)
	if err != nil {
		t.Fatal(err)
	}
	page := func(i int, referer string) string {
		return fmt.Sprintf("192.0.2.%d [02/Sep/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 https://%s/", i, referer)
	}
	record := func(i int, more string) string {
		return fmt.Sprintf(`{"v":1,"time":1788350400000000,"log":"0000beef","site":"a.example","kind":"asset","status":200,"visitor":"%016x","more":"%s"}`, i, more)
	}
	w3c := "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(Referer)"
	w3cLine := func(i int) string { return fmt.Sprintf("2026-09-02 12:00:00 192.0.2.%d GET /a 200 -", i) }
	longTo := func(line string, length int) string { return line + strings.Repeat("x", length-len(line)) }
	for _, c := range []struct {
		what  string
		in    Input
		limit int
		lines []string
		// How many of them are records, and how many too long.
		records, long int
	}{
		{"as long as may be", Input{Format: lenient}, most, []string{page(1, "a.example"), longTo(page(2, "a.example"), most)}, 2, 0},
		{"a byte longer", Input{Format: lenient}, most, []string{page(1, "a.example"), longTo(page(2, "a.example"), most+1), page(3, "a.example")}, 2, 1},
		{"much longer", Input{Format: lenient}, most, []string{longTo(page(1, "a.example"), 50*most), page(2, "a.example")}, 1, 1},
		{"by the default limit", Input{Format: lenient}, 0, []string{longTo(page(1, "a.example"), stream.DefaultMaxLine), longTo(page(2, "a.example"), stream.DefaultMaxLine+1)}, 1, 1},
		{"of a format that cannot be told", Input{}, most, []string{strings.Repeat("x", most+1)}, 0, 1},
		{"of a format that only they would tell", Input{}, most, []string{
			longTo(strings.TrimSpace(line(noon, "192.0.2.1", "GET /a HTTP/1.1", 200, "-", "x")), most+1),
			w3c, w3cLine(1), w3cLine(2),
		}, 2, 1},
		{"forwarded", Input{Forwarded: true}, most, []string{record(1, ""), record(2, strings.Repeat("x", most)), record(3, "")}, 2, 1},
	} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d workers", c.what, workers), func(t *testing.T) {
				in := c.in
				in.Name = "log"
				r := start(t, Options{Rules: sites("a.example"), MaxLine: c.limit, Workers: workers}, in)
				blocks := make(chan *stream.Block)
				go func() {
					defer close(blocks)
					text := strings.NewReader(strings.Join(c.lines, "\n") + "\n")
					if err := stream.Reader(text, stream.Options{MaxLine: c.limit}).Run(t.Context(), blocks); err != nil {
						t.Error(err)
					}
				}()
				for b := range blocks {
					r.blocks <- b
				}
				s := r.end()
				records, long := s["darkshare_requests_total"], s["darkshare_log_errors_total/reason=too_long"]
				if records != float64(c.records) || long != float64(c.long) {
					t.Errorf("%v records and %v too long, want %d and %d\n%v", records, long, c.records, c.long, s)
				}
			})
		}
	}
}

// TestTooLongTellsNoSite: the referrers of lines that are too long have no vote.
func TestTooLongTellsNoSite(t *testing.T) {
	asset := func(i int, site, more string) string {
		return line(noon, fmt.Sprint("192.0.2.", i), "GET /a.css HTTP/1.1", 200, "https://"+site+"/", phone+more)
	}
	r := start(t, Options{MaxLine: 1024}, Input{Name: "log", Format: compiled(t, "combined")})
	r.send(0, repeat(9, func(i int) string { return asset(i, "wrong.example", strings.Repeat("x", 1024)) })+
		repeat(4, func(i int) string { return asset(i, "right.example", "") }))
	if s := r.end(); s["darkshare_requests_total/site=right.example"] != 4 {
		t.Errorf("the site was not told: %v", s)
	}
}
