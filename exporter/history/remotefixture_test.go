package history

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/darkshare/darkshare/exporter/schema"
)

// remoteStart is a time in the past that Prometheus's and VictoriaMetrics' retentions
// reach, at a whole hour.
var remoteStart = time.Now().Add(-4 * 24 * time.Hour).Truncate(time.Hour).UnixMilli()

// remoteStory returns what a darkshare with three sites sees, a sample a minute, some
// milliseconds past it: counters that begin late, start again at zero after a while and
// end with a stale marker, and gauges.
func remoteStory(start int64, d time.Duration) (points []Point) {
	type counter struct {
		series *Series
		value  float64
		rate   float64
		begin  int
		end    int
	}
	random := rand.New(rand.NewPCG(1, 2))
	minutes := int(d / time.Minute)
	var counters []*counter
	var gauges []*Series
	for site := range 3 {
		name := fmt.Sprintf("site-%d.example", site)
		for i, channel := range schema.Words(schema.NumChannels) {
			for j, device := range []string{"desktop", "mobile"} {
				c := &counter{rate: 3 / float64(1+i+site), end: minutes, series: &Series{Labels: labels.FromStrings(
					model.MetricNameLabel, schema.Visits.Name, schema.LabelSite, name, schema.LabelChannel, channel, schema.LabelDevice, device)}}
				switch (i + j) % 5 {
				case 3:
					c.begin = minutes / 5
				case 4:
					c.end = minutes * 3 / 4
				}
				counters = append(counters, c)
			}
		}
		counters = append(counters, &counter{rate: 2, end: minutes, series: &Series{Labels: labels.FromStrings(
			model.MetricNameLabel, schema.PageVisits.Name, schema.LabelSite, name, schema.LabelPage, "/\"quoted\"\\back\nline/é", schema.LabelChannel, "rest")}})
		gauges = append(gauges, &Series{Labels: labels.FromStrings(model.MetricNameLabel, schema.Ratio.Name, schema.LabelSite, name)})
	}
	for m := range minutes {
		at := start + int64(m)*60_000 + 123
		for i, c := range counters {
			switch {
			case m < c.begin || m > c.end:
				continue
			case m == c.end:
				points = append(points, Point{c.series, at, math.Float64frombits(value.StaleNaN)})
				continue
			case m == minutes/2 && i%4 == 0:
				c.value = 0
			}
			if random.Float64() < 0.5 {
				c.value += math.Floor(random.ExpFloat64() * c.rate)
			}
			points = append(points, Point{c.series, at, c.value})
		}
		for _, s := range gauges {
			// VictoriaMetrics keeps some twelve decimal digits.
			points = append(points, Point{s, at, math.Round(random.Float64()*1e9) / 1e9})
		}
	}
	return points
}

// A remoteSample has its value as text, so that every NaN is what it is.
type remoteSample struct {
	At    int64
	Value string
}

func newRemoteSample(at int64, v float64) remoteSample {
	if value.IsStaleNaN(v) {
		return remoteSample{at, "stale"}
	}
	return remoteSample{at, strconv.FormatFloat(v, 'g', -1, 64)}
}

// remoteWant returns what a server should have of points that were sent without
// external labels.
func remoteWant(points []Point) map[string][]remoteSample {
	names := map[*Series]string{}
	want := map[string][]remoteSample{}
	for _, p := range points {
		name, ok := names[p.Series]
		if !ok {
			name = labels.NewBuilder(p.Series.Labels).Set("job", "darkshare").Labels().String()
			names[p.Series] = name
		}
		want[name] = append(want[name], newRemoteSample(p.At, p.Value))
	}
	return want
}

// sameSamples compares sample by sample.
func sameSamples(t *testing.T, want, got map[string][]remoteSample) {
	t.Helper()
	if len(want) == 0 {
		t.Error("nothing is wanted")
	}
	if !maps.EqualFunc(want, got, slices.Equal) { // cmp takes seconds
		t.Error(cmp.Diff(want, got))
	}
}

// withoutStale leaves out what queries do not show.
func withoutStale(all map[string][]remoteSample) map[string][]remoteSample {
	for name, samples := range all {
		kept := samples[:0]
		for _, s := range samples {
			if s.Value != "stale" {
				kept = append(kept, s)
			}
		}
		all[name] = kept
	}
	return all
}

// A remoteTSDB is an empty TSDB behind Prometheus's own handler of remote write.
type remoteTSDB struct {
	http.Handler
	*tsdb.DB
}

func newRemoteTSDB(t testing.TB) *remoteTSDB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.WALSegmentSize = 1 << 20
	db, err := tsdb.Open(t.TempDir(), nil, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := remote.NewWriteHandler(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), db,
		remoteapi.MessageTypes{remoteapi.WriteV1MessageType}, false, false, false)
	return &remoteTSDB{h, db}
}

// add appends points as they are.
func (s *remoteTSDB) add(t testing.TB, points []Point) {
	t.Helper()
	app := s.Appender(context.Background())
	last := int64(math.MinInt64)
	for _, p := range points {
		if p.At > last+remoteSpan { // the head takes no more than an hour at a time
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			app, last = s.Appender(context.Background()), p.At
		}
		if _, err := app.Append(0, p.Series.Labels, p.At, p.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

func (s *remoteTSDB) samples(t *testing.T) map[string][]remoteSample {
	t.Helper()
	return samplesOf(t, s.DB)
}

// samplesOf returns all darkshare has there.
func samplesOf(t *testing.T, from storage.Queryable) map[string][]remoteSample {
	t.Helper()
	q, err := from.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	got := map[string][]remoteSample{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, "darkshare_.+"))
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		name := s.Labels().String()
		for it = s.Iterator(it); it.Next() != chunkenc.ValNone; {
			got[name] = append(got[name], newRemoteSample(it.At()))
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

// A remoteFront stands before a server and counts its requests from 1.
type remoteFront struct {
	*httptest.Server
	requests atomic.Int64
}

// newRemoteFront returns a front that hands requests to between, if any, and that to next.
func newRemoteFront(t *testing.T, next http.Handler, between func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler)) *remoteFront {
	t.Helper()
	f := &remoteFront{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := f.requests.Add(1)
		if between == nil {
			next.ServeHTTP(w, r)
			return
		}
		between(n, w, r, next)
	}))
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(f.Server.Close)
	return f
}
