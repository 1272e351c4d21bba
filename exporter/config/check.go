package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// maxGoals is what attribution.Verdict.Goals has bits for.
const maxGoals = 32

// check says what no value shows by itself, and fills in the names that follow from
// other values. Without the whole file it does not say what the missing part may mend.
func check(d *decoder, c *Config, whole bool) {
	checkSites(d, c)
	checkInputs(d, c, whole)
	checkForward(d, c)
	for i := range c.Sites {
		checkPages(d, fmt.Sprintf("sites[%d]", i), &c.Sites[i].SiteRules)
	}
	checkPages(d, "other_sites", &c.OtherSites)
	checkRules(d, &c.Rules)
}

func checkSites(d *decoder, c *Config) {
	names, hosts := d.unique("site"), d.unique("host")
	for i := range c.Sites {
		s, at := &c.Sites[i], fmt.Sprintf("sites[%d]", i)
		for j, h := range s.Hosts {
			hosts(fmt.Sprintf("%s.hosts[%d]", at, j), h)
		}
		if name := at + ".name"; d.given(name) {
			names(name, s.Name)
		} else if first := at + ".hosts[0]"; d.ok(first) {
			s.Name = s.Hosts[0]
			names(first, s.Name)
		}
	}
	if limit := c.Limits.Sites; len(c.Sites) > limit && !d.wrong["limits.sites"] {
		at := fmt.Sprintf("sites[%d]", limit)
		name := "this"
		if s := c.Sites[limit].Name; s != "" {
			name = quote(s)
		}
		d.add(d.lines[at], at, "%s is one site more than limits.sites, which is %d", name, limit)
	}
}

func checkPages(d *decoder, at string, s *SiteRules) {
	for key, list := range map[string][]string{
		"entry_pages": s.EntryPages, "sections": s.Sections, "exclude": s.Exclude,
	} {
		seen := d.unique("path")
		for i, p := range list {
			seen(fmt.Sprintf("%s.%s[%d]", at, key, i), p)
		}
	}
	goals := d.unique("goal")
	for i, g := range s.Goals {
		goals(fmt.Sprintf("%s.goals[%d].name", at, i), g.Name)
	}
	if len(s.Goals) > maxGoals {
		at += fmt.Sprintf(".goals[%d]", maxGoals)
		d.add(d.lines[at], at, "%s is one goal more than the %d that a site can have", d.shown(at+".name", "this"), maxGoals)
	}
}

func checkInputs(d *decoder, c *Config, whole bool) {
	names, seen := d.unique("input"), map[string]func(path, value string){}
	for _, kind := range []string{"file", "standard input", "address"} {
		seen[kind] = d.unique(kind)
	}
	var sites []string
	for i, s := range c.Sites {
		if s.Name != "" {
			sites = append(sites, s.Name)
		} else if d.given(fmt.Sprintf("sites[%d].hosts[0]", i)) {
			whole = false // a host that was not understood may be the name that an input means
		}
	}
	whole = whole && !d.wrong["sites"]
	for i := range c.Inputs {
		in, at := &c.Inputs[i], inputPath(i)
		if d.wrong[at] {
			continue
		}
		source, value := checkSource(d, at, in, seen)
		if name := at + ".name"; d.given(name) {
			names(name, in.Name)
		} else if d.ok(source) {
			in.Name = value
			names(source, in.Name)
		}
		if site := at + ".site"; d.ok(site) && whole && !slices.Contains(sites, in.Site) {
			if len(sites) == 0 {
				d.mistake(d.lines[site], site, "unknown site %s: there are none under sites", quote(in.Site))
			} else {
				d.mistake(d.lines[site], site, "unknown site %s: %s", quote(in.Site), suggest(in.Site, sites))
			}
		}
		checkFormat(d, at, in)
	}
}

func inputPath(i int) string { return fmt.Sprintf("inputs[%d]", i) }

// ForwardedFormat is the format of what another darkshare forwards, for Kafka alone: of
// all other sources it is the log format of that name, which package accesslog knows.
const ForwardedFormat = "darkshare"

// checkFormat compiles an input's format.
func checkFormat(d *decoder, at string, in *Input) {
	path := at + ".format"
	switch {
	case d.wrong[path]:
		return
	case in.Format == ForwardedFormat && in.Kafka != nil:
		for _, key := range []string{"escape", "json", "site"} {
			if path := at + "." + key; d.ok(path) {
				d.add(d.lines[path], path, "is for logs, got %s: what another darkshare forwards has it all", d.shown(path, "a mapping"))
			}
		}
		return
	case in.Format != "":
	case len(in.JSON) > 0:
		path = at + ".json"
	case d.ok(at+".escape") && !d.given(at+".json"):
		d.add(d.lines[at+".escape"], at+".escape", `needs "format", got %s alone: it says how that is escaped`, quote(in.Escape))
		return
	default:
		return
	}
	_, err := accesslog.CompileOptions(in.Format, accesslog.Options{Escape: in.Escape, JSON: in.JSON})
	var entry *accesslog.MappingError
	switch {
	case err == nil:
		return
	case errors.As(err, &entry):
		path, err = join(at+".json", entry.Name), entry.Err
	case errors.Is(err, accesslog.ErrNoMapping):
		path, err = at+".json", fmt.Errorf("%w, and format is %s", err, d.shown(path, "nothing"))
	}
	d.mistake(d.lines[path], path, "%s", err)
}

func checkRules(d *decoder, r *Rules) {
	hosts, agents, tags := d.unique("host"), d.unique("text"), d.unique("tag")
	for i, h := range r.Hosts {
		hosts(fmt.Sprintf("rules.hosts[%d].host", i), h.Host)
	}
	for i, a := range r.Agents {
		at := fmt.Sprintf("rules.agents[%d]", i)
		agents(at+".contains", strings.ToLower(a.Contains))
		if !d.ok(at + ".class") {
			continue
		}
		app := a.Class == "preview" || a.Class == "in_app" || a.Class == "mail"
		if app && !d.given(at+".app") {
			d.add(d.lines[at], at, "missing key %q: class %s needs it", "app", a.Class)
		}
		for key, allowed := range map[string]bool{
			"app": app, "scope": a.Class == "preview", "channel": a.Class == "in_app" || a.Class == "mail",
		} {
			if path := at + "." + key; d.ok(path) && !allowed {
				d.add(d.lines[path], path, "class %s has none, got %s: leave it out", a.Class, d.shown(path, ""))
			}
		}
	}
	for i, t := range r.Tags {
		at := fmt.Sprintf("rules.tags[%d]", i)
		if path := at + ".parameter"; d.ok(path) {
			if d.given(at + ".value") {
				path = at + ".value"
			}
			tags(path, t.Parameter+"="+strings.ToLower(t.Value))
		}
	}
}

// unique returns a function that is shown values of a kind and finds the second of
// two equal ones, which is a mistake then. Values that are mistakes already do not count.
func (d *decoder) unique(kind string) func(path, value string) {
	first := map[string]string{}
	return func(path, value string) {
		if !d.ok(path) {
			return
		}
		if before, ok := first[value]; ok {
			one, two, written := d.shown(before, quote(value)), d.shown(path, quote(value)), ""
			if one != two {
				written = ", written " + one
			}
			d.mistake(d.lines[path], path, "duplicate %s %s: it is %s in line %d already%s", kind, two, before, d.lines[before], written)
			return
		}
		first[value] = path
	}
}
