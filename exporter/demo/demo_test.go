package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"math"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

// sunday is the end of a history in which day -4 is the third day.
var sunday = time.Date(2026, 11, 22, 8, 46, 12, 345, time.FixedZone("CET", 3600))

const (
	courier = 0
	bazaar  = 1
)

func demoAt(t testing.TB, end time.Time) *Demo {
	t.Helper()
	d, err := New(end, 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func simulation(t testing.TB, w io.Writer, all []simulate.Options) *simulate.Simulation {
	t.Helper()
	s, err := simulate.New(w, all...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func until(t testing.TB, s *simulate.Simulation, at time.Time) {
	t.Helper()
	if err := s.Until(at); err != nil {
		t.Fatal(err)
	}
}

// The same end and seed give the same bytes. The hash holds for amd64, as that of
// package simulate.
func TestDeterminism(t *testing.T) {
	hash := func(seed uint64, from time.Duration) string {
		d, err := New(sunday, seed)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		until(t, simulation(t, h, d.Options(d.Start.Add(from))), d.Start.Add(from+time.Hour))
		return hex.EncodeToString(h.Sum(nil)[:6])
	}
	const want = "c3146a546e62"
	first := hash(1, 0)
	if again := hash(1, 0); first != again {
		t.Errorf("two runs differ: %s, %s", first, again)
	}
	if runtime.GOARCH == "amd64" && first != want {
		t.Errorf("hash %s, want %s: the demo has changed", first, want)
	}
	if other := hash(2, 0); other == first {
		t.Error("another seed gives the same traffic")
	}
	if present := hash(1, History); present != hash(1, History) {
		t.Error("two presents differ")
	}
}

// Whenever the demo is started, the story has its days of the week and its order.
func TestStoryAtAnyTime(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("", -9*3600), time.FixedZone("", 13*3600+45*60)}
	for hour := 0; hour < 7*24; hour += 7 {
		for _, zone := range zones {
			d := demoAt(t, time.Date(2027, 2, 26, hour, 30, 0, 0, time.UTC).In(zone))
			story := d.Story(d.Start)
			if len(story) != 5 || len(d.Story(d.End)) != 1 {
				t.Fatalf("%d chapters, %d to come", len(story), len(d.Story(d.End)))
			}
			last := d.Start.Add(24 * time.Hour) // an ordinary day first
			for i, c := range story {
				if c.Start.Before(last) || !c.Start.Before(c.End) {
					t.Errorf("end %v: %q from %v to %v, after %v", d.End, c.Title.En, c.Start, c.End, last)
				}
				last = c.End
				if i < 4 {
					want := [...]string{"Fri 00", "Tue 07", "Wed 17", "Mon 02"}[i]
					if got := c.Start.Format("Mon 15"); got != want {
						t.Errorf("end %v: %q on %s, want %s", d.End, c.Title.En, got, want)
					}
					if c.End.After(d.End.Add(-48 * time.Hour)) {
						t.Errorf("end %v: %q ends on %v", d.End, c.Title.En, c.End)
					}
				} else if c.Start.Before(d.End) || c.Start.After(d.End.Add(time.Hour)) {
					t.Errorf("end %v: %q begins on %v", d.End, c.Title.En, c.Start)
				}
			}
		}
	}
}

func TestLine(t *testing.T) {
	d := demoAt(t, sunday)
	story := d.Story(d.Start)
	for _, c := range []struct {
		chapter        int
		language, want string
	}{
		{0, "en", "Fri 30 Oct: A public holiday. Half of"},
		{0, "fr", "ven. 30 oct. : Un jour férié. La moitié"},
		{2, "en", "Wed 11 Nov: An article goes round in WhatsApp. /"},
		{2, "fr", "mer. 11 nov. : Un article circule sur WhatsApp. /"},
		{2, "de", "Wed 11 Nov: An article"},
	} {
		if got := story[c.chapter].Line(c.language); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q …", c.language, got, c.want)
		}
	}
	for _, c := range story {
		for _, text := range []string{c.Title.En, c.Title.Fr, c.Text.En, c.Text.Fr} {
			if text == "" || strings.Contains(text, "{") {
				t.Errorf("%s: %q", c.Title.En, text)
			}
		}
	}
}

// A moment is what really happened by a time.
type moment struct {
	visits  [schema.NumChannels]int64
	sources map[string]int64
	pages   map[string]int64
	bots    int64
}

func snapshot(t *simulate.Truth) moment {
	return moment{t.Visits, maps.Clone(t.Sources), maps.Clone(t.PageVisits), t.Bots}
}

// counts are what happened on a site in a time.
type counts struct{ visits, dark, email, whatsapp, newsletter, page, bots float64 }

func (m moment) since(before moment, page string) counts {
	var c counts
	for channel, n := range m.visits {
		c.visits += float64(n - before.visits[channel])
	}
	c.dark = float64(m.visits[schema.ChannelDarkSocial]-before.visits[schema.ChannelDarkSocial]) / c.visits
	c.email = float64(m.visits[schema.ChannelEmail] - before.visits[schema.ChannelEmail])
	c.whatsapp = float64(m.sources["whatsapp"] - before.sources["whatsapp"])
	c.newsletter = float64(m.sources["newsletter"] - before.sources["newsletter"])
	c.page = float64(m.pages[page] - before.pages[page])
	c.bots = float64(m.bots - before.bots)
	return c
}

// Each chapter is seen in what really happened, beside the same hours of an
// ordinary time.
func TestStoryIsSeen(t *testing.T) {
	d := demoAt(t, sunday)
	all := d.Options(d.Start)
	// A quarter of the traffic tells as much, in a quarter of the time.
	for i := range all {
		all[i].Visits /= 4
		for j := range all[i].Events {
			all[i].Events[j].Visits /= 4
		}
	}
	const day = 24 * time.Hour
	story := d.Story(d.Start)
	ordinary := []time.Duration{-day, 14 * day, 7 * day, -7 * day} // from the chapter's time
	var times []time.Time
	for i, shift := range ordinary {
		times = append(times, story[i].Start, story[i].End, story[i].Start.Add(shift), story[i].End.Add(shift))
	}
	slices.SortFunc(times, time.Time.Compare)
	s := simulation(t, io.Discard, all)
	seen := map[time.Time][2]moment{}
	for _, at := range times {
		until(t, s, at)
		seen[at] = [2]moment{snapshot(s.Truth(courier)), snapshot(s.Truth(bazaar))}
	}
	until(t, s, d.End)

	of := func(chapter, site int) (during, else_ counts) {
		c, shift := story[chapter], ordinary[chapter]
		during = seen[c.End][site].since(seen[c.Start][site], c.Page)
		else_ = seen[c.End.Add(shift)][site].since(seen[c.Start.Add(shift)][site], c.Page)
		return
	}
	between := func(what string, got, lo, hi float64) {
		t.Helper()
		if !(got >= lo && got <= hi) {
			t.Errorf("%s: %.3f, want %.3f to %.3f", what, got, lo, hi)
		}
	}
	for site := range d.Sites {
		during, before := of(0, site)
		between("visits left on the holiday", during.visits/before.visits, 0.38, 0.52)
		between("dark share of the holiday over before", during.dark-before.dark, -0.06, 0.06)
	}
	during, else_ := of(1, courier)
	between("newsletter visits in the accident", during.newsletter/else_.newsletter, 0.8, 1.2)
	between("of them email", during.email, 0, 0)
	between("email otherwise", else_.email/else_.newsletter, 0.8, 1)
	between("rise of the dark share in the accident", during.dark-else_.dark, 0.02, 0.10)
	shop, shopElse := of(1, bazaar)
	between("the shop's email in the newspaper's accident", shop.email/shopElse.email, 0.7, 1.3)

	during, else_ = of(2, courier)
	between("visits from WhatsApp", during.whatsapp/else_.whatsapp, 4, 12)
	between("visits to the page", during.page, 1000, 4000)
	between("rise of the dark share", during.dark-else_.dark, 0.10, 0.30)

	during, else_ = of(3, courier)
	between("bots' lines in the wave", during.bots/else_.bots, 4, 20)
	between("visits in the wave", during.visits/else_.visits, 0.85, 1.2)

	for site, want := range []float64{0.21, 0.08} {
		truth := s.Truth(site)
		between("dark share of the whole", truth.DarkShare(), want-0.03, want+0.03)
		for _, channel := range []schema.Channel{schema.ChannelDarkSocial, schema.ChannelSearch} {
			if truth.Conversions[channel] < 5 {
				t.Errorf("site %d: %d conversions of %v", site, truth.Conversions[channel], channel)
			}
		}
	}
}

// A present of its own begins where the past ends: no line is before it, nobody
// comes a second time, and the traffic neither halts nor jumps.
func TestPresentGoesOn(t *testing.T) {
	d := demoAt(t, sunday)
	const around = 3 * time.Hour
	var past, present bytes.Buffer
	// The past's last hours are those of the options from then on.
	until(t, simulation(t, &past, d.Options(d.End.Add(-around))), d.End)
	s := simulation(t, &present, d.Options(d.End))
	until(t, s, d.End.Add(around))

	part := around / 6
	var last, first float64
	were := map[string]bool{}
	for line := range bytes.Lines(past.Bytes()) {
		at := timeOf(t, line)
		if at.Before(d.End.Add(-around)) || !at.Before(d.End) {
			t.Fatalf("the past has %s", line)
		}
		if !at.Before(d.End.Add(-part)) {
			last++
		}
		were[field(line, "remote_addr")] = true
	}
	are, again := map[string]bool{}, 0
	for line := range bytes.Lines(present.Bytes()) {
		at := timeOf(t, line)
		if at.Before(d.End) || !at.Before(d.End.Add(around)) {
			t.Fatalf("the present has %s", line)
		}
		if at.Before(d.End.Add(part)) {
			first++
		}
		if addr := field(line, "remote_addr"); !are[addr] {
			are[addr] = true
			if were[addr] {
				again++
			}
		}
	}
	if again > len(are)/100 {
		t.Errorf("%d of %d addresses come again: the same traffic a second time?", again, len(are))
	}
	if ratio := first / last; ratio < 0.75 || ratio > 1.35 {
		t.Errorf("%.0f lines in the last half hour, %.0f in the first", last, first)
	}
	if gap := timeOf(t, present.Bytes()).Sub(d.End); gap > 30*time.Second {
		t.Errorf("nothing for %v", gap)
	}
}

// field returns a text of a line.
func field(line []byte, name string) string {
	_, rest, _ := bytes.Cut(line, []byte(`"`+name+`":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}

func timeOf(t *testing.T, line []byte) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, field(line, "time"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// From a later time on there are the same pages, and the rate that was reached.
func TestOptionsLater(t *testing.T) {
	d := demoAt(t, sunday)
	first := d.Options(d.Start)
	for _, weeks := range []int{0, 1, 4, 7} {
		from := d.Start.AddDate(0, 0, 7*weeks)
		for i, o := range d.Options(from) {
			want := first[i].Visits * (1 + first[i].Growth*float64(weeks))
			if math.Abs(o.Visits-want) > 1e-9*want {
				t.Errorf("after %d weeks %v visits an hour, want %v", weeks, o.Visits, want)
			}
			// The slope is the same in visits, not in parts.
			if slope := o.Visits * o.Growth; math.Abs(slope-first[i].Visits*first[i].Growth) > 1e-9 {
				t.Errorf("after %d weeks %v more a week", weeks, slope)
			}
			if o.Site != first[i].Site || o.Site.Seed == 0 {
				t.Errorf("after %d weeks the site is %+v", weeks, o.Site)
			}
			if weeks > 0 && o.Seed == first[i].Seed {
				t.Errorf("after %d weeks the people of the first day come again", weeks)
			}
			if end := o.Start.Add(o.Duration); !end.Equal(d.End.Add(future)) {
				t.Errorf("after %d weeks the end is %v", weeks, end)
			}
		}
	}
	later := d.End.Add(50 * time.Hour)
	if c := d.Story(later); len(c) != 1 || !c[0].Start.Equal(later.Add(15*time.Minute)) || c[0].Page == d.Story(d.End)[0].Page {
		t.Errorf("gone live again at %v: %+v", later, c)
	}
}

// The configuration is of the sites that are simulated: their hosts, their goals and
// their pages.
func TestSitesAreConfigured(t *testing.T) {
	d := demoAt(t, sunday)
	all := d.Options(d.Start)
	if len(d.Sites) != len(all) {
		t.Fatalf("%d sites are configured, %d simulated", len(d.Sites), len(all))
	}
	for i, site := range d.Sites {
		if host := all[i].Site.Host; len(site.Hosts) != 1 || host != "www."+site.Hosts[0] || len(site.Goals) != 1 {
			t.Errorf("%s with the hosts %v and %d goals is %s", site.Name, site.Hosts, len(site.Goals), host)
		}
	}
	var log bytes.Buffer
	s := simulation(t, &log, all)
	until(t, s, d.Start.Add(8*time.Hour))
	for i, site := range d.Sites {
		goal := `"host":"` + all[i].Site.Host + `","request_method":"GET","request_uri":"` + site.Goals[0].Path + `"`
		var sum int64
		for _, n := range s.Truth(i).Conversions {
			sum += n
		}
		if n := strings.Count(log.String(), goal); n == 0 || int64(n) < sum {
			t.Errorf("%s: %d conversions, %d requests for %s", site.Name, sum, n, site.Goals[0].Path)
		}
		if site.Sections == nil {
			continue
		}
		for target := range s.Truth(i).PageVisits {
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			in := func(section string) bool { return strings.HasPrefix(u.Path, section) }
			if u.Path != "/" && !slices.ContainsFunc(site.Sections, in) {
				t.Errorf("%s: %s is of no section", site.Name, u.Path)
			}
		}
	}
}

// BenchmarkPast writes two days of both sites into nowhere.
func BenchmarkPast(b *testing.B) {
	b.ReportAllocs()
	d := demoAt(b, sunday)
	var lines int64
	for b.Loop() {
		s := simulation(b, io.Discard, d.Options(d.Start))
		until(b, s, d.Start.Add(48*time.Hour))
		b.SetBytes(s.Truth(courier).Bytes + s.Truth(bazaar).Bytes)
		lines += s.Truth(courier).Lines + s.Truth(bazaar).Lines
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}
