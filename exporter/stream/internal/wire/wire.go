// Package wire walks through protobuf messages as they came, without making
// objects of them: a log entry has dozens of fields, of which few are wanted, and
// those are copied only once, into a line.
package wire

import "google.golang.org/protobuf/encoding/protowire"

// The wire types, for a field's tag: the number of the field, shifted by three,
// with its type. A field of another type than expected is an unknown one.
const (
	Varint  = uint64(protowire.VarintType)
	Fixed32 = uint64(protowire.Fixed32Type)
	Fixed64 = uint64(protowire.Fixed64Type)
	Bytes   = uint64(protowire.BytesType)
)

// Fields walks through the fields of a message.
type Fields struct {
	// Tag, and Bytes or Value, are those of the field that Next came to. Bytes are
	// a part of the message.
	Tag   uint64
	Bytes []byte
	Value uint64

	rest      []byte
	malformed bool
}

// Walk returns the fields of a message.
func Walk(message []byte) Fields { return Fields{rest: message} }

// Next goes to the next field. It returns false at the end of the message, and
// where the message is malformed.
func (f *Fields) Next() bool {
	if len(f.rest) == 0 {
		return false
	}
	// Most fields have one byte of a tag and one of a length.
	if r := f.rest; len(r) > 1 && r[0]&0x87 == byte(Bytes) && r[0] > byte(Bytes) && r[1] < 0x80 {
		if end := 2 + int(r[1]); end <= len(r) {
			f.Tag, f.Bytes, f.rest = uint64(r[0]), r[2:end:end], r[end:]
			return true
		}
		return f.fail()
	}
	number, kind, n := protowire.ConsumeTag(f.rest)
	if n < 0 {
		return f.fail()
	}
	f.rest = f.rest[n:]
	f.Tag = uint64(number)<<3 | uint64(kind)
	switch kind {
	case protowire.BytesType:
		f.Bytes, n = protowire.ConsumeBytes(f.rest)
	case protowire.VarintType:
		f.Value, n = protowire.ConsumeVarint(f.rest)
	case protowire.Fixed64Type:
		f.Value, n = protowire.ConsumeFixed64(f.rest)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(f.rest)
		f.Value = uint64(v)
	default:
		n = protowire.ConsumeFieldValue(number, kind, f.rest)
	}
	if n < 0 {
		return f.fail()
	}
	f.rest = f.rest[n:]
	return true
}

func (f *Fields) fail() bool {
	f.malformed, f.rest = true, nil
	return false
}

// Whole reports, after Next has returned false, whether that was the end of a
// well-formed message.
func (f *Fields) Whole() bool { return !f.malformed }
