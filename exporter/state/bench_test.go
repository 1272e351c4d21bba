package state

import (
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkSave is what a scrape waits for beside the checkpoint itself.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{100_000, 2_500_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			f, err := Open(filepath.Join(b.TempDir(), "state"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Save(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
