package series

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/darkshare/darkshare/exporter/schema"
)

var born = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// A holder counts something, and keeps the Ref of its series as package tally does.
type holder struct {
	metric  *schema.Metric
	labels  []string
	value   float64
	created time.Time
	ref     Ref
	id      uint64
}

// metrics are such with one label, and such with none.
var metrics = []*schema.Metric{schema.LogLines, schema.Visitors, schema.InputBytes, schema.InputUp, schema.VisitorsEvicted}

func randomHolder(r *rand.Rand, n int) *holder {
	m := metrics[r.IntN(len(metrics))]
	h := &holder{metric: m, value: float64(r.IntN(10)), created: born.Add(time.Duration(n) * time.Second)}
	for range m.Labels {
		h.labels = append(h.labels, fmt.Sprintf("l%d\xff%d", r.IntN(20), r.IntN(2)))
	}
	return h
}

func (h *holder) key() string { return h.metric.Name + "\x00" + strings.Join(h.labels, "\x00") }

// TestTableIsAMap: whatever comes, changes and goes, by Ref or by labels, the table has
// what a map has that is made anew at every moment; and a series' ID is its own for as
// long as it is there, and no other's.
func TestTableIsAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var table Table
		byRef, byLabels := map[string]*holder{}, map[string]*holder{}
		ids := map[uint64]string{}
		for moment := range 60 {
			for _, all := range []map[string]*holder{byRef, byLabels} {
				for key := range maps.Clone(all) {
					switch r.IntN(8) {
					case 0:
						delete(all, key)
					case 1, 2, 3:
						all[key].value += float64(r.IntN(5))
					}
				}
			}
			for range r.IntN(6) {
				h := randomHolder(r, moment)
				if r.IntN(2) == 0 && byLabels[h.key()] == nil {
					byRef[h.key()] = h // in the place of one that ends now, perhaps
				} else if byRef[h.key()] == nil {
					byLabels[h.key()] = h // also one whose counter has begun anew
				}
			}
			// A moment that nobody looks at changes nothing.
			for range 1 + r.IntN(2) {
				table.Begin()
				for _, key := range shuffled(r, byRef) {
					if h := byRef[key]; h.ref == 0 {
						h.ref = table.Add(h.metric, h.value, h.created, h.labels...)
					} else {
						table.Set(h.ref, h.value)
					}
				}
				scratch := make([]string, 3)
				for _, key := range shuffled(r, byLabels) {
					h := byLabels[key]
					n := copy(scratch, h.labels) // who puts may use its labels again
					table.Put(h.metric, h.value, h.created, scratch[:n]...)
					clear(scratch)
				}
				table.End()
			}

			want := map[string]*holder{}
			maps.Copy(want, byRef)
			maps.Copy(want, byLabels)
			if diff := gocmp.Diff(naive(want), table.Families(), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d, moment %d (-map +table):\n%s", seed, moment, diff)
			}
			for _, s := range table.All() {
				if s.ID == 0 {
					continue
				}
				h := want[s.Metric.Name+"\x00"+strings.Join(s.Labels, "\x00")]
				who := fmt.Sprintf("%s born %v", h.key(), h.created)
				if h.id == 0 {
					h.id = s.ID
					if before, ok := ids[s.ID]; ok {
						t.Fatalf("seed %d: the ID %d is that of %q and of %q", seed, s.ID, before, who)
					}
					ids[s.ID] = who
				}
				if h.id != s.ID || ids[s.ID] != who {
					t.Fatalf("seed %d: %q has the IDs %d and %d", seed, who, h.id, s.ID)
				}
			}
		}
	}
}

func shuffled(r *rand.Rand, m map[string]*holder) []string {
	keys := slices.Sorted(maps.Keys(m))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

// naive makes families of what there is.
func naive(all map[string]*holder) (families []schema.Family) {
	for _, m := range schema.Metrics {
		var samples []schema.Sample
		for _, h := range all {
			if h.metric == m {
				samples = append(samples, schema.Sample{Labels: h.labels, Value: h.value, Created: h.created})
			}
		}
		slices.SortFunc(samples, func(a, b schema.Sample) int { return slices.CompareFunc(a.Labels, b.Labels, cmp.Compare) })
		if samples != nil {
			families = append(families, schema.Family{Metric: m, Samples: samples})
		}
	}
	return families
}

// TestFamiliesAreTheCallers: what was read of one moment stays as it is at the next.
func TestFamiliesAreTheCallers(t *testing.T) {
	var table Table
	show := func(v float64) []schema.Family {
		table.Begin()
		table.Put(schema.InputUp, v, time.Time{}, "a")
		table.End()
		return table.Families()
	}
	first := show(1)
	if second := show(2); first[0].Samples[0].Value != 1 || second[0].Samples[0].Value != 2 {
		t.Errorf("%v, then %v", first, second)
	}
}

// BenchmarkMoment is what a sample of 700 series costs that are all there already.
func BenchmarkMoment(b *testing.B) {
	var table Table
	var refs []Ref
	table.Begin()
	for i := range 700 {
		refs = append(refs, table.Add(schema.LogLines, 0, born, fmt.Sprint(i)))
	}
	table.End()
	b.ReportAllocs()
	for b.Loop() {
		table.Begin()
		for i, r := range refs {
			table.Set(r, float64(i))
		}
		table.End()
	}
}
