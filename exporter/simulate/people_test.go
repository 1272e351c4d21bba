package simulate

import (
	"bytes"
	"io"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// What each sender loses is what was published, or assumed.
func TestReferrerLoss(t *testing.T) {
	type count struct{ all, bare float64 }
	got := map[string]*count{}
	for _, mix := range Mixes() {
		o := options(mix.Name, 24*time.Hour, 1500)
		o.OnVisit = func(v Visit) {
			if v.Hidden {
				if v.Referrer {
					t.Errorf("a client that hides referrers sent one: %+v", v)
				}
				return
			}
			if got[v.Source] == nil {
				got[v.Source] = &count{}
			}
			got[v.Source].all++
			if !v.Referrer {
				got[v.Source].bare++
			}
		}
		mustRun(t, o, io.Discard)
	}
	published := map[string]float64{
		"tiktok": 1, "slack": 1, "discord": 1, "mastodon": 1, "whatsapp": 1, "messenger": 0.75,
		"instagram_dm": 0.30, "linkedin": 0.14, "pinterest": 0.12,
	}
	senders := newSenders()
	for name, loss := range published {
		if senders[name].loss != loss {
			t.Errorf("%s loses %v of its referrers, SparkToro measured %v", name, senders[name].loss, loss)
		}
	}
	for name, from := range senders {
		if from.loss < 1 && len(from.refs) == 0 {
			t.Errorf("%s has a loss of %v and no referrer", name, from.loss)
		}
		c := got[name]
		if c == nil || c.all < 100 {
			continue
		}
		// Four standard errors: of 70 senders none is out by chance.
		if rate := c.bare / c.all; math.Abs(rate-from.loss) > 4*math.Sqrt(from.loss*(1-from.loss)/c.all) {
			t.Errorf("%s: %.3f of %.0f visits without a referrer, want %v", name, rate, c.all, from.loss)
		}
	}
	for name := range published {
		if got[name] == nil || got[name].all < 100 {
			t.Errorf("%s: too few visits to tell", name)
		}
	}
}

// Each sender has its part of the visits, and typed visits to deep pages theirs.
func TestMixes(t *testing.T) {
	if n := len(Mixes()); n != 6 {
		t.Errorf("%d mixes, want 6", n)
	}
	for _, mix := range Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			o := options(mix.Name, 2*24*time.Hour, 1000)
			truth := mustRun(t, o, io.Discard)
			var sum float64
			for _, w := range mix.Senders {
				sum += w.Visits
			}
			// The typed deep visits come on top of the mix.
			all := float64(truth.AllVisits() - truth.DeepTyped)
			for _, w := range mix.Senders {
				want := w.Visits / sum
				got := float64(truth.Sources[w.Sender])
				if w.Sender == "direct" {
					got -= float64(truth.DeepTyped)
				}
				if got /= all; math.Abs(got-want) > 0.015+0.05*want {
					t.Errorf("%s sends %.4f of the visits, want %.4f", w.Sender, got, want)
				}
			}
			if got := float64(truth.DeepTyped) / float64(truth.DeepBare); math.Abs(got-mix.TypedDeep) > 0.015 {
				t.Errorf("%.3f of the deep visits without a referrer were typed, want %v", got, mix.TypedDeep)
			}
			if got := float64(truth.Hidden) / float64(truth.AllVisits()); math.Abs(got-mix.Hidden) > 0.008 {
				t.Errorf("%.3f hide referrers, want %v", got, mix.Hidden)
			}
		})
	}
}

