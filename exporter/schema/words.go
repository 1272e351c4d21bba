// Package schema holds the words that the parts of darkshare share: the closed
// sets behind the label values, and the metrics themselves. The exporter, the
// Grafana plugin, the dashboards and the rules all take them from here, so that
// a name is spelled in one place.
package schema

// A Channel says who sent a visit.
type Channel uint8

// The channels. ChannelDarkSocial is private sharing; ChannelDirect is typed or
// bookmarked; ChannelUnknown is a client that hides every referrer, so that
// nobody can tell.
const (
	ChannelDarkSocial Channel = iota
	ChannelDirect
	ChannelSearch
	ChannelSocial
	ChannelAI
	ChannelEmail
	ChannelPaid
	ChannelReferral
	ChannelUnknown
	NumChannels
)

var channelNames = [NumChannels]string{
	"dark_social", "direct", "search", "social", "ai", "email", "paid", "referral", "unknown",
}

// String returns the channel's label value.
func (c Channel) String() string { return name(channelNames[:], int(c)) }

// ParseChannel is the inverse of Channel.String.
func ParseChannel(s string) (Channel, bool) {
	i, ok := index(channelNames[:], s)
	return Channel(i), ok
}

// Evidence says how the channel of a visit is known.
type Evidence uint8

// The evidence, strongest first. EvidenceNone is what attribution says of a
// landing that carries no sign of its sender; package visit then decides between
// EvidenceSuppressed, EvidenceEntryPage and EvidenceDeepLink. It is never exported.
const (
	EvidenceNone Evidence = iota
	EvidenceTag
	EvidenceApp
	EvidenceReferrer
	EvidenceLink
	EvidenceDeepLink
	EvidenceEntryPage
	EvidenceSuppressed
	NumEvidence
)

var evidenceNames = [NumEvidence]string{
	"none", "tag", "app", "referrer", "link", "deep_link", "entry_page", "suppressed",
}

// String returns the evidence's label value.
func (e Evidence) String() string { return name(evidenceNames[:], int(e)) }

// Known reports whether the evidence was seen in the request itself rather than
// concluded from its absence.
func (e Evidence) Known() bool { return EvidenceTag <= e && e <= EvidenceLink }

// A Kind is what a request is. Every parsed record has exactly one.
type Kind uint8

// The kinds. KindLanding is a page view that starts from outside the site;
// KindInternal one that starts on it; KindReload a landing seen before.
const (
	KindLanding Kind = iota
	KindInternal
	KindReload
	KindAsset
	KindAPI
	KindBot
	KindPreview
	KindPrefetch
	KindRedirect
	KindError
	KindOther
	NumKinds
)

var kindNames = [NumKinds]string{
	"landing", "internal", "reload", "asset", "api", "bot", "preview", "prefetch", "redirect", "error", "other",
}

// String returns the kind's label value.
func (k Kind) String() string { return name(kindNames[:], int(k)) }

// A Device is the class of machine that a user agent names.
type Device uint8

// The devices. DeviceOther is a television, console, watch or an agent that does not say.
const (
	DeviceOther Device = iota
	DeviceDesktop
	DeviceMobile
	DeviceTablet
	NumDevices
)

var deviceNames = [NumDevices]string{"other", "desktop", "mobile", "tablet"}

// String returns the device's label value.
func (d Device) String() string { return name(deviceNames[:], int(d)) }

// A Scope says to whom the app behind a link preview shows its cards.
type Scope uint8

// The scopes. ScopeMixed is an agent that serves private messages and public
// posts alike (facebookexternalhit).
const (
	ScopePrivate Scope = iota
	ScopePublic
	ScopeMixed
	NumScopes
)

var scopeNames = [NumScopes]string{"private", "public", "mixed"}

// String returns the scope's label value.
func (s Scope) String() string { return name(scopeNames[:], int(s)) }

// ParseScope is the inverse of Scope.String.
func ParseScope(s string) (Scope, bool) {
	i, ok := index(scopeNames[:], s)
	return Scope(i), ok
}

// A Reason says why a line is not an access record.
type Reason uint8

// The reasons. ReasonNone means that the line is a record.
const (
	ReasonNone Reason = iota
	// ReasonEmpty is a line of nothing but white space.
	ReasonEmpty
	// ReasonTooLong is a line longer than the limit; its rest was skipped.
	ReasonTooLong
	// ReasonFormat is a line that does not have the shape of the log's format.
	ReasonFormat
	// ReasonTime is a record whose time cannot be read.
	ReasonTime
	// ReasonStatus is a record whose status is not a number from 100 to 999.
	ReasonStatus
	// ReasonJSON is a line that should be a JSON object and is not.
	ReasonJSON
	// ReasonNotAccess is a well-formed line of another kind: a proxy's own
	// message, a log file's header.
	ReasonNotAccess
	NumReasons
)

var reasonNames = [NumReasons]string{
	"none", "empty", "too_long", "format", "time", "status", "json", "not_access",
}

// String returns the reason's label value.
func (r Reason) String() string { return name(reasonNames[:], int(r)) }

// A Bound is one of the three numbers that the dark share always is.
type Bound uint8

// The bounds: BoundKnown counts only visits whose request showed it,
// BoundEstimate adds those concluded from a page nobody types, BoundCeiling adds
// every visit that could be.
const (
	BoundKnown Bound = iota
	BoundEstimate
	BoundCeiling
	NumBounds
)

var boundNames = [NumBounds]string{"known", "estimate", "ceiling"}

// String returns the bound's label value.
func (b Bound) String() string { return name(boundNames[:], int(b)) }

// Dark reports whether a visit of that channel and evidence counts as dark
// social under the bound.
func (b Bound) Dark(c Channel, e Evidence) bool {
	switch b {
	case BoundKnown:
		return c == ChannelDarkSocial && e.Known()
	case BoundEstimate:
		return c == ChannelDarkSocial
	default:
		return c == ChannelDarkSocial || c == ChannelDirect || c == ChannelUnknown
	}
}

// A Cause says why visits under EvidenceDeepLink are expected not to be private
// sharing.
type Cause uint8

// The causes: CauseTyped is typed, bookmarked or from the browser's history,
// CauseReferrerLost came from somewhere public that hid itself.
const (
	CauseTyped Cause = iota
	CauseReferrerLost
	NumCauses
)

var causeNames = [NumCauses]string{"typed", "referrer_lost"}

// String returns the cause's label value.
func (c Cause) String() string { return name(causeNames[:], int(c)) }

// The ends of an interval, as label values.
const (
	LimitLower = "lower"
	LimitUpper = "upper"
)

// Label values that stand for what has no series of its own.
const (
	// SourceOther is the source of a visit whose sender is not in the closed list.
	SourceOther = "other"
	// Overflow takes what is past a bound: the sites, pages and sections that are
	// not among the largest.
	Overflow = "(other)"
)

// Words lists the words of a closed set by their numbers; n is how many there are.
func Words[T interface {
	~uint8
	String() string
}](n T) (words []string) {
	for i := range n {
		words = append(words, i.String())
	}
	return words
}

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "invalid"
	}
	return names[i]
}

func index(names []string, s string) (int, bool) {
	for i, n := range names {
		if n == s {
			return i, true
		}
	}
	return 0, false
}
