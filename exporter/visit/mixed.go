package visit

import "github.com/darkshare/darkshare/exporter/schema"

// Some apps show private chats and public posts in the same browser of their own:
// WeChat its chats and its Moments. Their user agent does not say which, but the
// app's own tags do (from=singlemessage, from=timeline), where links still have
// them. So visits without a tag are shared out as the site's tagged ones are. Which
// of them is which nobody can tell; their sum is right.

// mixed is how the tags of a site's visits from such an app divide them.
type mixed struct {
	private, public float64
	// owed is the part of a visit that public posts have not been given yet.
	owed float64
}

const (
	// Tags say nothing before there are enoughTagged visits with them; after
	// taggedMemory of them the older ones count half.
	enoughTagged = 20
	taggedMemory = 2000
)

// divide gives the visit its channel where its app leaves that open.
func (t *Tracker) divide(o *Outcome) {
	if o.Evidence != schema.EvidenceTag && o.Evidence != schema.EvidenceApp || t.opt.Mixed == nil || !t.opt.Mixed(o.Source) {
		return
	}
	m := &t.site(o.Site).mixed
	tagged := m.private + m.public
	switch {
	case o.Evidence == schema.EvidenceTag && o.Channel == schema.ChannelDarkSocial:
		m.private++
	case o.Evidence == schema.EvidenceTag && o.Channel == schema.ChannelSocial:
		m.public++
	case o.Evidence == schema.EvidenceApp && o.Channel == schema.ChannelDarkSocial && tagged >= enoughTagged:
		if m.owed += m.public / tagged; m.owed >= 1 {
			m.owed--
			o.Channel = schema.ChannelSocial
		}
	}
	if tagged >= taggedMemory {
		m.private, m.public = m.private/2, m.public/2
	}
}
