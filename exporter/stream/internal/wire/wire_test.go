package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzWalk holds the walk against the library's own, field by field.
func FuzzWalk(f *testing.F) {
	message := protowire.AppendTag(nil, 1, protowire.BytesType)
	message = protowire.AppendString(message, "text")
	message = protowire.AppendTag(message, 20, protowire.VarintType)
	message = protowire.AppendVarint(message, 1<<40)
	message = protowire.AppendTag(message, 3, protowire.Fixed32Type)
	message = protowire.AppendFixed32(message, 7)
	message = protowire.AppendTag(message, 4, protowire.Fixed64Type)
	message = protowire.AppendFixed64(message, 7)
	message = protowire.AppendTag(message, 5, protowire.StartGroupType)
	message = protowire.AppendTag(message, 5, protowire.EndGroupType)
	for cut := range message {
		f.Add(message[:cut])
	}
	f.Add(message)
	f.Add([]byte{2, 0})
	f.Add([]byte{1<<3 | 2, 0x80, 0x00})
	f.Fuzz(func(t *testing.T, message []byte) {
		walk := Walk(message)
		rest := message
		for len(rest) > 0 {
			number, kind, n := protowire.ConsumeField(rest)
			if n < 0 {
				break
			}
			if !walk.Next() {
				t.Fatalf("no field at %d of %x", len(message)-len(rest), message)
			}
			if walk.Tag>>3 != uint64(number) || walk.Tag&7 != uint64(kind) {
				t.Fatalf("tag %x, want field %d of type %d", walk.Tag, number, kind)
			}
			_, _, head := protowire.ConsumeTag(rest)
			value := rest[head:n]
			switch kind {
			case protowire.BytesType:
				if want, _ := protowire.ConsumeBytes(value); !bytes.Equal(walk.Bytes, want) {
					t.Fatalf("%x, want %x", walk.Bytes, want)
				}
			case protowire.VarintType:
				if want, _ := protowire.ConsumeVarint(value); walk.Value != want {
					t.Fatalf("%d, want %d", walk.Value, want)
				}
			case protowire.Fixed32Type:
				if want, _ := protowire.ConsumeFixed32(value); walk.Value != uint64(want) {
					t.Fatalf("%d, want %d", walk.Value, want)
				}
			case protowire.Fixed64Type:
				if want, _ := protowire.ConsumeFixed64(value); walk.Value != want {
					t.Fatalf("%d, want %d", walk.Value, want)
				}
			}
			rest = rest[n:]
		}
		if walk.Next() || walk.Whole() != (len(rest) == 0) {
			t.Fatalf("whole is %v with %d bytes left", walk.Whole(), len(rest))
		}
	})
}
