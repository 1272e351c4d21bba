//go:build unix

package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := open(t, path)
	if _, err := f.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before anything was saved: %v", err)
	}
	for _, data := range [][]byte{[]byte("first"), bytes.Repeat([]byte("much more "), 100_000), nil} {
		if err := f.Save(data); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("saved %d bytes, loaded %d, %v", len(data), len(got), err)
		}
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", fi.Mode(), err)
	}
	if _, err := os.Stat(f.beside()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file beside is left over")
	}
}

// TestDamage: whatever happens to one byte, or to the end, of a file, it is known.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := open(t, path)
	if err := f.Save([]byte("what was kept")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, text []byte, want error) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if data, err := f.Load(); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", name, data, err, want)
		}
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x80
		want := ErrCorrupt
		if i >= len(magic) && i < len(magic)+4 {
			want = ErrNewer // a version with another bit is a later one
		}
		check("one bit", damaged, want)
		check("cut", whole[:i], ErrCorrupt)
	}
	for version, want := range map[byte]error{0: ErrCorrupt, Version - 1: ErrOlder, Version: nil, Version + 1: ErrNewer} {
		other := bytes.Clone(whole)
		other[len(magic)] = version
		check(fmt.Sprint("version ", version), other, want)
		if errors.Is(want, ErrOlder) {
			other[len(other)-1]++
			check("an older one, damaged", other, ErrCorrupt)
		}
	}
	check("longer", append(bytes.Clone(whole), 0), ErrCorrupt)
	check("another file", []byte(strings.Repeat("a log, say\n", 100)), ErrCorrupt)
	check("whole", whole, nil)

}

// TestVersions: who has a file of another version is told which two they are.
func TestVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := open(t, path)
	for version, want := range map[byte]string{
		1: "the state file is from an older darkshare (its format is 1, this one reads 2)",
		3: "the state file is from a newer darkshare (its format is 3, this one reads 2)",
	} {
		if err := f.Save([]byte("what was kept")); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole[len(magic)] = version
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(); err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSetAside: what is set aside stays what it was, however often that happens, but does
// not fill the disk.
func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := open(t, path)
	aside := func(data, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		name, err := f.SetAside("corrupt")
		if err != nil || name != path+want {
			t.Errorf("set aside as %s, %v; want %s", name, err, want)
		}
		if _, err := f.Load(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after it was set aside: %v", err)
		}
	}
	aside("0", ".corrupt")
	for i := 1; i <= 9; i++ {
		aside(fmt.Sprint(i), fmt.Sprint(".corrupt.", i))
	}
	aside("10", ".corrupt.9")
	for name, want := range map[string]string{".corrupt": "0", ".corrupt.1": "1", ".corrupt.8": "8", ".corrupt.9": "10"} {
		if data, err := os.ReadFile(path + name); err != nil || string(data) != want {
			t.Errorf("%s has %q, %v; want %q", name, data, err, want)
		}
	}
	if names, _ := filepath.Glob(path + ".corrupt*"); len(names) != 10 {
		t.Errorf("%d files: %q", len(names), names)
	}
}

// TestInUse: a state file belongs to one process, as long as that lives.
func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second one: %v", err)
	}
	f.Close()
	g := open(t, path)
	g.Close()
}

// TestErrors: an error says what to do, and the file is as it was.
func TestErrors(t *testing.T) {
	f := func(name string, spoil func(t *testing.T, dir string) (mend func()), want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			file := open(t, filepath.Join(dir, "state"))
			if err := file.Save([]byte("before")); err != nil {
				t.Fatal(err)
			}
			mend := spoil(t, dir)
			err := file.Save(bytes.Repeat([]byte("x"), 1<<20))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v, want %q in it", err, want)
			}
			mend()
			if data, err := file.Load(); err != nil || string(data) != "before" {
				t.Errorf("afterwards it has %q, %v", data, err)
			}
			if err := file.Save([]byte("after")); err != nil {
				t.Errorf("it does not recover: %v", err)
			}
		})
	}
	f("no directory", func(t *testing.T, dir string) func() {
		move(t, dir, dir+".away")
		return func() { move(t, dir+".away", dir) }
	}, "make the directory")
	f("a directory in its way", func(t *testing.T, dir string) func() {
		beside := filepath.Join(dir, "state.new")
		if err := os.MkdirAll(filepath.Join(beside, "not empty"), 0o755); err != nil {
			t.Fatal(err)
		}
		return func() { os.RemoveAll(beside) }
	}, "file exists")
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestKilled: a process that is killed again and again while it saves leaves a file
// that is whole.
func TestKilled(t *testing.T) {
	if path := os.Getenv("DARKSHARE_TEST_SAVE"); path != "" {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for n := byte(0); ; n++ {
			if err := f.Save(bytes.Repeat([]byte{n}, 300_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state")
	for i := range 15 {
		before, _ := os.Stat(path)
		cmd := exec.Command(self, "-test.run", "TestKilled$")
		cmd.Env = append(os.Environ(), "DARKSHARE_TEST_SAVE="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		saves(t, path, before)
		time.Sleep(time.Duration(3*i) * time.Millisecond)
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		f := open(t, path) // the lock went with its owner
		data, err := f.Load()
		if err != nil || len(data) != 300_000 || bytes.Count(data, data[:1]) != len(data) {
			t.Errorf("after kill %d: %d bytes, %v", i, len(data), err)
		}
		f.Close()
	}
}

// saves waits until the file is another one than before.
func saves(t *testing.T, path string, before fs.FileInfo) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if now, err := os.Stat(path); err == nil && (before == nil || !os.SameFile(before, now)) {
			return
		}
	}
	t.Fatal("nothing was saved")
}
