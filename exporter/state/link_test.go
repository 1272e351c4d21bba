//go:build unix

package state

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLinkIsNotFollowed: who may write to the state's folder cannot have another file of
// darkshare's user written over, by a link of the name that a new state has at first.
func TestLinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := open(t, filepath.Join(dir, "state"))
	for _, link := range []func(from, to string) error{os.Symlink, os.Link} {
		if err := link(other, f.beside()); err != nil {
			t.Fatal(err)
		}
		if err := f.Save([]byte("state")); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(other); err != nil || string(text) != "precious" {
			t.Errorf("the other file has %q, %v", text, err)
		}
		if data, err := f.Load(); err != nil || string(data) != "state" {
			t.Errorf("saved and loaded %q, %v", data, err)
		}
	}
}
