package stream

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestPositionsWhileItGrows: a file that grows between the look at its size and the
// reading is read further than that, and its position is where the reading came to.
func TestPositionsWhileItGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	for range 200 {
		write(t, path, "")
		f := Follow([]string{path}, FollowOptions{StartAt: StartAtBeginning})
		r := receive(t, f, 0)
		ctx, stop := context.WithCancel(t.Context())
		var writing sync.WaitGroup
		writing.Go(func() {
			w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			ok(t, err)
			defer w.Close()
			for ctx.Err() == nil {
				_, err := w.WriteString("0123456\n")
				ok(t, err)
			}
		})
		eventually(t, func() string {
			if len(r.lines()) < 100 {
				return "too few lines"
			}
			return ""
		})
		r.stop()
		stop()
		writing.Wait()
		eventually(t, func() string { // the last blocks are released
			if p := f.Positions(); len(p) == 1 && p[0].Offset == int64(8*len(r.lines())) {
				return ""
			}
			return "the position is not that of the lines"
		})
		_ = os.Remove(path)
	}
}
