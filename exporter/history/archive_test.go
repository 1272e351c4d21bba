package history

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/exporter/state"
)

// aBatch is one series' sample at that many minutes.
func aBatch(t *testing.T, minute int) *Batch {
	t.Helper()
	story := newTableStory(1)
	r := NewRecorder(time.Minute, labels.EmptyLabels(), true)
	story.table.Begin()
	story.table.Put(metricOf(false), float64(minute), recordEpoch, "a")
	story.table.End()
	r.Sample(recordEpoch.Add(time.Duration(minute)*time.Minute).UnixNano(), &story.table)
	r.Mark()
	return r.Take()
}

// crashing is a Destination whose process dies at some step.
type crashing struct {
	Destination
	at       string
	prepared bool
}

var errCrash = errors.New("killed")

func (c *crashing) prepare(b *Batch) (string, error) {
	c.prepared = true
	name, err := c.Destination.prepare(b)
	if c.at == "prepared" {
		return "", errCrash
	}
	return name, err
}

func (c *crashing) adopt(name string) error {
	if c.at == "saved" && c.prepared {
		return errCrash
	}
	return c.Destination.adopt(name)
}

// TestArchiveCrashes: wherever in the storing of a part the process dies, the next one
// finds the part wholly there with its state, or neither.
func TestArchiveCrashes(t *testing.T) {
	for _, c := range []struct {
		at   string
		want string // the state that is found
		n    int    // the blocks
	}{{"prepared", "one", 1}, {"saved", "two", 2}, {"", "two", 2}} {
		t.Run("dies "+c.at, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, StateFile)
			open := func(to Destination) (*Archive, string) {
				t.Helper()
				a, d, err := OpenArchive(to, path)
				if err != nil {
					t.Fatal(err)
				}
				if d == nil {
					return a, ""
				}
				return a, d.String()
			}
			put := func(a *Archive, minute int, text string) error {
				var out state.Encoder
				out.String(text)
				return errors.Join(a.Put(aBatch(t, minute), out.Data), a.Close())
			}
			a, found := open(Blocks{dir})
			if found != "" {
				t.Errorf("a new archive has %q", found)
			}
			if _, _, err := OpenArchive(Blocks{dir}, path); !errors.Is(err, state.ErrInUse) {
				t.Errorf("opened twice: %v", err)
			}
			if err := put(a, 1, "one"); err != nil {
				t.Fatal(err)
			}
			a, _ = open(&crashing{Destination: Blocks{dir}, at: c.at})
			if err := put(a, 2, "two"); (err != nil) != (c.at != "") || err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			a, found = open(Blocks{dir})
			if found != c.want {
				t.Errorf("the state is %q, want %q", found, c.want)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if got := readBlocks(t, dir); len(got) != 1 || len(slices.Collect(maps.Values(got))[0]) != c.n {
				t.Errorf("%v, want %d samples", got, c.n)
			}
			if _, err := os.Stat(filepath.Join(dir, unfinished)); err == nil {
				t.Error("what was not finished is left")
			}
		})
	}
}

// TestArchiveTrouble: a state that cannot be taken up is an error that names it, and is
// left as it is, with what stands beside it.
func TestArchiveTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		spoil spoil
		want  error
	}{
		"corrupt": {flip(.5), state.ErrCorrupt},
		"cut off": {cut(.5), state.ErrCorrupt},
		"newer":   {set(len("darkshare state\n"), 99), state.ErrNewer},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, StateFile)
			a, _, err := OpenArchive(Blocks{dir}, path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(a.Put(aBatch(t, 1), make([]byte, 100)), a.Close()); err != nil {
				t.Fatal(err)
			}
			left := filepath.Join(dir, unfinished, "left")
			text, err := os.ReadFile(path)
			if err := errors.Join(err, os.Mkdir(filepath.Dir(left), 0o700), os.WriteFile(left, nil, 0o600), os.WriteFile(path, c.spoil(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			if _, _, err := OpenArchive(Blocks{dir}, path); !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %v of %s", err, c.want, path)
			}
			if after := files(t, dir); len(after) != len(before) {
				t.Errorf("%d files, and there were %d", len(after), len(before))
			}
		})
	}
}

// onceFailing is a Destination that fails at some step of the second part.
type onceFailing struct {
	Destination
	at    string
	parts int
}

func (f *onceFailing) prepare(b *Batch) (string, error) {
	f.parts++
	if f.at == "prepared" && f.parts == 2 {
		return "", errCrash
	}
	return f.Destination.prepare(b)
}

func (f *onceFailing) adopt(name string) error {
	if f.at == "saved" && f.parts == 2 {
		return errCrash
	}
	return f.Destination.adopt(name)
}

// TestArchiveStops: behind a part that was not stored comes none: the state would say
// that all before it are there.
func TestArchiveStops(t *testing.T) {
	for _, c := range []struct {
		at   string
		want string // the state that is found
		n    int    // the blocks
	}{{"prepared", "one", 1}, {"saved", "two", 2}} {
		t.Run(c.at, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, StateFile)
			a, _, err := OpenArchive(&onceFailing{Destination: Blocks{dir}, at: c.at}, path)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range []string{"one", "two", "three", "four"} {
				var out state.Encoder
				out.String(text)
				if err := a.Put(aBatch(t, 1+i), out.Data); (err != nil) != (i >= 2) {
					t.Errorf("%s: %v", text, err)
				}
			}
			if err := a.Close(); !errors.Is(err, errCrash) {
				t.Errorf("in the end: %v", err)
			}
			a, d, err := OpenArchive(Blocks{dir}, path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if got := d.String(); got != c.want {
				t.Errorf("the state is %q, want %q", got, c.want)
			}
			if got := readBlocks(t, dir); len(got) != 1 || len(slices.Collect(maps.Values(got))[0]) != c.n {
				t.Errorf("%v, want %d samples", got, c.n)
			}
		})
	}
}
