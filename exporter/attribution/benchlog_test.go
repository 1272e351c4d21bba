package attribution

import (
	"bytes"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

// BenchmarkClassifyBenchLog classifies the requests of the log that replays are
// measured with. There are so many of them that neither the processor's caches nor
// its branch predictor know them from the last time.
func BenchmarkClassifyBenchLog(b *testing.B) {
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, 60_000); err != nil {
		b.Fatal(err)
	}
	format, err := accesslog.Compile("combined")
	if err != nil {
		b.Fatal(err)
	}
	parser := format.NewParser()
	var requests []accesslog.Request
	for line := range bytes.Lines(log.Bytes()) {
		var r accesslog.Request
		// Escapes would be undone in the parser's own memory.
		if bytes.IndexByte(line, '\\') < 0 && parser.Parse(bytes.TrimSuffix(line, []byte("\n")), &r) == schema.ReasonNone {
			requests = append(requests, r)
		}
	}
	if len(requests) < 50_000 {
		b.Fatalf("%d requests", len(requests))
	}
	c := newRules(b, Options{Sites: []Site{{Name: "example", Hosts: []string{"example.com"}}}}).NewClassifier()
	var v Verdict
	for i := range requests {
		c.Classify(&requests[i], 0, &v)
		c.Reset(c.scratch)
	}
	b.SetBytes(int64(log.Len() / 60_000))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Classify(&requests[i], 0, &v)
		if i++; i == len(requests) {
			i = 0
		}
		if i&1023 == 0 {
			c.Reset(c.scratch)
		}
	}
}
