// Package site says which site a request belongs to: one of the configured ones,
// one that showed itself by its traffic, or the rest.
package site

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// Other is the number of the site that takes the hosts of no site.
const Other = 0

const (
	// admitAfter page views by people make a site of a host that no one
	// configured: a flood of invented Host headers makes none.
	admitAfter = 3
	// admitClients different clients have to behave like browsers before a host
	// becomes a site once half of the limit is taken: one client that invents
	// hosts shall not fill it.
	admitClients = 3
	// maxCandidates is how many hosts may be on their way there.
	maxCandidates = 256
	// maxSites is what the numbers of sites have room for.
	maxSites = 200

	browser = attribution.SignalOwnReferrer | attribution.SignalMetadata
)

// A Directory numbers sites. The numbers hold as long as the directory does,
// whatever is configured anew. It is not safe for concurrent use.
type Directory struct {
	limit      int
	admitted   int
	names      []string
	ids        map[string]int
	candidates map[string]*candidate
	seed       maphash.Seed
	reached    uint64

	lastHost []byte
	lastSite int
}

// A candidate is a host that may become a site.
type candidate struct {
	views   int
	clients [admitClients]uint64 // hashes of those that behave like browsers
	n       int
}

// New returns a Directory that makes sites of at most limit hosts, beside those
// that are configured. In all it has 200 sites at most.
func New(limit int) *Directory {
	return &Directory{
		limit:      limit,
		names:      []string{schema.Overflow},
		ids:        map[string]int{schema.Overflow: Other},
		candidates: map[string]*candidate{},
		seed:       maphash.MakeSeed(),
	}
}

// Configure returns the numbers of the configured sites of those names; Other for
// those that there is no room for.
func (d *Directory) Configure(names []string) []int {
	ids := make([]int, len(names))
	for i, name := range names {
		ids[i] = d.add(name)
	}
	d.lastHost = d.lastHost[:0]
	return ids
}

func (d *Directory) add(name string) int {
	if id, ok := d.ids[name]; ok {
		return id
	}
	id := len(d.names)
	if id > maxSites {
		d.reached++
		return Other
	}
	d.names = append(d.names, name)
	d.ids[name] = id
	return id
}

// Name returns the label value of the site.
func (d *Directory) Name(id int) string { return d.names[id] }

// Len returns how many sites there are, Other among them.
func (d *Directory) Len() int { return len(d.names) }

// Reached returns how often a host, or a configured site, could not have a number
// of its own because of a limit.
func (d *Directory) Reached() uint64 { return d.reached }

// Resolve returns the site of a verdict on a request by that client; configured
// has the numbers of the sites as the verdict counts them. Where there are any at
// all, hosts of none of them belong to Other. Where there are none, a host that
// people visit becomes a site by its name; "www." is no part of it.
func (d *Directory) Resolve(v *attribution.Verdict, client []byte, configured []int) int {
	if v.Site >= 0 {
		return configured[v.Site]
	}
	if len(configured) > 0 || len(v.Host) == 0 {
		return Other
	}
	if string(d.lastHost) == string(v.Host) {
		return d.lastSite
	}
	name := bare(v.Host)
	id, ok := d.ids[string(name)]
	if !ok {
		if id = d.consider(name, v, client); id == Other {
			return Other
		}
	}
	d.lastHost, d.lastSite = append(d.lastHost[:0], v.Host...), id
	return id
}

// bare returns a host without "www.": the same site answers to both.
func bare(host []byte) []byte {
	if rest, ok := bytes.CutPrefix(host, []byte("www.")); ok && bytes.IndexByte(rest, '.') > 0 {
		return rest
	}
	return host
}

// consider counts a request towards making its host a site.
func (d *Directory) consider(host []byte, v *attribution.Verdict, client []byte) int {
	view := v.Kind == schema.KindLanding || v.Kind == schema.KindInternal
	shown := v.Signals&browser != 0 && v.Kind != schema.KindBot && v.Kind != schema.KindPreview
	if !view && !shown || !plausible(host) {
		return Other
	}
	c := d.candidates[string(host)]
	if c == nil {
		if len(d.candidates) >= maxCandidates {
			clear(d.candidates)
			d.reached++
		}
		c = &candidate{}
		d.candidates[string(host)] = c
	}
	if view {
		c.views++
	}
	if shown {
		c.show(maphash.Bytes(d.seed, client))
	}
	switch {
	case 2*d.admitted < d.limit && c.views < admitAfter, 2*d.admitted >= d.limit && c.n < admitClients:
		return Other
	case d.admitted >= d.limit:
		d.reached++
		return Other
	}
	delete(d.candidates, string(host))
	id := d.add(string(host))
	if id != Other {
		d.admitted++
	}
	return id
}

// show remembers a client that behaves like a browser.
func (c *candidate) show(client uint64) {
	if c.n < admitClients && !slices.Contains(c.clients[:c.n], client) {
		c.clients[c.n] = client
		c.n++
	}
}

// plausible reports whether a host could be a site's: letters, digits, dots and
// hyphens, or an address.
func plausible(host []byte) bool {
	if len(host) > 253 {
		return false
	}
	return !slices.ContainsFunc(host, func(c byte) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == ':' || c == '[' || c == ']' || c == '_')
	})
}
