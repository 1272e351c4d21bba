package visit

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
)

// TestStateHoldsNoVisitor: no hash of a visitor, of its pages or of an app's network,
// and no salt, is in what is saved, in whichever way numbers are written.
func TestStateHoldsNoVisitor(t *testing.T) {
	tr := NewTracker(Options{}, discard{})
	const start = 1_700_000_000e9
	for i := range 300 {
		e := &Event{Time: start + int64(i)*1e9, Client: fmt.Appendf(nil, "192.0.2.%d", i)}
		e.Kind, e.Page, e.Agent = schema.KindLanding, []byte("/a"), uint64(i%7)
		tr.Observe(e)
		e.Kind, e.Page, e.App = schema.KindPreview, fmt.Appendf(nil, "/b/%d", i), attribution.Source(i%5)
		tr.Observe(e)
	}
	if tr.Stats().Pending != 300 {
		t.Fatalf("%d landings wait", tr.Stats().Pending)
	}
	var out state.Encoder
	tr.Save(&out)
	secret := map[uint64]string{}
	for i := range int32(tr.visitors.Len()) {
		v := tr.visitors.At(i)
		secret[v.key] = "a visitor"
	}
	for i := range int32(tr.sharers.Len()) {
		secret[tr.sharers.At(i).key] = "a sharer"
	}
	for _, s := range tr.salts.seed {
		if s != (salt{}) {
			secret[s[0]], secret[s[1]] = "a salt", "a salt"
		}
	}
	if len(secret) < 300 {
		t.Fatalf("only %d numbers to look for", len(secret))
	}
	for n, what := range secret {
		var fixed, plain, signed state.Encoder
		fixed.Fixed(n)
		plain.Uint(n)
		signed.Int(int64(n))
		for _, e := range []state.Encoder{fixed, plain, signed} {
			if bytes.Contains(out.Data, e.Data) {
				t.Errorf("%s, %x, is in the state", what, n)
			}
		}
	}
}

// TestRestoreGoals: a goal reached while the landing waited is counted with it, and
// not where the goal is another one now.
func TestRestoreGoals(t *testing.T) {
	for same, want := range map[uint32]int{0b11: 2, 0b10: 1, 0: 0} {
		one := NewTracker(Options{Confirmation: ConfirmNever}, discard{})
		e := &Event{Time: 1_700_000_000e9, Client: []byte("192.0.2.1")}
		e.Kind, e.Page, e.Goals = schema.KindLanding, []byte("/thanks"), 0b11
		one.Observe(e)
		if one.Stats().Pending != 1 {
			t.Fatal("the landing does not wait")
		}
		var out state.Encoder
		one.Save(&out)
		var got outcomes
		two := NewTracker(Options{Confirmation: ConfirmNever}, &got)
		d := state.NewDecoder(out.Data)
		two.Restore(d, 1, 10, func(int) uint32 { return same })
		if err := d.End(); err != nil {
			t.Fatal(err)
		}
		if got.landings != 1 || got.conversions != want || two.Stats().Visitors != 0 || two.Stats().Pending != 0 {
			t.Errorf("with goals %b: %+v, %+v; want %d conversions", same, got, two.Stats(), want)
		}
	}
}

// outcomes counts what a Sink is told.
type outcomes struct {
	discard
	landings, conversions int
}

func (o *outcomes) Landing(*Outcome)                                        { o.landings++ }
func (o *outcomes) Conversion(int, int, schema.Channel, attribution.Source) { o.conversions++ }
