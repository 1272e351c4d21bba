package state

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// FuzzUnwrap: of no file more or other data are read than its header vouches for.
func FuzzUnwrap(f *testing.F) {
	whole := func(data string) []byte {
		h := binary.LittleEndian.AppendUint32([]byte(magic), Version)
		h = binary.LittleEndian.AppendUint64(h, uint64(len(data)))
		return append(binary.LittleEndian.AppendUint64(h, xxhash.Sum64String(data)), data...)
	}
	f.Add(whole(""))
	f.Add(whole("what was kept"))
	f.Add(whole("what was kept")[:30])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := unwrap(text)
		if err != nil {
			if data != nil {
				t.Errorf("%q, and %v", data, err)
			}
			return
		}
		if h := text[len(magic):]; !bytes.HasSuffix(text, data) || len(data) != len(text)-headerSize || binary.LittleEndian.Uint64(h[12:]) != xxhash.Sum64(data) {
			t.Errorf("%q is said to be whole, with %q", text, data)
		}
	})
}
