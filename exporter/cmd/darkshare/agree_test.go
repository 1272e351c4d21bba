package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayExplainServeAgree: the same lines give the same counts, whoever reads
// them, and however they come.
func TestReplayExplainServeAgree(t *testing.T) {
	t.Run("made up", func(t *testing.T) { agree(t, benchLog(t, 20_000), "example.com") })
	t.Run("semicomplete", func(t *testing.T) { agree(t, corpus(t, "logs/semicomplete_2015.log.gz"), "semicomplete.com") })
}

func agree(t *testing.T, log []byte, site string) {
	args := []string{"--format", "combined", "--site", site}
	file := write(t, "access.log", log)
	want := report(t, must(t, append([]string{"replay", "--output", "json", file}, args...)...))

	var sum uint64
	for _, n := range want.Errors {
		sum += n
	}
	for _, n := range want.Requests {
		sum += n
	}
	if lines := uint64(bytes.Count(log, []byte("\n"))); want.Lines != lines || sum != lines {
		t.Errorf("%d lines, %d counted, of %d", want.Lines, sum, lines)
	}

	// explain
	kinds, channels := map[string]uint64{}, map[string]uint64{}
	var visits, line uint64
	for text := range strings.Lines(must(t, append([]string{"explain", file}, args...)...)) {
		var e explanation
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line++; e.Line != line || e.Why == "" {
			t.Fatalf("line %d: %s", line, text)
		}
		kinds[e.Kind]++
		if e.Visit != nil && *e.Visit {
			visits++
			channels[e.Channel]++
		}
	}
	if visits != want.Visits {
		t.Errorf("explain has %d visits, replay %d", visits, want.Visits)
	}
	for kind, n := range want.Requests {
		if kinds[kind] != n {
			t.Errorf("explain has %d of kind %s, replay %d", kinds[kind], kind, n)
		}
	}
	for _, c := range want.Channels {
		if channels[c.Channel] != c.Visits {
			t.Errorf("explain has %d visits of channel %s, replay %d", channels[c.Channel], c.Channel, c.Visits)
		}
	}
	if dark := float64(channels["dark_social"]) / float64(visits); dark != want.DarkShare.Estimate {
		t.Errorf("explain's dark share is %v, replay's estimate %v", dark, want.DarkShare.Estimate)
	}

	// serve, while the file is written in pieces
	live := filepath.Join(t.TempDir(), "live.log")
	s := serve(t, append([]string{"--log", live}, args...)...)
	for rest := log; len(rest) > 0; {
		n := min(len(rest), 77_777)
		appendTo(t, live, rest[:n])
		rest = rest[n:]
	}
	s.await("all is counted", func() bool {
		m := s.sums()
		return m["darkshare_log_lines_total"] == float64(want.Lines) && m["darkshare_pending_landings"] == 0
	})
	got := s.sums()
	for key, n := range map[string]uint64{
		"darkshare_visits_total":                want.Visits,
		"darkshare_unconfirmed_landings_total":  want.Unconfirmed,
		"darkshare_requests_total/kind=landing": want.Requests["landing"],
		"darkshare_requests_total/kind=bot":     want.Requests["bot"],
		"darkshare_requests_total/kind=reload":  want.Requests["reload"],
	} {
		if got[key] != float64(n) {
			t.Errorf("serve has %s %v, replay %d", key, got[key], n)
		}
	}
	for _, c := range want.Channels {
		if key := "darkshare_visits_total/channel=" + c.Channel; got[key] != float64(c.Visits) {
			t.Errorf("serve has %s %v, replay %d", key, got[key], c.Visits)
		}
	}
	s.stop()
}
