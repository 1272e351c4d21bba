// Package jsonline writes access records that came in another form than as lines
// as lines of JSON, with the keys that accesslog's format "json" knows by itself.
package jsonline

import "strconv"

// Format is the definition of the lines.
const Format = "json"

// Malformed is the line for a record that could not be taken apart: it is counted
// as one, and is no JSON.
const Malformed = "{"

// A Field is one value of a record. Of fields that stand for the same part of a
// request the one that comes first here is the one that counts.
type Field uint8

// The fields. Target is a path with its query, Query goes with Path. Peer is who
// opened the connection, where that is not known to be the client.
const (
	Time Field = iota
	Status
	ConnectingIP
	TrueClientIP
	RealIP
	ForwardedFor
	Client
	Peer
	Method
	Request
	Target
	Path
	URL
	Query
	Host
	ServerName
	Referer
	UserAgent
	ContentType
	SecFetchSite
	SecFetchMode
	SecFetchDest
	SecFetchUser
	SecPurpose
	Purpose
	XPurpose
	XMoz
	RequestedWith
	numFields
)

var keys = [numFields]string{
	Time: `"time":"`, Status: `"status":"`,
	ConnectingIP: `"cf_connecting_ip":"`, TrueClientIP: `"true_client_ip":"`, RealIP: `"x_real_ip":"`, ForwardedFor: `"xff":"`,
	Client: `"remote_addr":"`, Peer: `"remote_host":"`,
	Method: `"method":"`, Request: `"request":"`, Target: `"request_uri":"`, Path: `"path":"`, URL: `"url":"`, Query: `"query":"`,
	Host: `"host":"`, ServerName: `"server_name":"`, Referer: `"referer":"`, UserAgent: `"user_agent":"`,
	ContentType:  `"resp_content_type":"`,
	SecFetchSite: `"sec_fetch_site":"`, SecFetchMode: `"sec_fetch_mode":"`, SecFetchDest: `"sec_fetch_dest":"`, SecFetchUser: `"sec_fetch_user":"`,
	SecPurpose: `"sec_purpose":"`, Purpose: `"purpose":"`, XPurpose: `"http_x_purpose":"`, XMoz: `"http_x_moz":"`,
	RequestedWith: `"x_requested_with":"`,
}

// Headers are the request headers that a record has a field for, in lower case,
// with "_" for "-".
var Headers = map[string]Field{
	"cf_connecting_ip": ConnectingIP, "true_client_ip": TrueClientIP, "x_real_ip": RealIP, "x_forwarded_for": ForwardedFor,
	"host": Host, ":authority": Host, "referer": Referer, "user_agent": UserAgent,
	"sec_fetch_site": SecFetchSite, "sec_fetch_mode": SecFetchMode, "sec_fetch_dest": SecFetchDest, "sec_fetch_user": SecFetchUser,
	"sec_purpose": SecPurpose, "purpose": Purpose, "x_purpose": XPurpose, "x_moz": XMoz, "x_requested_with": RequestedWith,
}

// A Name is a header's or an attribute's name as tables have it. Its zero value is
// ready for use.
type Name [64]byte

// Fold returns the name in lower case, with "_" for "-", and nil where it is longer
// than any that is known. It is valid until the next call.
func (n *Name) Fold(name []byte) []byte {
	if len(name) > len(n) {
		return nil
	}
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '-':
			c = '_'
		}
		n[i] = c
	}
	return n[:len(name)]
}

// A Record collects the fields of one record. It keeps the slices that it is given
// and copies nothing until Append.
type Record struct {
	values  [numFields][]byte
	numbers []byte // the digits of those that came as numbers
}

// Reset empties the record.
func (r *Record) Reset() {
	clear(r.values[:])
	r.numbers = r.numbers[:0]
}

// Keep empties the record but for one field.
func (r *Record) Keep(f Field) {
	value := r.values[f]
	clear(r.values[:])
	r.values[f] = value
}

// Set sets a field. What is empty, or the "-" of proxies that have no value, leaves
// it as it is.
func (r *Record) Set(f Field, value []byte) {
	if len(value) > 1 || len(value) == 1 && value[0] != '-' {
		r.values[f] = value
	}
}

// SetInt sets a field to a number.
func (r *Record) SetInt(f Field, value int64) {
	start := len(r.numbers)
	// Where this needs more room, what was set before stays in the old array.
	r.numbers = strconv.AppendInt(r.numbers, value, 10)
	r.values[f] = r.numbers[start:]
}

// SetFloat sets a field to a number that may have a fraction.
func (r *Record) SetFloat(f Field, value float64) {
	start := len(r.numbers)
	r.numbers = strconv.AppendFloat(r.numbers, value, 'f', -1, 64)
	r.values[f] = r.numbers[start:]
}

// Has reports whether one of the fields is set.
func (r *Record) Has(fields ...Field) bool {
	for _, f := range fields {
		if len(r.values[f]) > 0 {
			return true
		}
	}
	return false
}

// Append appends the record as a JSON object without a newline.
func (r *Record) Append(dst []byte) []byte {
	before := byte('{')
	for f, value := range &r.values {
		if len(value) == 0 {
			continue
		}
		dst = append(dst, before)
		dst = append(dst, keys[f]...)
		dst = appendEscaped(dst, value)
		dst = append(dst, '"')
		before = ','
	}
	if before == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// plain has the bytes that a JSON string has as they are.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

func appendEscaped(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i, c := range s {
		if plain[c] {
			continue
		}
		dst = append(dst, s[from:i]...)
		if c < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
		from = i + 1
	}
	return append(dst, s[from:]...)
}
