// Package forward carries classified requests from one darkshare to another by way of
// Kafka. Where one visitor's requests are spread over many proxies, a darkshare beside
// each parses and classifies, and the records meet again, partitioned by visitor, at
// those that count.
//
// A record is a line of JSON. It says what the request was and who sent it, in the
// words of package schema, and has no address, user agent, query, cookie or referrer of
// another site in it. Its visitor is a name that a secret makes of the address and the
// user agent, another one every day (see [Secret]).
package forward

import (
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// version is that of the records. It rises when an older darkshare would count them
// wrongly; keys that it may leave aside can be added without.
const version = 1

// The keys of a record. Those in the comment's brackets are left out where there is
// nothing to say.
//
//	v          1
//	time       microseconds since the Unix epoch
//	log        [a number for the log that the record is from, in hexadecimal: those of one are in order]
//	site       [the name of the configured site]
//	host       [the request's host, where no configured site has it]
//	kind       one of schema.Kind
//	status     [the response's status]
//	visitor    [the visitor's name of the day; of a link preview, that of the app's network]
//	before     [the name of the day before, where that is less than a window ago]
//	after      [the name of the day after, likewise]
//	page       [the page label]
//	from       [the page label of the site's own referrer]
//	channel, source, evidence  [who sent a landing, where it says]
//	device     one of schema.Device
//	app, scope [of a link preview]
//	entry_page [true on a page that people type]
//	goals      [the names of the goals that are reached]
//	signals    [what the request shows of its client]
const (
	keyVersion   = "v"
	keyTime      = "time"
	keyLog       = "log"
	keySite      = "site"
	keyHost      = "host"
	keyKind      = "kind"
	keyStatus    = "status"
	keyVisitor   = "visitor"
	keyBefore    = "before"
	keyAfter     = "after"
	keyPage      = "page"
	keyFrom      = "from"
	keyChannel   = "channel"
	keySource    = "source"
	keyEvidence  = "evidence"
	keyDevice    = "device"
	keyApp       = "app"
	keyScope     = "scope"
	keyEntryPage = "entry_page"
	keyGoals     = "goals"
	keySignals   = "signals"
)

// signalWords are the names of the signals, by their bits.
var signalWords = [...]string{"own_referrer", "bare_asset", "metadata", "attack", "not_found"}

// The words of the closed sets that may be in a record. schema.KindReload and the
// evidence that is concluded are not among them: who counts finds those.
var (
	kinds    = words(schema.NumKinds, func(k schema.Kind) bool { return k != schema.KindReload })
	channels = words(schema.NumChannels, nil)
	evidence = words(schema.NumEvidence, schema.Evidence.Known)
	devices  = words(schema.NumDevices, nil)
	scopes   = words(schema.NumScopes, nil)
	signals  = func() map[string]attribution.Signal {
		m := map[string]attribution.Signal{}
		for i, word := range signalWords {
			m[word] = 1 << i
		}
		return m
	}()
)

// words returns the members of a closed set by their names, those that may be.
func words[T interface {
	~uint8
	String() string
}](n T, may func(T) bool) map[string]T {
	m := map[string]T{}
	for v := range n {
		if may == nil || may(v) {
			m[v.String()] = v
		}
	}
	return m
}
