// Package site says which site a request belongs to: one of the configured ones,
// one that showed itself by its traffic, or the rest.
package site

import (
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
	// candidates is how many hosts may be on their way there.
	candidates = 256
	// mostSites is what the numbers of sites have room for.
	mostSites = 200
)

// A Directory numbers sites. The numbers hold as long as the directory does,
// whatever is configured anew. It is not safe for concurrent use.
type Directory struct {
	limit   int
	names   []string
	ids     map[string]int
	counts  map[string]uint8
	reached uint64

	lastHost []byte
	lastSite int
}

// New returns a Directory of at most limit sites, beside those that are
// configured.
func New(limit int) *Directory {
	return &Directory{
		limit:  min(limit, mostSites),
		names:  []string{schema.Overflow},
		ids:    map[string]int{schema.Overflow: Other},
		counts: map[string]uint8{},
	}
}

// Configure returns the numbers of the configured sites of those names.
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
	if id > mostSites {
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

// Reached returns how often a host could not become a site because of the limit.
func (d *Directory) Reached() uint64 { return d.reached }

// Resolve returns the site of a verdict, which numbers the sites as configured
// does. Where there are any at all, hosts of none of them belong to Other.
func (d *Directory) Resolve(v *attribution.Verdict, configured []int) int {
	if v.Site >= 0 {
		return configured[v.Site]
	}
	if len(configured) > 0 || len(v.Host) == 0 {
		return Other
	}
	if string(d.lastHost) == string(v.Host) {
		return d.lastSite
	}
	id, ok := d.ids[string(v.Host)]
	if !ok {
		if id = d.consider(v); id == Other {
			return Other
		}
	}
	d.lastHost, d.lastSite = append(d.lastHost[:0], v.Host...), id
	return id
}

// consider counts a page view towards making its host a site.
func (d *Directory) consider(v *attribution.Verdict) int {
	if v.Kind != schema.KindLanding && v.Kind != schema.KindInternal || !plausible(v.Host) {
		return Other
	}
	n := d.counts[string(v.Host)] + 1
	if n < admitAfter {
		if n == 1 && len(d.counts) >= candidates {
			clear(d.counts)
			d.reached++
		}
		d.counts[string(v.Host)] = n
		return Other
	}
	if len(d.names)-1 >= d.limit {
		d.reached++
		return Other
	}
	delete(d.counts, string(v.Host))
	return d.add(string(v.Host))
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
