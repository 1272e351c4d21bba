//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	counted "github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/stream"
)

// TestUnsavedHistoryIsBounded: while the state cannot be saved nothing goes into the store,
// and what waits for it in memory is that of some hours, however long it takes. What was
// kept is stored once the state is.
func TestUnsavedHistoryIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c := config.Store{Dir: t.TempDir(), Interval: time.Minute}
	recorder := newRecorder(c)
	k, engine, err := openKeeper(config.State{File: filepath.Join(dir, "file")}, pipeline.Options{Log: slog.New(slog.DiscardHandler)}, new(atomic.Int64))
	if err != nil {
		t.Fatal(err)
	}
	defer k.file.Close()
	a, err := openArchivist(c, history.Head{}, recorder, prometheus.NewRegistry(), k.log)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	k.archivist = a
	if err := engine.Run(t.Context(), nothing()); err != nil {
		t.Fatal(err)
	}

	var table counted.Table
	begin := time.Now().Add(-30 * time.Hour).Truncate(time.Minute)
	round := func(i int) {
		table.Begin()
		table.Put(schema.LogLines, float64(i), begin, "a.log")
		table.End()
		recorder.Sample(begin.Add(time.Duration(i)*time.Minute).UnixNano(), &table)
		recorder.Mark()
		k.round(context.Background())
	}
	const days = 24 * 60
	for i := 1; i <= days; i++ {
		round(i)
	}
	kept, most := 0, int(mostUnstored/time.Minute.Milliseconds())
	for _, b := range a.waiting {
		kept += int(b.Samples())
	}
	if kept < most || kept > most+2 || kept+int(a.lost.Load()) != days+1 {
		t.Errorf("%d samples are kept and %d dropped, of %d", kept, a.lost.Load(), days)
	}
	if newest := a.store.Newest(); newest != 0 {
		t.Errorf("the store has samples at %v that no state has", time.UnixMilli(newest))
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	round(days + 1)
	if v, err := a.store.Query(t.Context(), "count_over_time(darkshare_log_lines_total[30h])", begin.Add(26*time.Hour)); err != nil || len(v) != 1 || int(v[0].F) != kept+1 {
		t.Errorf("stored: %v (%v), want %d samples", v, err, kept+1)
	}
}

// nothing is no blocks.
func nothing() <-chan *stream.Block {
	blocks := make(chan *stream.Block)
	close(blocks)
	return blocks
}
