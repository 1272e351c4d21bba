package pipeline

import (
	"fmt"
	"testing"
	"time"
)

// TestClocksAreBounded: of more files than clocks are kept of, the one that was silent the
// longest begins anew.
func TestClocksAreBounded(t *testing.T) {
	c := newClocks(30*time.Minute, true)
	wall := noon
	next := func(name string) {
		wall = wall.Add(time.Millisecond)
		c.begin(0, name, 0, wall)
		c.observe(wall.UnixNano())
	}
	for i := range mostClocks {
		next(fmt.Sprint("old", i))
	}
	next("old0")
	for i := range mostClocks / 2 {
		next(fmt.Sprint("new", i))
	}
	if n := len(c.files); n != mostClocks {
		t.Errorf("%d clocks are kept, not %d", n, mostClocks)
	}
	kept := map[string]bool{}
	for _, f := range c.files {
		kept[f.name] = true
	}
	if !kept["old0"] || kept["old1"] || kept[fmt.Sprint("old", mostClocks/2)] || !kept[fmt.Sprint("old", mostClocks-1)] || !kept["new0"] {
		t.Error("others are kept than those that spoke last")
	}
}
