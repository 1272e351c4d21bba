package site

import (
	"fmt"
	"testing"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

func page(host string) *attribution.Verdict {
	return &attribution.Verdict{Site: -1, Kind: schema.KindLanding, Host: []byte(host)}
}

func TestConfigured(t *testing.T) {
	d := New(10)
	configured := d.Configure([]string{"a.example", "b.example"})
	f := func(v *attribution.Verdict, want string) {
		t.Helper()
		if got := d.Name(d.Resolve(v, configured)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(&attribution.Verdict{Site: 0}, "a.example")
	f(&attribution.Verdict{Site: 1}, "b.example")
	for range 10 {
		f(page("stranger.example"), schema.Overflow)
	}
	// The numbers hold when the configuration changes its order.
	again := d.Configure([]string{"c.example", "a.example"})
	if again[1] != configured[0] {
		t.Errorf("a.example was %d and is %d", configured[0], again[1])
	}
}

// TestAdmitted: a host becomes a site at its third page view.
func TestAdmitted(t *testing.T) {
	d := New(2)
	f := func(v *attribution.Verdict, want string) {
		t.Helper()
		if got := d.Name(d.Resolve(v, nil)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	asset := page("example.com")
	asset.Kind = schema.KindAsset
	f(page("example.com"), schema.Overflow)
	f(asset, schema.Overflow)
	f(page("example.com"), schema.Overflow)
	f(page("example.com"), "example.com")
	f(asset, "example.com")
	for range 5 {
		f(page("(other)"), schema.Overflow)
		f(page("bad\"host"), schema.Overflow)
		f(page(""), schema.Overflow)
	}
	for range 3 {
		d.Resolve(page("example.org"), nil)
		d.Resolve(page("example.net"), nil)
	}
	f(page("example.org"), "example.org")
	f(page("example.net"), schema.Overflow)
	if d.Reached() == 0 {
		t.Error("the limit was reached without a word")
	}
}

func TestFlood(t *testing.T) {
	d := New(20)
	for i := range 100_000 {
		d.Resolve(page(fmt.Sprintf("h%d.example", i)), nil)
		if len(d.counts) > candidates {
			t.Fatalf("%d candidates", len(d.counts))
		}
	}
	if d.Len() != 1 {
		t.Errorf("%d sites out of a flood of hosts", d.Len()-1)
	}
	for range admitAfter {
		d.Resolve(page("example.com"), nil)
	}
	if got := d.Name(d.Resolve(page("example.com"), nil)); got != "example.com" {
		t.Errorf("after the flood the real site is %s", got)
	}
}
