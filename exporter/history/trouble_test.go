//go:build unix

package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// aStoresMinutes leaves in memory what is more than a chunk of 120 samples and less than
// the three hours of a compaction.
const aStoresMinutes = 12*60 + 50

// aStore makes a store with blocks, a log and chunks of the head.
func aStore(t *testing.T) (dir string) {
	dir = t.TempDir()
	s := openStore(t, dir, Options{})
	story := newStory()
	for m := range aStoresMinutes {
		appendAll(t, s, story.minute(m))
	}
	if err := s.db.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.db.ForceHeadMMap()
	closeStore(t, s)
	return dir
}

// one returns the first file of the pattern in the store.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in the store: %v", pattern, err)
	}
	return found[0]
}

type spoil func([]byte) []byte

func flip(part float64) spoil {
	return func(b []byte) []byte { b[int(part*float64(len(b)))] ^= 0xff; return b }
}

func set(i int, c byte) spoil { return func(b []byte) []byte { b[i] = c; return b } }

func cut(part float64) spoil {
	return func(b []byte) []byte { return b[:int(part*float64(len(b)))] }
}

func version(v int) spoil {
	return func(b []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		m["version"] = v
		b, _ = json.Marshal(m)
		return b
	}
}

func gone([]byte) []byte { return nil }

func TestTrouble(t *testing.T) {
	whole := aStore(t)
	for _, tc := range []struct {
		name, file string
		spoil      spoil
		want       string // of the error
	}{
		{"meta.json is garbage", "0*/meta.json", flip(.3), "damaged"},
		{"meta.json is cut off", "0*/meta.json", cut(.5), "damaged"},
		{"meta.json is empty", "0*/meta.json", cut(0), "damaged"},
		{"meta.json is gone", "0*/meta.json", gone, "damaged"},
		{"meta.json is another's", "0*/meta.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"ulid": "0`, `"ulid": "1`, 1)) }, "damaged"},
		{"a newer block", "0*/meta.json", version(2), "newer version"},
		{"a much newer block", "0*/meta.json", version(7), "newer version"},
		{"a newer index", "0*/index", set(4, 4), "newer version"},
		{"the index is no index", "0*/index", set(0, 0), "damaged"},
		{"the index's symbols", "0*/index", set(40, 0xff), "damaged"},
		{"the index's series", "0*/index", flip(.2), "damaged"},
		{"the index's table of contents", "0*/index", flip(.999), "damaged"},
		{"the index is cut off", "0*/index", cut(.7), "damaged"},
		{"the index is gone", "0*/index", gone, "damaged"},
		{"newer chunks", "0*/chunks/000001", set(4, 2), "newer version"},
		{"chunks that are none", "0*/chunks/000001", set(0, 0), "damaged"},
		{"chunks are cut off", "0*/chunks/000001", cut(.9), "damaged"},
		{"chunks are gone", "0*/chunks/000001", gone, "damaged"},
		{"tombstones", "0*/tombstones", flip(.5), "damaged"},
		{"the log's middle", "wal/0*", flip(.5), "damaged"},
		{"the log's first record", "wal/0*", set(9, 0xff), "damaged"},
		{"newer chunks of the head", "chunks_head/0*", set(4, 2), "newer version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			copyDir(t, whole, dir)
			file := one(t, dir, tc.file)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if b = tc.spoil(b); b == nil {
				err = os.Remove(file)
			} else {
				err = os.WriteFile(file, b, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			s, err := Open(dir, Options{})
			if err == nil {
				closeStore(t, s)
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), strings.TrimSuffix(file, "/000001")) {
				t.Errorf("the error does not say %q of %s: %v", tc.want, file, err)
			}
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Errorf("the store was changed (%d bytes of difference)", len(diff))
			}
		})
	}
}

// TestTornLog cuts the log off within its last record, as a kill does: all before it
// is there, and the store goes on. So do zeros at the end, as a power cut leaves them.
func TestTornLog(t *testing.T) {
	for name, tear := range map[string]spoil{
		"cut":      func(b []byte) []byte { return b[:len(b)-3] },
		"zeroed":   func(b []byte) []byte { clear(b[len(b)-3:]); return b },
		"a header": func(b []byte) []byte { return append(b, 1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			live := t.TempDir()
			s := openStore(t, live, Options{})
			newStory().tell(t, s, 0, 60)
			dir := t.TempDir()
			copyDir(t, live, dir) // with the log as it is after an Append: a clean end pads it
			file := one(t, dir, "wal/0*")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, tear(b), 0o666); err != nil {
				t.Fatal(err)
			}
			for range 2 { // repaired once, it is whole
				var out logLines
				s := openStore(t, dir, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
				if n, _ := ask(t, s, "count_over_time(darkshare_build_info[1h])", storyTime(59)); n < 59 {
					t.Errorf("%v minutes of 59 are left", n)
				}
				closeStore(t, s)
			}
		})
	}
}

// TestHeadChunksAreWrittenAgain: the head's chunk files hold nothing that the log does not.
func TestHeadChunksAreWrittenAgain(t *testing.T) {
	dir := aStore(t)
	file := one(t, dir, "chunks_head/0*")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, flip(.01)(b), 0o666); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, Options{})
	if n, _ := ask(t, s, "count_over_time(darkshare_build_info[1d])", storyTime(aStoresMinutes)); n != aStoresMinutes {
		t.Errorf("%v samples are left", n)
	}
}

