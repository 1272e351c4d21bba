package forward

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

// maxHost is the longest name that a host can have.
const maxHost = 253

// A Request is a classified request with what its record needs to know of it.
type Request struct {
	Event *visit.Event
	// Rules name what the event has numbers for.
	Rules *attribution.Rules
	// Site is the name of the configured site that the event's Verdict.Site is, "" where
	// it is none.
	Site string
	// Agent is the user agent.
	Agent []byte
	// Log is a number for the log that the request is from.
	Log uint32
}

// An Encoder makes records. It is for one goroutine.
type Encoder struct {
	*namer
	// key is where in the memory appended to the last visitor's name is.
	key [2]int
}

// NewEncoder returns an Encoder of visitors' names by the secret. window is how long
// visitors are remembered: that long before and after midnight (UTC), records have the
// name of the other day, too.
func (s *Secret) NewEncoder(window time.Duration) *Encoder { return &Encoder{namer: s.namer(window)} }

// Add appends the record of a request to the batch.
func (enc *Encoder) Add(b *Batch, r *Request) {
	e := r.Event
	route := route{place: b.spread}
	named := needsVisitor(e)
	if named {
		enc.identify(e, r.Agent)
		route.place = enc.place()
	}
	b.data = enc.append(b.data, r, named)
	if named {
		route.key = enc.key
	}
	b.ends = append(b.ends, len(b.data))
	b.routes = append(b.routes, route)
}

// needsVisitor reports whether whoever counts the event asks who it was.
func needsVisitor(e *visit.Event) bool {
	switch e.Kind {
	case schema.KindBot:
		return false
	case schema.KindPreview, schema.KindLanding, schema.KindInternal:
		return true
	}
	return e.Signals != 0 || e.Goals != 0
}

// append appends the record. With named, the visitor is the one identified last.
func (enc *Encoder) append(dst []byte, r *Request, named bool) []byte {
	e := r.Event
	dst = append(dst, `{"`+keyVersion+`":`...)
	dst = strconv.AppendInt(dst, version, 10)
	dst = append(dst, `,"`+keyTime+`":`...)
	dst = strconv.AppendInt(dst, e.Time/1000, 10)
	if r.Log != 0 {
		dst = append(dst, `,"`+keyLog+`":"`...)
		dst = hex.AppendEncode(dst, binary.BigEndian.AppendUint32(enc.buf[:0], r.Log))
		dst = append(dst, '"')
	}
	switch {
	case r.Site != "":
		dst = appendString(append(dst, `,"`+keySite+`":`...), r.Site)
	case len(e.Host) > 0 && len(e.Host) <= maxHost:
		dst = appendString(append(dst, `,"`+keyHost+`":`...), e.Host)
	}
	dst = appendWord(append(dst, `,"`+keyKind+`":`...), e.Kind.String())
	if e.Status != 0 {
		dst = strconv.AppendInt(append(dst, `,"`+keyStatus+`":`...), int64(e.Status), 10)
	}
	if named {
		dst = enc.appendNames(dst, e.Time)
	}
	if len(e.Page) > 0 {
		dst = appendString(append(dst, `,"`+keyPage+`":`...), e.Page)
	}
	if len(e.RefererPage) > 0 {
		dst = appendString(append(dst, `,"`+keyFrom+`":`...), e.RefererPage)
	}
	if e.Evidence != schema.EvidenceNone {
		dst = appendWord(append(dst, `,"`+keyChannel+`":`...), e.Channel.String())
		dst = appendString(append(dst, `,"`+keySource+`":`...), r.Rules.SourceName(e.Source))
		dst = appendWord(append(dst, `,"`+keyEvidence+`":`...), e.Evidence.String())
	}
	if e.Device != schema.DeviceOther {
		dst = appendWord(append(dst, `,"`+keyDevice+`":`...), e.Device.String())
	}
	if e.Kind == schema.KindPreview {
		dst = appendString(append(dst, `,"`+keyApp+`":`...), r.Rules.SourceName(e.App))
		dst = appendWord(append(dst, `,"`+keyScope+`":`...), e.Scope.String())
	}
	if e.EntryPage {
		dst = append(dst, `,"`+keyEntryPage+`":true`...)
	}
	if e.Goals != 0 {
		dst = append(dst, `,"`+keyGoals+`":`...)
		dst = appendList(dst, e.Goals, func(dst []byte, goal int) []byte {
			return appendString(dst, r.Rules.GoalName(e.Verdict.Site, goal))
		})
	}
	if set := uint32(e.Signals) & (1<<len(signalWords) - 1); set != 0 {
		dst = append(dst, `,"`+keySignals+`":`...)
		dst = appendList(dst, set, func(dst []byte, signal int) []byte {
			return appendWord(dst, signalWords[signal])
		})
	}
	return append(dst, '}')
}

func (enc *Encoder) appendNames(dst []byte, at int64) []byte {
	day := at / dayNanos
	dst = append(dst, `,"`+keyVisitor+`":"`...)
	start := len(dst)
	dst = enc.appendName(dst, day)
	enc.key = [2]int{start, len(dst)}
	dst = append(dst, '"')
	before, after := enc.near(at)
	if before {
		dst = append(enc.appendName(append(dst, `,"`+keyBefore+`":"`...), day-1), '"')
	}
	if after {
		dst = append(enc.appendName(append(dst, `,"`+keyAfter+`":"`...), day+1), '"')
	}
	return dst
}

// appendList appends what a set has, by its bits.
func appendList(dst []byte, set uint32, one func(dst []byte, bit int) []byte) []byte {
	dst = append(dst, '[')
	for bit, more := 0, false; set != 0; bit, set = bit+1, set>>1 {
		if set&1 == 0 {
			continue
		}
		if more {
			dst = append(dst, ',')
		}
		dst, more = one(dst, bit), true
	}
	return append(dst, ']')
}

// appendWord appends a word of a closed set, which has nothing to escape.
func appendWord(dst []byte, word string) []byte {
	return append(append(append(dst, '"'), word...), '"')
}

// appendString appends a text. What is no UTF-8 becomes U+FFFD.
func appendString[T string | []byte](dst []byte, text T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
