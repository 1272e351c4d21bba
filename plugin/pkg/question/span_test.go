package question

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestFloor(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip(err)
	}
	delhi := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		t    string
		step time.Duration
		loc  *time.Location
		want string
	}{
		{"2026-11-22T09:17:31Z", 10 * time.Minute, time.UTC, "2026-11-22T09:10:00Z"},
		{"2026-11-22T09:17:31Z", hour, delhi, "2026-11-22T08:30:00Z"},
		{"2026-11-22T09:17:31Z", 6 * hour, paris, "2026-11-22T05:00:00Z"},
		{"2026-11-22T23:30:00Z", day, paris, "2026-11-22T23:00:00Z"},
		{"2026-11-22T09:17:31Z", day, time.UTC, "2026-11-22T00:00:00Z"},
		{"2026-11-22T09:17:31Z", week, time.UTC, "2026-11-16T00:00:00Z"}, // a Monday
		{"2026-11-22T09:17:31Z", week, paris, "2026-11-15T23:00:00Z"},
		{"2026-11-16T00:00:00Z", week, time.UTC, "2026-11-16T00:00:00Z"},
	} {
		if got := floor(at(c.t), c.step, c.loc); !got.Equal(at(c.want)) {
			t.Errorf("%s by %v: %s, want %s", c.t, c.step, got.UTC().Format(time.RFC3339), c.want)
		}
	}
}

func TestRoundStep(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, 61 * time.Second: 2 * time.Minute, 40 * time.Minute: hour, hour: hour, 13 * hour: day, 25 * hour: 2 * day, 7 * day: 7 * day,
	} {
		if got := roundStep(d); got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}

// TestPartsTile holds that the queries of a long total cover its span, each moment once,
// wherever in the hour the recorded samples lie, and the recorded ones whole hours.
func TestPartsTile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 11, 22, 9, 17, 0, 0, time.UTC)
	for range 5000 {
		phase := time.Duration(random.IntN(60)) * time.Minute
		end := now.Add(-time.Duration(random.IntN(3000)) * time.Minute)
		begin := end.Add(-long - time.Duration(1+random.IntN(50000))*time.Minute)
		s := span{begin: begin, step: end.Sub(begin), n: 1, recorded: true, phase: phase}
		a := &ask{Env: Env{Now: func() time.Time { return now }, Interval: time.Minute}}
		type stretch struct{ from, to time.Time }
		var all []stretch
		for _, p := range a.parts(schema.Visits, nil, nil, s, false) {
			text := p.expr[strings.Index(p.expr, "[")+1 : strings.Index(p.expr, "]")]
			length, err := model.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			over := time.Duration(length) - time.Millisecond
			if strings.Contains(p.expr, "increase1h") {
				over = time.Duration(length) + time.Millisecond
				if over%hour != 0 || p.first.Add(-phase).Truncate(hour) != p.first.Add(-phase) || p.first.After(now.Add(-lateRules)) {
					t.Fatalf("%v to %v, phase %v: %s at %v", begin, end, phase, p.expr, p.first)
				}
			} else if over > hour+lateRules {
				t.Fatalf("%v to %v, phase %v: %s", begin, end, phase, p.expr)
			}
			all = append(all, stretch{p.first.Add(-over), p.first})
		}
		slices.SortFunc(all, func(x, y stretch) int { return x.from.Compare(y.from) })
		if at := begin; true {
			for _, x := range all {
				if !x.from.Equal(at) {
					t.Fatalf("%v to %v, phase %v: %v", begin, end, phase, all)
				}
				at = x.to
			}
			if !at.Equal(end) {
				t.Fatalf("%v to %v, phase %v: %v", begin, end, phase, all)
			}
		}
	}
}