// TestDamagedChunk: damage inside a chunk is found when it is read; the query says
// which file it is, the others answer.
func TestDamagedChunk(t *testing.T) {
	dir := aStore(t)
	file := one(t, dir, "0*/chunks/000001")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, flip(.5)(b), 0o666); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, Options{})
	_, err = s.Query(context.Background(), `count(count_over_time({__name__=~".+"}[1d]))`, storyTime(aStoresMinutes))
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no word of %s: %v", file, err)
	}
	if _, ok := ask(t, s, "darkshare_build_info", storyTime(aStoresMinutes)); !ok {
		t.Error("the rest does not answer")
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Options{})
	newStory().tell(t, s, 0, 3)
	// What a block under way looks like must not be cleared away by the second.
	unfinished := filepath.Join(dir, "01ARZ3NDEKTSV4RRFFQ69G5FAV.tmp-for-creation")
	if err := os.Mkdir(unfinished, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := os.Stat(unfinished); err != nil {
		t.Error(err)
	}
	newStory().tell(t, s, 3, 4)
}

func mount(t *testing.T, size string) (dir string) {
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

func TestReadOnly(t *testing.T) {
	dir := mount(t, "1m")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot be written to") || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}

// fill leaves so many bytes of the disk free, and returns what makes room again.
func fill(t *testing.T, dir string, leave int64) (empty func()) {
	t.Helper()
	have, err := free(dir)
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); have > leave; have -= int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	return func() { os.Remove(filler) }
}

func TestDiskFull(t *testing.T) {
	dir := mount(t, "64m")
	s := openStore(t, dir, Options{})
	story := newStory()
	story.tell(t, s, 0, 5)
	empty := fill(t, dir, reserve-4096)
	err := s.Append(story.minute(5))
	if err == nil || !strings.Contains(err.Error(), "Make room") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a full disk: %v", err)
	}
	if at, ok := ask(t, s, "timestamp(darkshare_build_info)", storyTime(6)); !ok || at != float64(storyTime(4).Unix()) {
		t.Errorf("%v is there, and the disk was full", at)
	}
	empty()
	story.tell(t, s, 6, 8) // by itself
	closeStore(t, s)
	s = openStore(t, dir, Options{})
	if n, _ := ask(t, s, "count_over_time(darkshare_build_info[1h])", storyTime(10)); n != 7 {
		t.Errorf("%v samples of 7", n)
	}
}

// TestDiskFullAtOnce has another fill the disk between the question for room and the
// write: nothing more is written after the torn record, so that all before it is kept.
func TestDiskFullAtOnce(t *testing.T) {
	dir := mount(t, "64m")
	s := openStore(t, dir, Options{})
	s.reserve = 0
	story := newStory()
	empty := fill(t, dir, 64<<10)
	minutes := 0
	var err error
	for ; err == nil && minutes < 10_000; minutes++ {
		err = s.Append(story.minute(minutes))
	}
	minutes--
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "restart") {
		t.Fatalf("after %d minutes: %v", minutes, err)
	}
	empty()
	if again := s.Append(story.minute(minutes)); again == nil || again.Error() != err.Error() {
		t.Errorf("it went on: %v", again)
	}
	_ = s.Close()
	s = openStore(t, dir, Options{})
	// The minute that failed may be there, as a whole: its record was complete, or
	// became so at the end.
	for _, a := range story.actor[:4] {
		n, _ := ask(t, s, "count_over_time("+a.series.Labels.String()+"[30d])", storyTime(10_000))
		if n != float64(minutes) && n != float64(minutes+1) {
			t.Errorf("%v minutes of %d are left", n, minutes)
		}
	}
}

// TestNoRoomToOpen: a repair needs room, and without it would lose what it repairs.
func TestNoRoomToOpen(t *testing.T) {
	dir := mount(t, "64m")
	fill(t, dir, 1<<20)
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Error(err)
	}
}

const killed = "DARKSHARE_TEST_KILLED_STORE"

// TestKill kills a process that appends, at any moment: what Append had returned from
// is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killed); dir != "" {
		appendForEver(t, dir)
	}
	for try := range 3 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), killed+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged int
		for lines := bufio.NewScanner(out); lines.Scan(); {
			before := acknowledged
			fmt.Sscanf(lines.Text(), "minute %d", &acknowledged)
			if before == 0 && acknowledged > 0 { // however long a start takes
				time.AfterFunc(time.Duration(50+150*try)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		if acknowledged == 0 {
			t.Fatal("killed before it began")
		}
		s := openStore(t, dir, Options{})
		n, _ := ask(t, s, "count_over_time(darkshare_visits_total{site=\"blog.example\",source=\"whatsapp\",device=\"mobile\"}[365d])", storyTime(acknowledged+1))
		if int(n) <= acknowledged {
			t.Errorf("%v minutes of %d are left", n, acknowledged+1)
		}
		closeStore(t, s)
	}
}

func appendForEver(t *testing.T, dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	story := newStory()
	for m := 0; ; m++ {
		appendAll(t, s, story.minute(m))
		fmt.Println("minute", m)
	}
}

// TestDamagedCheckpoint: the database would take the checkpoint's segment number for
// the log's, and delete the log.
func TestDamagedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Options{})
	series := &Series{Labels: labels.FromStrings(model.MetricNameLabel, "m")}
	story := newStory()
	for m := 0; ; m += 5 {
		// The log is cut off after two thirds of its segments: it needs some.
		appendAll(t, s, append(story.minute(m), Point{series, storyTime(m).UnixMilli(), 1}))
		if m%60 == 0 {
			closeStore(t, s)
			s = openStore(t, dir, Options{})
			story.forget()
			series.ref = 0
		}
		if _, _, err := wlog.LastCheckpoint(filepath.Join(dir, "wal")); err == nil {
			break
		}
		if m > 5*24*60 {
			t.Fatal("no checkpoint in five days")
		}
	}
	closeStore(t, s)
	file := one(t, dir, "wal/checkpoint.*/0*")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, flip(.9)(b), 0o666); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("the store was changed (%d bytes of difference)", len(diff))
	}
}
