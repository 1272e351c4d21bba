package attribution

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Site is one of the sites behind the proxy.
type Site struct {
	// Name is the label value.
	Name string
	// Hosts are the site's own hosts and its aliases. A host stands for all of its
	// registrable domain (www.example.com for example.com and blog.example.com),
	// but for the hosts that another site names.
	Hosts []string
	SiteRules
}

// SiteRules are what the user knows of a site's pages. Paths are globs: "*" is
// anything within a segment, "**" anything.
type SiteRules struct {
	// EntryPages are pages that people type, beside the home page.
	EntryPages []string
	// Excluded are paths that are no pages.
	Excluded []string
	// Sections are path prefixes; where there are none, a page's section is its
	// first path segment, after a locale's.
	Sections []string
	// Goals are what visitors should reach, at most 32.
	Goals []Goal
}

// A Goal is a path that a visitor should reach.
type Goal struct {
	Name string
	Path string
}

const maxGoals = 32

func (s *SiteRules) check() error {
	if len(s.Goals) > maxGoals {
		return fmt.Errorf("%d goals, more than %d", len(s.Goals), maxGoals)
	}
	paths := append(append(append([]string{}, s.EntryPages...), s.Excluded...), s.Sections...)
	for _, g := range s.Goals {
		if g.Name == "" {
			return fmt.Errorf("the goal for %q has no name", g.Path)
		}
		paths = append(paths, g.Path)
	}
	for _, p := range paths {
		if p == "" || p[0] != '/' && p[0] != '*' {
			return fmt.Errorf("path %q: expected one that starts with / or *", p)
		}
	}
	return nil
}

// folded returns the rules with index files folded, as page labels have them.
func (s SiteRules) folded() SiteRules {
	fold := func(p string) string { return p[:foldIndex([]byte(p))] }
	s.EntryPages = slices.Clone(s.EntryPages)
	for i, p := range s.EntryPages {
		s.EntryPages[i] = fold(p)
	}
	s.Excluded = slices.Clone(s.Excluded)
	for i, p := range s.Excluded {
		s.Excluded[i] = fold(p)
	}
	s.Goals = slices.Clone(s.Goals)
	for i, g := range s.Goals {
		s.Goals[i].Path = fold(g.Path)
	}
	return s
}

// goals returns the set of the goals that a page reaches.
func (s *SiteRules) goals(page []byte) (set uint32) {
	for i := range s.Goals {
		if glob(s.Goals[i].Path, page) {
			set |= 1 << i
		}
	}
	return set
}

func matchAny(globs []string, page []byte) bool {
	for _, g := range globs {
		if glob(g, page) {
			return true
		}
	}
	return false
}

// glob reports whether the whole path matches the pattern. It takes time in
// proportion to the product of the lengths at most.
func glob(pattern string, path []byte) bool {
	p, s := 0, 0
	// Where to go on when what follows the last "*" and the last "**" fails.
	starP, starS, deepP, deepS := -1, 0, -1, 0
	for {
		switch {
		case strings.HasPrefix(pattern[p:], "**"):
			p += 2
			deepP, deepS, starP = p, s, -1
			continue
		case p < len(pattern) && pattern[p] == '*':
			p++
			starP, starS = p, s
			continue
		case p == len(pattern) && s == len(path):
			return true
		case p < len(pattern) && s < len(path) && pattern[p] == path[s]:
			p++
			s++
			continue
		}
		switch {
		case starP >= 0 && starS < len(path) && path[starS] != '/':
			starS++
			p, s = starP, starS
		case deepP >= 0 && deepS < len(path):
			deepS++
			p, s, starP = deepP, deepS, -1
		default:
			return false
		}
	}
}

// siteTable finds sites by host.
type siteTable struct {
	hosts map[string]int
}

func newSiteTable(sites []Site) (*siteTable, error) {
	t := &siteTable{hosts: map[string]int{}}
	for i, s := range sites {
		if s.Name == "" {
			return nil, fmt.Errorf("site %d has no name", i+1)
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("site %s: %w", s.Name, err)
		}
		for _, h := range s.Hosts {
			name, err := siteHost(h)
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", s.Name, err)
			}
			if j, ok := t.hosts[string(name)]; ok && j != i {
				return nil, fmt.Errorf("site %s: host %s is site %s's already", s.Name, name, sites[j].Name)
			}
			t.hosts[string(name)] = i
		}
	}
	// A registrable domain that no site names is of the first with a host in it.
	for i, s := range sites {
		for _, h := range s.Hosts {
			name, _ := siteHost(h)
			domain, _ := registrable(name)
			if _, ok := t.hosts[string(domain)]; !ok {
				t.hosts[string(domain)] = i
			}
		}
	}
	return t, nil
}

func siteHost(h string) ([]byte, error) {
	name, ok := appendHost(nil, []byte(h))
	if !ok || strings.ContainsAny(h, "/@") {
		return nil, fmt.Errorf("host %q: %w", h, errors.New("expected a name such as example.com"))
	}
	return name, nil
}

// find returns the site of a host, or -1: the one that names the host or the
// nearest of its parents.
func (t *siteTable) find(name, domain []byte) int {
	if len(t.hosts) == 0 {
		return -1
	}
	for {
		if i, ok := t.hosts[string(name)]; ok {
			return i
		}
		if len(name) <= len(domain) {
			return -1
		}
		_, name, _ = bytes.Cut(name, []byte("."))
	}
}

// own reports whether a referrer's host is the site's that a request went to.
// at is the request's host, nil where it is unknown. A host that another
// configured site has is not own, even on the same domain.
func own(ref, at *host, site int) bool {
	if site >= 0 && ref.site == site {
		return true
	}
	return ref.site < 0 && at != nil && bytes.Equal(ref.domain, at.domain)
}

// Section returns the section of a page, as a part of it: the longest of the
// site's path prefixes that it has, else its first path segment. A locale's
// segment goes with the next: /fr/blog.
func (r *Rules) Section(page []byte, site int) []byte {
	if prefixes := r.site(site).Sections; len(prefixes) > 0 {
		best := 0
		for _, p := range prefixes {
			p = strings.TrimSuffix(p, "/")
			if len(p) > best && len(page) >= len(p) && string(page[:len(p)]) == p && (len(page) == len(p) || page[len(p)] == '/') {
				best = len(p)
			}
		}
		if best > 0 {
			return page[:best]
		}
		return page[:min(len(page), 1)]
	}
	end := segmentEnd(page, 0)
	if isLocale(page[min(1, end):end]) && end+1 < len(page) {
		end = segmentEnd(page, end)
	}
	return page[:max(end, min(len(page), 1))]
}

// segmentEnd returns where the segment that starts with the slash at i ends.
func segmentEnd(page []byte, i int) int {
	if i >= len(page) {
		return len(page)
	}
	if j := bytes.IndexByte(page[i+1:], '/'); j >= 0 {
		return i + 1 + j
	}
	return len(page)
}

// site returns the rules of a site, the default ones for -1.
func (r *Rules) site(i int) *SiteRules {
	if i < 0 || i >= len(r.options.Sites) {
		return &r.options.Default
	}
	return &r.options.Sites[i].SiteRules
}
