// Package attribution says what a single request is and who sent it: user
// agents, referrers, campaign tags and fetch metadata, looked up in tables that
// are data, by rules that are code. It knows no visitor and keeps no state but
// bounded caches; what takes more than one request is package visit's.
package attribution

import "github.com/darkshare/darkshare/exporter/schema"

// A Source is the app or site inside a channel, an index into the closed list of
// [Rules.SourceName]. The zero value is schema.SourceOther.
type Source uint16

// A Signal is what a request shows of the client behind it, beside being what it is.
type Signal uint8

// The signals; a request may show several.
const (
	// SignalOwnReferrer: a request that carries the site's own referrer (a
	// subresource, an internal page view, a beacon): the client is a browser that
	// sends referrers.
	SignalOwnReferrer Signal = 1 << iota
	// SignalBareAsset: a subresource of a page without the site's own referrer:
	// a scanner, or a browser that hides referrers. Favicons, touch icons,
	// manifests and robots.txt never show it, since they come without one.
	SignalBareAsset
	// SignalMetadata: Sec-Fetch-* headers, which browsers send.
	SignalMetadata
	// SignalAttack: a path or query that only a vulnerability scanner asks for.
	SignalAttack
	// SignalNotFound: a status of 404 or 400 to a person's agent.
	SignalNotFound
)

// A Verdict is what one request says by itself.
//
// Page and RefererPage point into the request's line or into the classifier's
// scratch memory: they are valid until the line goes or the classifier's Reset.
//
// What every request has comes first: records are made by one processor and read by
// another.
type Verdict struct {
	// Kind is never schema.KindReload: package visit finds reloads.
	Kind schema.Kind
	// Signals is what the request shows of its client.
	Signals Signal
	Device  schema.Device
	// Rule says which rule spoke; see Rules.Why.
	Rule Rule
	// Goals is the set of the user's goals that the request reaches, by bit.
	Goals uint32
	// Site is the index of the configured site, or -1 where no configured site
	// has this host.
	Site int
	// Agent is a hash of the user agent, stable within the process.
	Agent uint64

	// Channel, Source and Evidence say who sent a landing. With
	// schema.EvidenceNone the request does not say, and Channel is without meaning.
	Channel  schema.Channel
	Evidence schema.Evidence
	Source   Source
	// App and Scope are set for link previews.
	App   Source
	Scope schema.Scope
	// EntryPage reports that the page is one that people type: the home page, an
	// index file, a locale's root, or one that the user listed.
	EntryPage bool

	// Host is the request's host, in lower case, without its port; empty where
	// none is known.
	Host []byte
	// Page is the path as it may be shown: no query, masked, index files and
	// duplicate slashes folded. Set for landings, internal page views, previews
	// and goals.
	Page []byte
	// RefererPage is the page of the site's own referrer, likewise; set for
	// internal page views.
	RefererPage []byte
	// PageHash and RefererHash are their hashes, by HashPage.
	PageHash, RefererHash uint64
}
