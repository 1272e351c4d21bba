package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// An Encoder appends values to Data. What was written has to be read by a Decoder
// in the same order. encoding/gob would do the same at ten times the cost, of
// which a scrape waits for, and with a copy of everything in types made for it.
type Encoder struct {
	// Data is what was written; to begin anew in the same memory, cut it to nothing.
	Data []byte
}

// Uint writes a whole number; a small one takes a byte.
func (e *Encoder) Uint(n uint64) { e.Data = binary.AppendUvarint(e.Data, n) }

// Int writes a whole number that may be negative.
func (e *Encoder) Int(n int64) { e.Data = binary.AppendVarint(e.Data, n) }

// Num writes how many of something follow, for Decoder.Len, or which of them it is,
// for Decoder.Below and Words.Read.
func (e *Encoder) Num(n int) { e.Uint(uint64(n)) }

// Fixed writes a number of any size, such as a hash, in eight bytes.
func (e *Encoder) Fixed(n uint64) { e.Data = binary.LittleEndian.AppendUint64(e.Data, n) }

// Float writes a number.
func (e *Encoder) Float(x float64) { e.Fixed(math.Float64bits(x)) }

// Bool writes a truth value.
func (e *Encoder) Bool(b bool) {
	var n byte
	if b {
		n = 1
	}
	e.Data = append(e.Data, n)
}

// Bytes writes a text.
func (e *Encoder) Bytes(b []byte) {
	e.Num(len(b))
	e.Data = append(e.Data, b...)
}

// String writes a text.
func (e *Encoder) String(s string) {
	e.Num(len(s))
	e.Data = append(e.Data, s...)
}

// Time writes a moment to the nanosecond, without its zone.
func (e *Encoder) Time(t time.Time) {
	if t.IsZero() {
		e.Int(0)
		return
	}
	e.Int(t.UnixNano())
}

// Words writes the names of a closed set, whose numbers may change from version to
// version: Decoder.Words translates them.
func (e *Encoder) Words(names []string) {
	e.Num(len(names))
	for _, n := range names {
		e.String(n)
	}
}

// A Decoder reads what an Encoder wrote. After the first thing that cannot be, it
// returns zeros and keeps the error.
type Decoder struct {
	data []byte
	err  error
}

// NewDecoder returns a Decoder of the data.
func NewDecoder(data []byte) *Decoder { return &Decoder{data: data} }

// errShort is data that end too early, or a number that is none.
var errShort = errors.New("the state ends too early")

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// End returns the first error, also where anything is left.
func (d *Decoder) End() error {
	if d.err == nil && len(d.data) > 0 {
		d.Fail("%d bytes are left", len(d.data))
	}
	return d.err
}

// Fail says that what was read cannot be, unless something before could not.
func (d *Decoder) Fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("the state does not make sense: "+format, args...)
	}
	d.data = nil
}

// Uint reads what Encoder.Uint wrote.
func (d *Decoder) Uint() uint64 {
	n, size := binary.Uvarint(d.data)
	if size <= 0 {
		d.short()
		return 0
	}
	d.data = d.data[size:]
	return n
}

// Int reads what Encoder.Int wrote.
func (d *Decoder) Int() int64 {
	n, size := binary.Varint(d.data)
	if size <= 0 {
		d.short()
		return 0
	}
	d.data = d.data[size:]
	return n
}

func (d *Decoder) short() {
	if d.err == nil {
		d.err = errShort
	}
	d.data = nil
}

// Len reads how many of something follow, which take at least a byte each.
func (d *Decoder) Len() int {
	n := d.Uint()
	if n > uint64(len(d.data)) {
		d.short()
		return 0
	}
	return int(n)
}

// Below reads a number from 0 on, which must be less than limit.
func (d *Decoder) Below(limit int) int {
	n := d.Uint()
	if n >= uint64(limit) {
		d.Fail("%d where less than %d may be", n, limit)
		return 0
	}
	return int(n)
}

// Fixed reads what Encoder.Fixed wrote.
func (d *Decoder) Fixed() uint64 {
	if len(d.data) < 8 {
		d.short()
		return 0
	}
	n := binary.LittleEndian.Uint64(d.data)
	d.data = d.data[8:]
	return n
}

// Float reads what Encoder.Float wrote, which must be a number.
func (d *Decoder) Float() float64 {
	x := math.Float64frombits(d.Fixed())
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.Fail("a number that is none")
		return 0
	}
	return x
}

// Bool reads what Encoder.Bool wrote.
func (d *Decoder) Bool() bool { return d.Below(2) == 1 }

// Bytes reads what Encoder.Bytes wrote. It is part of the Decoder's data.
func (d *Decoder) Bytes() []byte {
	n := d.Len()
	b := d.data[:n:n]
	d.data = d.data[n:]
	return b
}

// String reads what Encoder.String wrote.
func (d *Decoder) String() string { return string(d.Bytes()) }

// Time reads what Encoder.Time wrote. A time to come is now: the clock has been set back
// since it was written.
func (d *Decoder) Time() time.Time {
	if n := d.Int(); n != 0 {
		return time.Unix(0, min(n, time.Now().UnixNano()))
	}
	return time.Time{}
}

// Words reads what Encoder.Words wrote and translates it to the numbers that the
// names have now.
func (d *Decoder) Words(names []string) Words {
	w := Words{d: d, now: make([]int, d.Len())}
	for i := range w.now {
		name := d.String()
		w.now[i] = slices.Index(names, name)
		if w.now[i] < 0 {
			d.Fail("%q is unknown", name)
			w.now[i] = 0 // whoever goes on reads zeros
		}
	}
	return w
}

// Words are the numbers of a closed set's words, as they were.
type Words struct {
	d   *Decoder
	now []int
}

// Len returns how many words there were.
func (w Words) Len() int { return len(w.now) }

// Now returns the number that the word of that old number has now.
func (w Words) Now(old int) int { return w.now[old] }

// Read reads the number of a word.
func (w Words) Read() int {
	i := w.d.Below(len(w.now))
	if w.d.err != nil {
		return 0
	}
	return w.now[i]
}
