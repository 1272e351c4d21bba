package attribution

import (
	"bytes"
	"unsafe"

	"golang.org/x/net/publicsuffix"
)

// maxHost is the longest host name that DNS allows.
const maxHost = 253

// A host is what is known of a host name.
type host struct {
	// name is in lower case, without port and trailing dot; domain is its tail
	// from the registrable domain on, or all of it.
	name, domain []byte
	// site is the configured site that has the host, or -1.
	site int
	// sender is what a referrer from there means; known is false where the tables
	// do not have it.
	sender sender
	known  bool
}

// A referrerForm is what a Referer header is.
type referrerForm uint8

const (
	// referrerNone is nothing that names a place: empty, about:blank, a bare word,
	// another scheme.
	referrerNone referrerForm = iota
	referrerWeb
	referrerAndroid
)

// splitReferrer takes a referrer apart: the authority or the Android package,
// and what follows.
func splitReferrer(ref []byte) (form referrerForm, authority, path []byte) {
	switch {
	case len(ref) > 8 && (string(ref[:8]) == "https://" || hasPrefixFold(ref, "https://")):
		form, ref = referrerWeb, ref[8:]
	case len(ref) > 7 && hasPrefixFold(ref, "http://"):
		form, ref = referrerWeb, ref[7:]
	case len(ref) > 14 && hasPrefixFold(ref, "android-app://"):
		form, ref = referrerAndroid, ref[14:]
	default:
		return referrerNone, nil, nil
	}
	end := 0
	for end < len(ref) && !endsAuthority[ref[end]] {
		end++
	}
	if end == 0 {
		return referrerNone, nil, nil
	}
	return form, ref[:end], ref[end:]
}

// endsAuthority holds the bytes that end an authority, with the backslash that
// browsers take for a slash (https://url.spec.whatwg.org/#authority-state).
var endsAuthority = [256]bool{'/': true, '?': true, '#': true, '\\': true}

// splitTarget cuts a path from its query. A fragment, which no client should
// have sent, stays where it is: page labels end there.
func splitTarget(target []byte) (path, query []byte) {
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		return target[:i], target[i+1:]
	}
	return target, nil
}

// appendHost appends an authority's host to dst, in lower case and without user,
// port and trailing dot. It reports false where there is no host that could be
// one.
func appendHost(dst, authority []byte) ([]byte, bool) {
	if i := bytes.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	if len(authority) > 0 && authority[0] == '[' { // an IPv6 address
		i := bytes.IndexByte(authority, ']')
		if i < 3 {
			return dst, false
		}
		authority = authority[1:i]
		for _, b := range authority {
			if !isHex(b) && b != ':' && b != '.' {
				return dst, false
			}
		}
		return appendLower(dst, authority), true
	}
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 {
		if bytes.IndexByte(authority[:i], ':') < 0 {
			authority = authority[:i]
		}
	}
	if n := len(authority); n > 0 && authority[n-1] == '.' {
		authority = authority[:n-1]
	}
	if n := len(authority); n == 0 || n > maxHost || authority[0] == '.' || authority[n-1] == '.' {
		return dst, false
	}
	for _, b := range authority {
		// A colon is left of a bare IPv6 address only.
		if !isLetter(b) && !isDigit(b) && b != '-' && b != '.' && b != '_' && b != ':' {
			return dst, false
		}
	}
	return appendLower(dst, authority), true
}

// resolve fills h for a name as appendHost makes them. h keeps the name.
func (r *Rules) resolve(h *host, name []byte) {
	domain, suffix := registrable(name)
	*h = host{name: name, domain: domain}
	h.site = r.sites.find(name, domain)
	h.sender, h.known = r.senders.find(name, suffix)
}

// registrable returns the registrable domain of a name, and the public suffix
// under which names like google.* are looked for: nil where that is a private
// one (google.blogspot.com is nobody's google) or none is known. Addresses and
// names of one label are their own domain.
func registrable(name []byte) (domain, suffix []byte) {
	last := name[bytes.LastIndexByte(name, '.')+1:]
	if len(last) == 0 || len(last) == len(name) || isDigit(last[0]) || bytes.IndexByte(name, ':') >= 0 {
		return name, nil
	}
	s, icann := publicsuffix.PublicSuffix(viewString(name))
	cut := len(name) - len(s)
	if icann && cut > 0 {
		suffix = name[cut:]
	}
	if cut <= 1 {
		return name, suffix
	}
	return name[bytes.LastIndexByte(name[:cut-1], '.')+1:], suffix
}

// viewString returns b as a string without a copy, for callees that keep no
// part of it.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lower(c))
	}
	return dst
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// hasPrefixFold reports whether b starts with prefix, which is in lower case.
func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && equalFold(b[:len(prefix)], prefix)
}

// equalFold reports whether b is s, which is in lower case, whatever b's case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != s[i] {
			return false
		}
	}
	return true
}
