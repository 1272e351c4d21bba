package overview

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

func (b bucket) known() float64    { return b.dark[schema.BoundKnown] }
func (b bucket) estimate() float64 { return b.dark[schema.BoundEstimate] }
func (b bucket) ceiling() float64  { return b.dark[schema.BoundCeiling] }

// zone is what the time zone is called, or its distance from UTC where it has no name.
func zone(t time.Time) string {
	name, _ := t.Zone()
	if name == "" || name[0] == '+' || name[0] == '-' {
		return t.Format("UTC-07:00")
	}
	return name
}

// bars makes rows of counts, as wide as their part of the longest.
type bars struct {
	lang         *lang
	all, longest float64
	rows         []bar
}

func (b *bars) add(name, note, class string, n float64) {
	b.rows = append(b.rows, bar{
		Name: name, Note: note, Class: class,
		Count: b.lang.Count(n), Share: b.lang.Percent(part(n, b.all)), Width: 100 * part(n, b.longest),
	})
}

func part(n, of float64) float64 {
	if of == 0 {
		return 0
	}
	return n / of
}

func (v *view) Channels() []bar {
	f := v.figures
	b := bars{lang: v.lang, all: f.visits}
	for _, c := range f.channels {
		b.longest = max(b.longest, c.n)
	}
	for _, c := range f.channels {
		b.add(v.lang.T("channel_"+c.of.String()), "", c.of.String(), c.n)
		b.rows[len(b.rows)-1].First = c.of == schema.ChannelDarkSocial
	}
	return b.rows
}

// Apps lists the apps that are most used to share in private, and at the end the
// visits whose app is not known.
func (v *view) Apps() []bar {
	f := v.figures
	dark := schema.ChannelDarkSocial.String()
	b := bars{lang: v.lang, all: f.unnamed, longest: f.unnamed}
	rest := 0.0
	for i, a := range f.apps {
		b.all += a.n
		if i < mostApps {
			b.longest = max(b.longest, a.n)
		} else {
			rest += a.n
		}
	}
	b.longest = max(b.longest, rest)
	for _, a := range f.apps[:min(len(f.apps), mostApps)] {
		if a.n >= 0.5 {
			b.add(v.lang.App(a.of), "", dark, a.n)
		}
	}
	if rest >= 0.5 {
		b.add(v.lang.App(schema.SourceOther), "", dark, rest)
	}
	if f.unnamed >= 0.5 {
		b.add(v.lang.T("apps_unnamed"), "", dark+" faint", f.unnamed)
	}
	return b.rows
}

// tones tell the parts of one channel apart, the surest in full colour.
var tones = map[schema.Evidence]string{schema.EvidenceLink: " paler", schema.EvidenceDeepLink: " faint"}

// A directSplit is what analytics calls Direct, taken apart.
type directSplit struct {
	Lead  string
	Parts []bar
}

func (v *view) Direct() *directSplit {
	f := v.figures
	var all, private float64
	for i, p := range directParts {
		all += f.direct[i]
		if p.channel == schema.ChannelDarkSocial {
			private += f.direct[i]
		}
	}
	if all < 0.5 {
		return nil
	}
	d := &directSplit{Lead: v.lang.T("direct_lead", v.lang.Visits(all), v.lang.Percent(private/all))}
	x := 0.0
	for i, p := range directParts {
		n := f.direct[i]
		if n < 0.5 {
			continue
		}
		class := p.channel.String() + tones[p.evidence]
		width := 100 * n / all
		d.Parts = append(d.Parts, bar{
			Name: v.lang.T("direct_" + p.word), Class: class, X: x, Width: width,
			Count: v.lang.Count(n), Share: v.lang.Percent(n / all),
		})
		x += width
	}
	return d
}

// A pageRow is a row of the table of pages.
type pageRow struct{ Name, Visits, Dark, Share, Shares string }

func (v *view) Pages() (rows []pageRow) {
	l := v.lang
	for _, p := range v.figures.pages {
		rows = append(rows, pageRow{p.name, l.Count(p.visits), l.Count(p.dark), l.Percent(part(p.dark, p.visits)), l.Count(p.shares)})
	}
	return rows
}

func (v *view) Previews() []bar {
	f := v.figures
	b := bars{lang: v.lang}
	for _, p := range f.previews {
		b.all += p.shares
		b.longest = max(b.longest, p.shares)
	}
	for _, p := range f.previews {
		class := "neutral"
		switch p.scope {
		case schema.ScopePrivate:
			class = schema.ChannelDarkSocial.String()
		case schema.ScopePublic:
			class = schema.ChannelSocial.String()
		}
		b.add(v.lang.App(p.app), v.lang.T("scope_"+p.scope.String()), class, p.shares)
	}
	return b.rows
}
