package accesslog

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A slot is where a value goes.
type slot uint8

const (
	slotNone slot = iota
	slotTime
	slotStatus
	slotClient
	slotClientPort // an address with a port behind it
	slotForwardedFor
	slotMethod
	slotTarget
	slotPath  // the target, but its query may be in a value of its own
	slotQuery // what follows the path, with its "?" or without
	slotIsArgs
	slotHost
	slotHostTarget // the host and the target, without anything in between
	slotRequest    // the request line
	slotRequestURL // a request line with the host in its target, whatever the client sent
	slotPeer       // an address with a port behind it, brackets or not
	slotReferer
	slotUserAgent
	slotContentType
	slotSecFetchSite
	slotSecFetchMode
	slotSecFetchDest
	slotSecFetchUser
	slotPurpose
	slotRequestedWith
	slotMessage // a JSON log's "msg" and "logger", which tell its kinds of record
	slotLogger
	numSlots
)

var slotFields = [numSlots]Fields{
	slotTime: FieldTime, slotStatus: FieldStatus, slotClient: FieldClient, slotClientPort: FieldClient, slotPeer: FieldClient,
	slotForwardedFor: FieldForwardedFor, slotMethod: FieldMethod, slotTarget: FieldTarget, slotPath: FieldTarget,
	slotHost: FieldHost, slotHostTarget: FieldHost | FieldTarget, slotRequest: FieldMethod | FieldTarget, slotRequestURL: FieldMethod | FieldTarget | FieldHost,
	slotReferer: FieldReferer, slotUserAgent: FieldUserAgent, slotContentType: FieldContentType,
	slotSecFetchSite: FieldSecFetchSite, slotSecFetchMode: FieldSecFetchMode, slotSecFetchDest: FieldSecFetchDest,
	slotSecFetchUser: FieldSecFetchUser, slotPurpose: FieldPurpose, slotRequestedWith: FieldRequestedWith,
}

func (s slot) fields() Fields { return slotFields[s] }

// The ranks of the target's values: a query is put behind a path, and whatever
// has both replaces them.
const (
	rankPath uint8 = iota + 1
	rankQuery
	rankWhole
	rankRequest
)

// A span is a value's place in its line. The zero span is no value.
type span struct{ from, to int }

// An assigner puts values into a request. It holds what that takes over lines.
type assigner struct {
	times           []timeCache
	scratch         scratch
	timed           bool
	message, logger []byte
}

func (a *assigner) reset(next []byte) []byte { return a.scratch.reset(next) }

func newAssigner(clocks int) assigner { return assigner{times: make([]timeCache, clocks)} }

// assign puts the line's values, found at the bounds, into the request. Where the
// line has escapes it undoes them. Values that are empty or "-" leave a field to
// a weaker one.
func (a *assigner) assign(r *Request, wants []want, line []byte, bounds []span, escaped bool) schema.Reason {
	a.timed, a.message, a.logger = false, nil, nil
	for i := range wants {
		w := &wants[i]
		b := bounds[w.at]
		if b.to-b.from <= 1 && (b.to == b.from || line[b.from] == '-') {
			continue
		}
		v := line[b.from:b.to:b.to]
		if escaped {
			if v = w.escape.undo(v); len(v) == 0 || len(v) == 1 && v[0] == '-' {
				continue
			}
		}
		switch w.slot {
		case slotTime:
			ns, ok := a.times[w.cache].read(w.clock, v)
			switch {
			case ok && w.clock.date:
				r.Time, a.timed = ns, true
			case ok:
				r.Time += ns
			case !w.clock.date:
				return schema.ReasonTime // the rest of a time that was read would be wrong
			}
		case slotStatus:
			status, ok := parseStatus(v)
			if !ok {
				return schema.ReasonStatus
			}
			r.Status = status
		case slotClient:
			r.Client = v
		case slotClientPort:
			r.Client = trimPort(v)
		case slotPeer:
			r.Client = trimLastPort(v)
		case slotForwardedFor:
			if i := bytes.IndexByte(v, ','); i >= 0 {
				v = v[:i]
			}
			if v = bytes.TrimSpace(v); len(v) > 0 {
				r.ForwardedFor = v
			}
		case slotMethod:
			r.Method = v
		case slotTarget, slotPath:
			r.Target = v
		case slotQuery:
			a.query(r, v)
		case slotHost:
			r.Host = v
		case slotHostTarget:
			if i := bytes.IndexByte(v, '/'); i >= 0 {
				r.Host, r.Target = v[:i], v[i:]
			} else {
				r.Host = v
			}
		case slotRequest:
			r.Method, r.Target = splitRequest(v)
		case slotRequestURL:
			var host []byte
			r.Method, r.Target = splitRequest(v)
			if host, r.Target = splitURL(r.Target); len(host) > 0 {
				r.Host = host
			}
		case slotReferer:
			r.Referer = v
		case slotUserAgent:
			r.UserAgent = v
		case slotContentType:
			r.ContentType = v
		case slotSecFetchSite:
			r.SecFetchSite = v
		case slotSecFetchMode:
			r.SecFetchMode = v
		case slotSecFetchDest:
			r.SecFetchDest = v
		case slotSecFetchUser:
			r.SecFetchUser = v
		case slotPurpose:
			r.Purpose = v
		case slotRequestedWith:
			r.RequestedWith = v
		case slotMessage:
			a.message = v
		case slotLogger:
			a.logger = v
		}
	}
	return schema.ReasonNone
}

