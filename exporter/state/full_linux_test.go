package state

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull: where there is no room the error says so, and the file is as it was.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	f := open(t, filepath.Join(dir, "state"))
	for range 3 {
		if err := f.Save([]byte("before")); err != nil {
			t.Fatal(err)
		}
		if err := f.Save(bytes.Repeat([]byte("x"), 1<<20)); err == nil || !strings.Contains(err.Error(), "make room") {
			t.Errorf("the error is %v", err)
		}
		if data, err := f.Load(); err != nil || string(data) != "before" {
			t.Errorf("afterwards it has %q, %v", data, err)
		}
	}
}
