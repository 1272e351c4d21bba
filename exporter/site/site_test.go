package site

import (
	"fmt"
	"testing"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

var client = []byte("192.0.2.1")

func page(host string) *attribution.Verdict {
	return &attribution.Verdict{Site: -1, Kind: schema.KindLanding, Host: []byte(host)}
}

// asset is what a browser fetches for a page.
func asset(host string) *attribution.Verdict {
	return &attribution.Verdict{Site: -1, Kind: schema.KindAsset, Host: []byte(host), Signals: attribution.SignalOwnReferrer}
}

// address returns the address of the n-th client.
func address(n int) []byte { return fmt.Appendf(nil, "198.51.100.%d", n) }

// resolves returns a check that a request by the client is counted for a site.
func resolves(t *testing.T, d *Directory, configured []int) func(v *attribution.Verdict, client []byte, want string) {
	return func(v *attribution.Verdict, client []byte, want string) {
		t.Helper()
		if got := d.Name(d.Resolve(v, client, configured)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestConfigured(t *testing.T) {
	d := New(10)
	configured := d.Configure([]string{"a.example", "b.example"})
	f := resolves(t, d, configured)
	f(&attribution.Verdict{Site: 0}, client, "a.example")
	f(&attribution.Verdict{Site: 1}, client, "b.example")
	for range 10 {
		f(page("stranger.example"), client, schema.Overflow)
	}
	// The numbers hold when the configuration changes its order.
	again := d.Configure([]string{"c.example", "a.example"})
	if again[1] != configured[0] {
		t.Errorf("a.example was %d and is %d", configured[0], again[1])
	}
}

// TestNumbersRunOut: a configured site that there is no number for is counted under
// Other, and the limit says so.
func TestNumbersRunOut(t *testing.T) {
	d := New(10)
	names := make([]string, maxSites+1)
	for i := range names {
		names[i] = fmt.Sprintf("s%d.example", i)
	}
	ids := d.Configure(names)
	if ids[maxSites-1] == Other || ids[maxSites] != Other || d.Reached() != 1 {
		t.Errorf("site %d has number %d, the next %d; reached %d", maxSites, ids[maxSites-1], ids[maxSites], d.Reached())
	}
}

// TestAdmitted: a host becomes a site at its third page view.
func TestAdmitted(t *testing.T) {
	d := New(4)
	f := resolves(t, d, nil)
	f(page("example.com"), client, schema.Overflow)
	f(asset("example.com"), client, schema.Overflow)
	f(page("example.com"), client, schema.Overflow)
	f(page("example.com"), client, "example.com")
	f(asset("example.com"), client, "example.com")
	for range 5 {
		f(page("(other)"), client, schema.Overflow)
		f(page("bad\"host"), client, schema.Overflow)
		f(page(""), client, schema.Overflow)
	}
	// Configured sites take no room from those.
	d.Configure([]string{"a.example", "b.example", "c.example", "d.example", "e.example"})
	for range 2 {
		f(page("example.org"), client, schema.Overflow)
	}
	f(page("example.org"), client, "example.org")
}

// TestWWW: the same site answers with "www." and without.
func TestWWW(t *testing.T) {
	f := resolves(t, New(4), nil)
	f(page("www.example.com"), client, schema.Overflow)
	f(page("example.com"), client, schema.Overflow)
	f(page("www.example.com"), client, "example.com")
	f(page("example.com"), client, "example.com")
	for range 2 {
		f(page("www.com"), client, schema.Overflow)
	}
	f(page("www.com"), client, "www.com")
}

// TestJunk: one client that invents hosts does not take the room of those that
// people visit.
func TestJunk(t *testing.T) {
	d := New(20)
	for i := range 40 {
		host := fmt.Sprintf("junk%d.example", i)
		for range 5 {
			d.Resolve(page(host), client, nil)
			d.Resolve(asset(host), client, nil)
		}
	}
	if got := d.Len() - 1; got != 10 {
		t.Errorf("one client's inventions are %d sites, want half of the limit", got)
	}
	// From here on it takes three clients that behave like browsers.
	f := resolves(t, d, nil)
	for n := range 10 {
		f(page("real.example"), address(n), schema.Overflow)
	}
	bot := asset("real.example")
	bot.Kind = schema.KindBot
	for n := range 10 {
		f(bot, address(n), schema.Overflow)
	}
	f(asset("real.example"), address(0), schema.Overflow)
	f(asset("real.example"), address(1), schema.Overflow)
	f(asset("real.example"), address(1), schema.Overflow)
	f(asset("real.example"), address(2), "real.example")
	if d.Reached() != 0 {
		t.Errorf("the limit was reached %d times", d.Reached())
	}
	// At the limit nothing helps, and it says so.
	for i := range 10 {
		for n := range admitClients {
			d.Resolve(asset(fmt.Sprintf("real%d.example", i)), address(n), nil)
		}
	}
	if d.Len()-1 != 20 || d.Reached() != 1 {
		t.Errorf("%d sites, the limit was reached %d times; want 20 and 1", d.Len()-1, d.Reached())
	}
}

func TestFlood(t *testing.T) {
	d := New(20)
	for i := range 100_000 {
		d.Resolve(page(fmt.Sprintf("h%d.example", i)), client, nil)
		if len(d.candidates) > maxCandidates {
			t.Fatalf("%d candidates", len(d.candidates))
		}
	}
	if d.Len() != 1 {
		t.Errorf("%d sites out of a flood of hosts", d.Len()-1)
	}
	if d.Reached() == 0 {
		t.Error("the limit of candidates was met without a word")
	}
	for range admitAfter {
		d.Resolve(page("example.com"), client, nil)
	}
	if got := d.Name(d.Resolve(page("example.com"), client, nil)); got != "example.com" {
		t.Errorf("after the flood the real site is %s", got)
	}
}

// TestResolveDoesNotAllocate: neither for a site nor for a host on its way to it.
func TestResolveDoesNotAllocate(t *testing.T) {
	d := New(4)
	for range admitAfter {
		d.Resolve(page("example.com"), client, nil)
	}
	d.Resolve(asset("example.org"), client, nil)
	known, www, candidate := page("example.com"), page("www.example.com"), asset("example.org")
	if n := testing.AllocsPerRun(100, func() {
		d.Resolve(known, client, nil)
		d.Resolve(www, client, nil)
		d.Resolve(candidate, client, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