// finish checks that a line of a format with these fields was complete.
func (a *assigner) finish(r *Request, fields Fields) schema.Reason {
	if fields&FieldTime != 0 && (!a.timed || r.Time <= 0) {
		return schema.ReasonTime
	}
	return schema.ReasonNone
}

// query puts the query behind the target's path.
func (a *assigner) query(r *Request, v []byte) {
	if len(r.Target) == 0 || bytes.IndexByte(r.Target, '?') >= 0 || len(v) == 1 && v[0] == '?' {
		return
	}
	if v[0] == '?' {
		v = v[1:]
	}
	r.Target = a.scratch.join(r.Target, '?', v)
}

// A scratch is memory for what is no slice of a line. What was put into it stays
// as it is: it is appended to, and where it is full, a new one begins.
type scratch []byte

// The sizes of a scratch that had no room. A block of lines (stream.BlockSize) fits
// into the largest.
const (
	minScratch = 4 << 10
	maxScratch = 512 << 10
)

// join puts the two with the byte in between into the scratch.
func (s *scratch) join(a []byte, sep byte, b []byte) []byte {
	n := len(a) + 1 + len(b)
	if cap(*s)-len(*s) < n {
		*s = make(scratch, 0, max(n, min(2*cap(*s), maxScratch), minScratch))
	}
	start := len(*s)
	*s = append(append(append(*s, a...), sep), b...)
	return (*s)[start:len(*s):len(*s)]
}

// reset swaps the memory, as Parser.Reset says.
func (s *scratch) reset(next []byte) (used []byte) {
	used, *s = *s, next[:0]
	return used
}

// parseStatus reads a status code. nginx logs 000 for a client that was gone
// before there was a response, and 009 where that client spoke HTTP/0.9
// (ngx_http_log_status); Caddy and Envoy log 0, HAProxy -1. All of them are no status: 0.
func parseStatus(v []byte) (int, bool) {
	if len(v) == 0 || len(v) > 3 {
		return 0, false
	}
	if string(v) == "-1" {
		return 0, true
	}
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	if n == 0 || len(v) == 3 && n == 9 {
		return 0, true
	}
	return n, n >= 100
}

// splitRequest takes a request line apart. What clients send in place of one (a
// TLS handshake, other protocols) has neither a method nor a target.
func splitRequest(v []byte) (method, target []byte) {
	i := len("GET")
	if len(v) < 4 || string(v[:4]) != "GET " {
		i = bytes.IndexByte(v, ' ')
		for _, c := range v[:max(i, 0)] {
			if !tokenByte[c] {
				return nil, nil
			}
		}
	}
	if i <= 0 || i == len(v)-1 {
		return nil, nil
	}
	method, target = v[:i], v[i+1:]
	if n := len(target) - len(" HTTP/1.1"); n >= 0 && string(target[n:n+6]) == " HTTP/" {
		target = target[:n]
	} else if j := bytes.LastIndex(target, []byte(" HTTP/")); j >= 0 {
		target = target[:j]
	} else if hasAt(target, 0, "HTTP/") {
		return nil, nil
	} else if target[0] != '/' && !(target[0] == '*' && len(target) == 1) && !bytes.Contains(target, []byte("://")) {
		return nil, nil // no version, so HTTP/0.9 with a path, or no HTTP at all
	}
	if len(target) == 0 {
		return nil, nil
	}
	return method, target
}

// tokenByte has the bytes of a token, as methods are (RFC 9110, section 5.6.2).
var tokenByte = func() (t [256]bool) {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range len(token) {
		t[token[i]] = true
	}
	return t
}()

// splitURL takes the host out of a target in absolute form. A URL without a path
// asks for the root.
func splitURL(target []byte) (host, rest []byte) {
	i := bytes.Index(target, []byte("://"))
	if i < 0 || i > len("https") {
		return nil, target
	}
	after := target[i+len("://"):]
	n := bytes.IndexByte(after, '/')
	if n < 0 {
		return nil, target
	}
	return after[:n:n], after[n:]
}

// trimLastPort cuts the port off an address that always has one.
func trimLastPort(v []byte) []byte {
	if i := bytes.LastIndexByte(v, ':'); i > 0 {
		v = v[:i]
	}
	if n := len(v); n > 2 && v[0] == '[' && v[n-1] == ']' {
		v = v[1 : n-1]
	}
	return v
}

// trimPort cuts the port off an address, the first where there are several. An IPv6
// address has one only behind brackets.
func trimPort(v []byte) []byte {
	if i := bytes.IndexByte(v, ','); i > 0 {
		v = v[:i]
	}
	if v[0] == '[' {
		if i := bytes.IndexByte(v, ']'); i > 0 {
			return v[1:i]
		}
		return v
	}
	if i := bytes.IndexByte(v, ':'); i >= 0 && bytes.IndexByte(v[i+1:], ':') < 0 {
		return v[:i]
	}
	return v
}