// Confirmation is as visible as DESIGN.md has it of six real logs: of the
// landings from search engines, 70 to 97 % are of visitors who show themselves
// by an asset, an internal page view or a beacon.
func TestConfirmation(t *testing.T) {
	for _, mix := range Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			o := options(mix.Name, 24*time.Hour, 150)
			landings := map[int64]bool{}
			o.OnVisit = func(v Visit) { landings[v.Line] = v.Channel == schema.ChannelSearch && !v.Hidden }
			var log bytes.Buffer
			mustRun(t, o, &log)
			shown, searched := map[string]bool{}, map[string]int{}
			var n int64
			for line := range bytes.Lines(log.Bytes()) {
				n++
				m := combinedLine.FindSubmatch(bytes.TrimSpace(line))
				who := string(m[1]) + string(m[7])
				if landings[n] {
					searched[who]++
				} else if bytes.Contains(m[6], []byte("//www.example.com/")) {
					shown[who] = true
				}
			}
			var all, confirmed int
			for who, n := range searched {
				all += n
				if shown[who] {
					confirmed += n
				}
			}
			if share := float64(confirmed) / float64(all); share < 0.7 || share > 0.97 {
				t.Errorf("%.3f of %d landings from search are confirmed", share, all)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	base := options("news", 24*time.Hour, 200)
	quiet := mustRun(t, base, io.Discard)

	viral := base
	viral.Events = []Event{{Kind: Viral, After: 6 * time.Hour, Duration: 12 * time.Hour, Visits: 300}}
	got := mustRun(t, viral, io.Discard)
	if more := got.Sources["whatsapp"] - quiet.Sources["whatsapp"]; more < 2400 || more > 4800 {
		t.Errorf("a page that brings 300 visits an hour for 12 hours brought %d", more)
	}
	if got.Shares["whatsapp"] < quiet.Shares["whatsapp"]+300 {
		t.Errorf("%d shares in WhatsApp, %d without the event", got.Shares["whatsapp"], quiet.Shares["whatsapp"])
	}
	if most := slices.Max(slices.Collect(maps.Values(got.PageVisits))); most < 2400 {
		t.Errorf("the first page has %d visits: the event is spread over pages", most)
	}

	accident := base
	accident.Events = []Event{{Kind: Untagged, After: 6 * time.Hour, Duration: 6 * time.Hour, Visits: 100}}
	var during, tagged, after, taggedAfter int
	accident.OnVisit = func(v Visit) {
		if v.Source != newsletter {
			return
		}
		switch at := v.Time.Sub(monday); {
		case at > 6*time.Hour+time.Minute && at < 12*time.Hour:
			during++
			if v.Tagged {
				tagged++
			}
		case at > 12*time.Hour+time.Minute:
			after++
			if v.Tagged {
				taggedAfter++
			}
		}
	}
	mustRun(t, accident, io.Discard)
	if during < 300 || tagged > 0 || taggedAfter < after/2 {
		t.Errorf("during the accident %d of %d newsletter visits are tagged, after it %d of %d", tagged, during, taggedAfter, after)
	}

	wave := base
	wave.Events = []Event{{Kind: BotWave, After: 6 * time.Hour, Duration: 6 * time.Hour, Visits: 3000}}
	if got := mustRun(t, wave, io.Discard); got.Bots < 14000 || got.Bots > 22000 {
		t.Errorf("a wave of 3000 lines an hour for 6 hours has %d lines", got.Bots)
	}
}

// Where another host serves the assets, the log has none.
func TestAssetsElsewhere(t *testing.T) {
	o := options("docs", 12*time.Hour, 100)
	o.Site.AssetsElsewhere = true
	var log bytes.Buffer
	truth := mustRun(t, o, &log)
	if truth.Assets != 0 || truth.AllVisits() == 0 || bytes.Contains(log.Bytes(), []byte("/media/")) || bytes.Contains(log.Bytes(), []byte("/assets/")) {
		t.Errorf("%d assets in the log", truth.Assets)
	}
}

func TestRhythm(t *testing.T) {
	o := options("docs", 14*24*time.Hour, 300)
	o.Growth = 0.5
	var days [14]float64
	var clock [24]float64
	o.OnVisit = func(v Visit) { days[int(v.Time.Sub(monday).Hours())/24]++; clock[v.Time.Hour()]++ }
	mustRun(t, o, io.Discard)
	if clock[20] < 5*clock[4] {
		t.Errorf("%.0f visits at 20 o'clock, %.0f at 4", clock[20], clock[4])
	}
	if r := (days[5] + days[6]) / (days[3] + days[4]); r < 0.3 || r > 0.45 {
		t.Errorf("a weekend has %.2f of two weekdays, want 0.35 and some growth", r)
	}
	if r := days[7] / days[0]; r < 1.3 || r > 1.65 {
		t.Errorf("a week later there are %.2f times the visits; growth is 0.5", r)
	}
}
