package state

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCode(t *testing.T) {
	now := time.Now()
	var e Encoder
	e.Uint(math.MaxUint64)
	e.Int(math.MinInt64)
	e.Num(300)
	e.Fixed(1 << 63)
	e.Float(-0.5)
	e.Bool(true)
	e.Bytes([]byte("bytes"))
	e.String("")
	e.Time(now)
	e.Time(time.Time{})
	e.Words([]string{"a", "b", "c"})
	e.Num(2)
	d := NewDecoder(e.Data)
	for i, same := range []bool{
		d.Uint() == math.MaxUint64, d.Int() == math.MinInt64, d.Below(301) == 300, d.Fixed() == 1<<63, d.Float() == -0.5,
		d.Bool(), string(d.Bytes()) == "bytes", d.String() == "", d.Time().Equal(now), d.Time().IsZero(),
		d.Words([]string{"c", "x", "b", "a"}).Read() == 0,
	} {
		if !same {
			t.Errorf("value %d is another one", i)
		}
	}
	if err := d.End(); err != nil {
		t.Error(err)
	}
}

// TestDecoderRefuses: what cannot be is an error, and zeros from then on.
func TestDecoderRefuses(t *testing.T) {
	f := func(want string, write func(*Encoder), read func(*Decoder)) {
		t.Helper()
		var e Encoder
		write(&e)
		d := NewDecoder(e.Data)
		read(d)
		if err := d.End(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
		if d.Uint() != 0 || d.Len() != 0 || d.Bool() || len(d.Bytes()) != 0 || d.Fixed() != 0 || d.Int() != 0 || d.Float() != 0 {
			t.Error("it goes on with something")
		}
	}
	f("too early", func(e *Encoder) {}, func(d *Decoder) { d.Uint() })
	f("too early", func(e *Encoder) { e.Num(5) }, func(d *Decoder) { d.Len() })
	f("too early", func(e *Encoder) { e.Num(1 << 40) }, func(d *Decoder) { d.Bytes() })
	f("5 where less than 5", func(e *Encoder) { e.Num(5) }, func(d *Decoder) { d.Below(5) })
	f("a number that is none", func(e *Encoder) { e.Float(math.NaN()) }, func(d *Decoder) { d.Float() })
	f("1 bytes are left", func(e *Encoder) { e.Num(5) }, func(d *Decoder) {})
	f(`"b" is unknown`, func(e *Encoder) { e.Words([]string{"a", "b"}) }, func(d *Decoder) {
		w := d.Words([]string{"a"})
		if w.Len() != 2 || w.Now(1) != 0 || w.Read() != 0 {
			t.Error("unknown words are not zero")
		}
	})
	f("where less than 0", func(e *Encoder) { e.Words(nil); e.Num(0) }, func(d *Decoder) { d.Words(nil).Read() })
}

func FuzzDecoder(f *testing.F) {
	var e Encoder
	e.Words([]string{"a"})
	e.String("text")
	f.Add(e.Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := NewDecoder(data)
		w := d.Words([]string{"a", "b"})
		for range d.Len() {
			w.Read()
			_ = d.String()
			d.Float()
			d.Time()
		}
		_ = d.End()
	})
}
