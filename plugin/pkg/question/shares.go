package question

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
)

// shares answers how often links were shared, as far as link previews show it, and what
// a share brings.
func (a *ask) shares(ctx context.Context) (data.Frames, error) {
	previews, visits := schema.LinkPreviews, schema.Visits
	if a.pages() {
		previews, visits = schema.PageLinkPreviews, schema.PageVisits
	}
	wanted := []*schema.Metric{previews}
	// Of a visit it is not known to whom the app showed the link.
	alone := a.Over != overRange || a.By == schema.LabelScope
	if !alone {
		wanted = append(wanted, visits)
	}
	s, err := a.span(ctx, wanted...)
	if err != nil {
		return nil, err
	}
	if alone {
		c, err := a.counts(ctx, previews, labelled(a.By), a.matchers(), s)
		if err != nil {
			return nil, err
		}
		return data.Frames{a.countFrame(c, "Shares")}, nil
	}
	by := labelled(a.By)
	visitsBy := by
	if a.By == schema.LabelApp {
		by, visitsBy = labelled(a.By, schema.LabelScope), []string{schema.LabelSource}
	}
	var shared, came *counts
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		shared, err = a.counts(ctx, previews, by, a.matchers(), s)
		return err
	})
	group.Go(func() (err error) {
		private := append(a.matchers(), only(schema.LabelChannel, schema.ChannelDarkSocial.String()))
		came, err = a.counts(ctx, visits, visitsBy, private, s)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return data.Frames{a.sharesTable(shared, came)}, nil
}

// sharesTable has the shares of an app, a page or a site, and the private visits from it.
// An app's source has the app's name.
func (a *ask) sharesTable(shared, came *counts) *data.Frame {
	private := map[string]float64{}
	for _, r := range came.rows {
		key := ""
		if len(r.values) > 0 {
			key = r.values[0]
		}
		private[key] += r.sum()
	}
	var values, scopes []string
	var n, visits, perShare []float64
	for _, part := range shared.split(a.By, a.limit()) {
		count, from := part.sum()[0], 0.0
		for v := range part.valuesOf(a.By) {
			from += private[v]
		}
		values, n = append(values, part.value), append(n, count)
		scopes = append(scopes, scopeOf(part.counts))
		visits, perShare = append(visits, from), append(perShare, over(from, count))
	}
	field := numbers("Shares", nil, n, count, coloured(colourDark),
		described("Link previews that apps fetched to show a pasted link: one for each share that could be seen."))
	if a.Single {
		return single("Shares", a.By, values, field)
	}
	fields := []*data.Field{field, numbers(namePrivate, nil, visits, count), numbers("Private visits per share", nil, perShare, times)}
	if a.By == schema.LabelApp {
		fields = append([]*data.Field{texts("Shown", scopes)}, fields...)
	}
	if a.By != "" {
		fields = append([]*data.Field{texts(headOf(a.By), named(a.By, values))}, fields...)
	}
	return rowsOf("Shares", fields...)
}

// valuesOf returns the values that a label has, "" for none.
func (c *counts) valuesOf(label string) map[string]bool {
	all := map[string]bool{}
	for _, r := range c.rows {
		if label == "" {
			all[""] = true
		} else {
			all[r.values[c.place(label)]] = true
		}
	}
	return all
}

// scopeOf says to whom an app shows its cards.
func scopeOf(c *counts) string {
	scope := ""
	for _, r := range c.rows {
		for i, label := range c.by {
			switch {
			case label != schema.LabelScope || r.values[i] == scope:
			case scope == "":
				scope = r.values[i]
			default:
				scope = schema.ScopeMixed.String()
			}
		}
	}
	return Named(schema.LabelScope, scope)
}
