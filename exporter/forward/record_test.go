package forward

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

const day = 24 * time.Hour

var (
	sites = []string{"shop", "blog"}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
)

func testRules(t testing.TB) *attribution.Rules {
	t.Helper()
	goals := attribution.SiteRules{Goals: []attribution.Goal{{Name: "order", Path: "/thanks"}, {Name: `a "letter"`, Path: "/letter"}}}
	rules, err := attribution.New(attribution.Options{Sites: []attribution.Site{
		{Name: "shop", Hosts: []string{"shop.example"}, SiteRules: goals},
		{Name: "blog", Hosts: []string{"blog.example"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func testSecret(t testing.TB) *Secret {
	t.Helper()
	s, err := NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sourceOf(t testing.TB, rules *attribution.Rules, name string) attribution.Source {
	t.Helper()
	for i, s := range rules.Sources() {
		if s == name {
			return attribution.Source(i)
		}
	}
	t.Fatalf("there is no source %s", name)
	return 0
}

// event makes an event of its verdict, with a client.
func event(at time.Time, status int, v attribution.Verdict) *visit.Event {
	v.PageHash, v.RefererHash = attribution.HashPage(v.Page), attribution.HashPage(v.RefererPage)
	return &visit.Event{Verdict: v, Time: at.UnixNano(), Status: status, Client: []byte("192.0.2.7")}
}

// record encodes an event.
func record(t testing.TB, rules *attribution.Rules, e *visit.Event) string {
	t.Helper()
	site := ""
	if e.Verdict.Site >= 0 {
		site = sites[e.Verdict.Site]
	}
	var b Batch
	testSecret(t).NewEncoder(30*time.Minute).Add(&b, &Request{Event: e, Rules: rules, Site: site, Agent: []byte("Firefox"), Log: 0xbeef})
	text := ""
	b.Records(func(r []byte) { text += string(r) })
	return text
}

// TestRecord: what is in a record, and that reading it gives the event back.
func TestRecord(t *testing.T) {
	rules := testRules(t)
	whatsapp := sourceOf(t, rules, "whatsapp")
	const begin = `{"v":1,"time":1795348800123456,"log":"0000beef",`
	const name = `"visitor":"92ba87c08c977586"`
	for _, c := range []struct {
		what  string
		event *visit.Event
		want  string
	}{
		{"a landing that says nothing", event(noon, 200, attribution.Verdict{Kind: schema.KindLanding, Page: []byte("/a"), Device: schema.DeviceMobile}),
			begin + `"site":"shop","kind":"landing","status":200,` + name + `,"page":"/a","device":"mobile"}`},
		{"one with a sender", event(noon, 200, attribution.Verdict{Kind: schema.KindLanding, Site: 1, Page: []byte(`/"é"`), EntryPage: true,
			Channel: schema.ChannelDarkSocial, Source: whatsapp, Evidence: schema.EvidenceTag, Signals: attribution.SignalMetadata}),
			begin + `"site":"blog","kind":"landing","status":200,` + name + `,"page":"/\"é\"","channel":"dark_social","source":"whatsapp","evidence":"tag",` +
				`"entry_page":true,"signals":["metadata"]}`},
		{"an internal page", event(noon, 304, attribution.Verdict{Kind: schema.KindInternal, Page: []byte("/b"), RefererPage: []byte("/a"),
			Goals: 3, Signals: attribution.SignalOwnReferrer | attribution.SignalMetadata, Device: schema.DeviceDesktop}),
			begin + `"site":"shop","kind":"internal","status":304,` + name + `,"page":"/b","from":"/a","device":"desktop",` +
				`"goals":["order","a \"letter\""],"signals":["own_referrer","metadata"]}`},
		{"a link preview", event(noon, 200, attribution.Verdict{Kind: schema.KindPreview, Page: []byte("/a"), App: whatsapp, Scope: schema.ScopePrivate}),
			begin + `"site":"shop","kind":"preview","status":200,"visitor":"b0bb3fa98dd9b0eb","page":"/a","app":"whatsapp","scope":"private"}`},
		{"a bot is nobody", event(noon, 200, attribution.Verdict{Kind: schema.KindBot, Signals: attribution.SignalAttack}),
			begin + `"site":"shop","kind":"bot","status":200,"signals":["attack"]}`},
		{"an asset that shows nothing, neither", event(noon, 0, attribution.Verdict{Kind: schema.KindAsset, Site: -1, Host: []byte("cdn.example")}),
			begin + `"host":"cdn.example","kind":"asset"}`},
		{"shortly after midnight", event(noon.Truncate(day).Add(time.Minute), 200, attribution.Verdict{Kind: schema.KindAsset, Signals: attribution.SignalBareAsset}),
			`{"v":1,"time":1795305660000000,"log":"0000beef","site":"shop","kind":"asset","status":200,` + name +
				`,"before":"a772ecd2936ea95d","signals":["bare_asset"]}`},
		{"shortly before midnight", event(noon.Truncate(day).Add(day-time.Minute), 404, attribution.Verdict{Kind: schema.KindError, Signals: attribution.SignalNotFound}),
			`{"v":1,"time":1795391940000000,"log":"0000beef","site":"shop","kind":"error","status":404,` + name +
				`,"after":"2bdd127bd66f8780","signals":["not_found"]}`},
	} {
		got := record(t, rules, c.event)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: not JSON", c.what)
		}
		var read visit.Event
		log, reason := NewDecoder(rules, sites).Decode([]byte(got), &read)
		if log != 0xbeef || reason != schema.ReasonNone {
			t.Errorf("%s: read as %v, of log %x", c.what, reason, log)
		}
		if len(read.Client) != 16 && strings.Contains(got, keyVisitor) {
			t.Errorf("%s: the visitor is %q", c.what, read.Client)
		}
		if read.Renamed != nil != (strings.Contains(got, keyBefore) || strings.Contains(got, keyAfter)) {
			t.Errorf("%s: renamed %v", c.what, read.Renamed)
		}
		want := *c.event
		read.Client, read.Renamed, want.Client = nil, nil, nil
		want.Page, want.RefererPage, want.Host = orNil(want.Page), orNil(want.RefererPage), orNil(want.Host)
		if !reflect.DeepEqual(read, want) {
			t.Errorf("%s: read as\n%+v, was\n%+v", c.what, read, want)
		}
	}
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// TestDecode: what is taken, and what is refused and why.
func TestDecode(t *testing.T) {
	rules := testRules(t)
	const ok = `"v":1,"time":1795305600123456,"kind":"landing","visitor":"00","page":"/a"`
	for _, c := range []struct {
		line    string
		reason  schema.Reason
		unknown uint64
	}{
		{`{` + ok + `}`, schema.ReasonNone, 0},
		{" {\t" + strings.ReplaceAll(ok, ",", " , ") + " }\r", schema.ReasonNone, 0},
		{`{"page":"/a","visitor":"00","kind":"landing","time":1795305600123456,"v":1}`, schema.ReasonNone, 0},
		{`{` + ok + `,"site":"shop","goals":["order"]}`, schema.ReasonNone, 0},
		// Keys to come, and names that only the other side has.
		{`{` + ok + `,"new":{"a":[1,{"b":null},"\"}",[]],"c":{}},"more":-1.5e3}`, schema.ReasonNone, 0},
		{`{` + ok + `,"site":"elsewhere"}`, schema.ReasonNone, 1},
		{`{` + ok + `,"site":"blog","goals":["order"]}`, schema.ReasonNone, 1},
		{`{` + ok + `,"channel":"social","source":"new app","evidence":"app"}`, schema.ReasonNone, 1},
		{`{` + ok + `,"goals":[` + strings.Repeat(`"order",`, 100) + `"order"],"site":"shop"}`, schema.ReasonNone, 0},
		// No record.
		{"", schema.ReasonEmpty, 0},
		{" \t", schema.ReasonEmpty, 0},
		{`192.0.2.1 - - [22/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1`, schema.ReasonJSON, 0},
		{`{` + ok, schema.ReasonJSON, 0},
		{`{` + ok + `}}`, schema.ReasonJSON, 0},
		{`{` + ok + `,}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"page":"/a}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"page":"\x"}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"page":"\u12"}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"page":1}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"time":"1"}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"entry_page":"true"}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"signals":"metadata"}`, schema.ReasonJSON, 0},
		{`{` + ok + `,"new":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, schema.ReasonJSON, 0},
		// Of another version, or with something missing.
		{`{}`, schema.ReasonFormat, 0},
		{`{` + ok[len(`"v":1,`):] + `}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"v":2}`, schema.ReasonFormat, 0},
		{`{"v":1,"time":1,"visitor":"00","page":"/a"}`, schema.ReasonFormat, 0},
		{`{"v":1,"time":1,"kind":"landing","page":"/a"}`, schema.ReasonFormat, 0},
		{`{"v":1,"time":1,"kind":"landing","visitor":"00"}`, schema.ReasonFormat, 0},
		{`{"v":1,"time":1,"kind":"preview"}`, schema.ReasonFormat, 0},
		{`{"v":1,"kind":"bot"}`, schema.ReasonTime, 0},
		{`{"v":1,"kind":"bot","time":0}`, schema.ReasonTime, 0},
		{`{"v":1,"kind":"bot","time":99999999999999999999}`, schema.ReasonTime, 0},
		{`{` + ok + `,"status":99}`, schema.ReasonStatus, 0},
		// Words of another darkshare, and what only who counts can say.
		{`{` + ok + `,"kind":"reload"}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"device":"fridge"}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"signals":["telepathy"]}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"channel":"dark_social","evidence":"deep_link"}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"evidence":"tag"}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"channel":"social"}`, schema.ReasonFormat, 0},
		{`{` + ok + `,"kind":"internal","channel":"social","evidence":"tag"}`, schema.ReasonFormat, 0},
	} {
		d := NewDecoder(rules, sites)
		var e visit.Event
		_, reason := d.Decode([]byte(c.line), &e)
		if n := d.Unknown(); reason != c.reason || n != c.unknown {
			t.Errorf("%.200s\n got %v, %d unknown\nwant %v, %d", c.line, reason, n, c.reason, c.unknown)
		}
	}
}

// TestSiteWithoutSites: where no sites are configured, those that come are hosts that
// may become some.
func TestSiteWithoutSites(t *testing.T) {
	rules, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(rules, nil)
	var e visit.Event
	_, reason := d.Decode([]byte(`{"v":1,"time":1,"kind":"bot","site":"shop"}`), &e)
	if reason != schema.ReasonNone || string(e.Host) != "shop" || e.Verdict.Site != -1 || d.Unknown() != 0 {
		t.Errorf("%v, host %q, site %d, %d unknown", reason, e.Host, e.Verdict.Site, d.Unknown())
	}
}

// TestNames: who has the same name when.
func TestNames(t *testing.T) {
	s := testSecret(t)
	name := func(s *Secret, at time.Time, client, agent string, kind schema.Kind) (string, uint32) {
		n := s.namer(30 * time.Minute)
		n.identify(&visit.Event{Verdict: attribution.Verdict{Kind: kind}, Client: []byte(client)}, []byte(agent))
		return string(n.appendName(nil, at.UnixNano()/dayNanos)), n.place()
	}
	mine, place := name(s, noon, "192.0.2.1", "Firefox", schema.KindLanding)
	other, err := NewSecret([]byte("another secret of more than 32 bytes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what          string
		secret        *Secret
		at            time.Time
		client, agent string
		kind          schema.Kind
		same          bool
		stays         bool // in its partition
	}{
		{"another request", s, noon.Add(11 * time.Hour), "192.0.2.1", "Firefox", schema.KindAsset, true, true},
		{"another day", s, noon.Add(day), "192.0.2.1", "Firefox", schema.KindLanding, false, true},
		{"four days later", s, noon.Add(4 * day), "192.0.2.1", "Firefox", schema.KindLanding, false, true},
		{"another address", s, noon, "192.0.2.2", "Firefox", schema.KindLanding, false, false},
		{"another agent", s, noon, "192.0.2.1", "Chrome", schema.KindLanding, false, false},
		{"what is of the address is not of the agent", s, noon, "192.0.2.1F", "irefox", schema.KindLanding, false, false},
		{"another secret", other, noon, "192.0.2.1", "Firefox", schema.KindLanding, false, false},
		{"an app at that address", s, noon, "192.0.2.1", "Firefox", schema.KindPreview, false, false},
	} {
		n, p := name(c.secret, c.at, c.client, c.agent, c.kind)
		if (n == mine) != c.same || (p == place) != c.stays {
			t.Errorf("%s: name %s, place %d; was %s, %d", c.what, n, p, mine, place)
		}
	}
	app, _ := name(s, noon, "192.0.2.1", "WhatsApp/2.1", schema.KindPreview)
	if sibling, _ := name(s, noon, "192.0.2.99", "WhatsApp/2.2", schema.KindPreview); sibling != app {
		t.Error("an app's servers in one network are not one sharer")
	}
	// One that is used again names as a new one does.
	n := s.namer(time.Hour)
	for range 2 {
		for d := range 9 {
			at := noon.Add(time.Duration(d) * day)
			n.identify(&visit.Event{Client: []byte("192.0.2.1")}, []byte("Firefox"))
			want, _ := name(s, at, "192.0.2.1", "Firefox", schema.KindLanding)
			if got := string(n.appendName(nil, at.UnixNano()/dayNanos)); got != want {
				t.Errorf("day %d: %s, want %s", d, got, want)
			}
		}
	}
}

func TestNearMidnight(t *testing.T) {
	midnight := noon.Truncate(day)
	for _, c := range []struct {
		window, at    time.Duration
		before, after bool
	}{
		{time.Minute, 0, true, false},
		{time.Minute, 10*time.Minute - 1, true, false}, // shares are known for ten minutes
		{time.Minute, 10 * time.Minute, false, false},
		{time.Hour, time.Hour - 1, true, false},
		{time.Hour, time.Hour, false, false},
		{time.Hour, 23*time.Hour - 1, false, false},
		{time.Hour, 23 * time.Hour, false, true},
		{24 * time.Hour, 12 * time.Hour, true, true},
	} {
		before, after := testSecret(t).namer(c.window).near(midnight.Add(c.at).UnixNano())
		if before != c.before || after != c.after {
			t.Errorf("window %v, %v after midnight: %v, %v", c.window, c.at, before, after)
		}
	}
}

func TestSecret(t *testing.T) {
	for key, want := range map[string]string{
		"":                                 "0 bytes",
		"short":                            "at least 32",
		strings.Repeat("x", 64):            "over and over",
		"0123456789abcdef0123456789abcdef": "",
	} {
		_, err := NewSecret([]byte(key))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := ReadSecret(t.TempDir() + "/none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no file: %v", err)
	}
}

// TestSignalWords: every signal that a request can show has a word.
func TestSignalWords(t *testing.T) {
	if attribution.SignalNotFound != 1<<(len(signalWords)-1) {
		t.Error("package attribution has a signal that the records have no word for")
	}
}

// TestNoAllocation: a line costs none, neither to write nor to read; a batch does, one.
func TestNoAllocation(t *testing.T) {
	rules := testRules(t)
	enc, dec := testSecret(t).NewEncoder(30*time.Minute), NewDecoder(rules, sites)
	e := benchEvent(t, rules)
	var b Batch
	var line []byte
	var read visit.Event
	round := func() {
		b.Reset()
		for range 100 {
			enc.Add(&b, &Request{Event: e, Rules: rules, Site: "shop", Agent: []byte("Firefox"), Log: 1})
		}
		line = append(line[:0], b.data[:b.ends[0]]...)
		dec.Reset()
		if _, reason := dec.Decode(line, &read); reason != schema.ReasonNone {
			t.Fatal(reason)
		}
	}
	if n := testing.AllocsPerRun(100, round); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func benchEvent(t testing.TB, rules *attribution.Rules) *visit.Event {
	return event(noon, 200, attribution.Verdict{Kind: schema.KindLanding, Page: []byte("/2026/11/what-happened"), Channel: schema.ChannelDarkSocial,
		Source: sourceOf(t, rules, "whatsapp"), Evidence: schema.EvidenceTag, Device: schema.DeviceMobile, Signals: attribution.SignalMetadata})
}

func BenchmarkEncode(b *testing.B) {
	rules := testRules(b)
	enc := testSecret(b).NewEncoder(30 * time.Minute)
	r := Request{Event: benchEvent(b, rules), Rules: rules, Site: "shop", Agent: []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"), Log: 1}
	var batch Batch
	enc.Add(&batch, &r)
	b.SetBytes(int64(batch.ends[0]))
	b.ReportAllocs()
	for b.Loop() {
		if batch.Len() == 1000 {
			batch.Reset()
		}
		enc.Add(&batch, &r)
	}
}

func BenchmarkDecode(b *testing.B) {
	rules := testRules(b)
	record := record(b, rules, benchEvent(b, rules))
	d := NewDecoder(rules, sites)
	line := []byte(record)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var e visit.Event
	for b.Loop() {
		copy(line, record)
		d.Reset()
		if _, reason := d.Decode(line, &e); reason != schema.ReasonNone {
			b.Fatal(reason)
		}
	}
}

// FuzzDecode: no line does any harm, and what is taken can be counted.
func FuzzDecode(f *testing.F) {
	rules := testRules(f)
	for _, e := range []*visit.Event{
		benchEvent(f, rules),
		event(noon.Truncate(day), 200, attribution.Verdict{Kind: schema.KindInternal, Page: []byte("/\"\\\u00e9\U0001f600"), RefererPage: []byte("/"), Goals: 2, Signals: 31}),
	} {
		f.Add([]byte(record(f, rules, e)))
	}
	f.Add([]byte(`{"a":[{}],"v":1,"page":"\ud83d\ude00\ud83d"}`))
	d := NewDecoder(rules, sites)
	f.Fuzz(func(t *testing.T, line []byte) {
		d.Reset()
		var e visit.Event
		_, reason := d.Decode(line, &e)
		if reason != schema.ReasonNone {
			return
		}
		if e.Time <= 0 || e.Verdict.Site >= len(sites) || e.Kind >= schema.NumKinds || e.Kind == schema.KindReload || e.Goals > 3 ||
			e.Evidence != schema.EvidenceNone && (!e.Evidence.Known() || e.Kind != schema.KindLanding) || needsVisitor(&e) && len(e.Client) == 0 {
			t.Errorf("taken: %+v", e)
		}
	})
}

// FuzzString: what is written is JSON, and read as it was, but for what is no UTF-8.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "/a", `"\`, "\x00\x1f\x7f", "é\U0001f600", "\xff\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := appendString(nil, s)
		var want string
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is written as %s: %v", s, text, err)
		}
		if want != string([]rune(s)) {
			t.Errorf("%q is written as %s", s, text)
		}
		sc := scanner{b: text}
		if got := sc.text(); string(got) != want || !sc.end() {
			t.Errorf("%s is read as %q", text, got)
		}
	})
}
