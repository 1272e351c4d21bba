//go:build unix

package pipeline

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
)

var update = flag.Bool("update", false, "write the state file of this version anew")

// TestStateOfVersions: the state files in testdata, written by darkshares before, are taken
// up with every counter that they had, or refused as those of an older version.
//
// Where the file of this version cannot be read any more, or says something else, what is
// saved has changed: raise state.Version, so that nobody's state is called corrupt, write the
// file of the new version by -update, keep the old ones, and say in the changelog what becomes
// of a state.
func TestStateOfVersions(t *testing.T) {
	now := filepath.Join("testdata", fmt.Sprint("state.", state.Version))
	if *update {
		writeState(t, now)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "state.*[0-9]"))
	if err != nil || !slices.Contains(files, now) {
		t.Fatalf("%s is not there: %v", now, err)
	}
	for _, file := range files {
		data, err := load(t, file)
		if errors.Is(err, state.ErrOlder) && file != now {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		o := versionOptions()
		o.State = state.NewDecoder(data)
		e, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		want, err := os.ReadFile(file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(listed(e.Snapshot()), "\n")); diff != "" {
			t.Errorf("%s (-before +now):\n%s", file, diff)
		}
		if p := e.Positions(0); !slices.Equal(p, versionPositions) {
			t.Errorf("%s: positions %+v", file, p)
		}
	}
}

// load reads a state file as its owner does.
func load(t *testing.T, file string) ([]byte, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Load()
}

// versionOptions are those of an engine that is told its sites by its logs.
func versionOptions() Options {
	return Options{Live: true, Pages: 5, Sections: 3, Rules: attribution.Options{
		Default: attribution.SiteRules{Goals: []attribution.Goal{{Name: "read on", Path: "/economy/**"}}},
	}}
}

var versionPositions = []stream.Position{{
	Path: "/var/log/nginx/access.log", Device: 2049, Inode: 393217, Fingerprint: 0x1234567890abcdef, FingerprintSize: 1024,
	Offset: 5456685, Size: 5456700, Seen: noon.UnixNano(),
}}

// writeState writes the state of an engine in which there is one of everything that a state
// has, and what it counted.
func writeState(t *testing.T, file string) {
	t.Helper()
	r := start(t, versionOptions(), Input{Name: "news"}, Input{Name: "hosts"}, Input{Name: "w3c"}, Input{Name: "idle"})
	news := strings.SplitAfter(newsLog(t), "\n")
	r.send(0, strings.Join(news[:4000], ""))
	r.send(1, repeat(40, func(i int) string { return hosted("shop.example", i) })+"neither\n")
	r.sendFile(2, "u_ex.log", "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) cs(Referer)\n"+
		strings.Repeat("2026-10-12 10:00:00 192.0.2.1 GET /a 200 Mozilla/5.0+(X11;+Linux) -\n", 5))
	r.inputs.get(0).positions = versionPositions
	data, shown := r.checkpoint()
	s := sumsOf(shown)
	for _, m := range []string{
		"darkshare_visits_total", "darkshare_unconfirmed_landings_total", "darkshare_pending_landings", "darkshare_conversions_total",
		"darkshare_link_previews_total", "darkshare_page_visits_total", "darkshare_section_visits_total", "darkshare_log_errors_total",
	} {
		if s[m] == 0 {
			t.Errorf("there is no %s in the state: the test would not notice how it is written", m)
		}
	}
	r.Flush() // as who takes it up does
	flushed := listed(r.Snapshot())
	r.end()
	f, err := state.Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Save(data); err != nil {
		t.Fatal(err)
	}
	name, err := f.SetAside("written")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{file: text, file + ".txt": []byte(flushed)} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// listed lists the counters that are not zero.
func listed(families []schema.Family) string {
	lines := map[string]struct{}{}
	for _, f := range families {
		for _, s := range f.Samples {
			if f.Metric.Type == schema.Counter && s.Value != 0 {
				lines[fmt.Sprintf("%s%q %.6g\n", f.Metric.Name, s.Labels, s.Value)] = struct{}{}
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), "")
}
