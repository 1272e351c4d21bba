// Package accesslog reads access records. A Format is compiled from the proxy's
// own definition of its log (nginx's log_format, Apache's LogFormat, HAProxy's
// log-format, Envoy's operators, a W3C log's #Fields, a JSON mapping); its Parser turns
// one line into a Request without copying it.
package accesslog

import "strings"

// A Request is one access record.
//
// The byte slices point into the line that was parsed, or into the parser's scratch
// memory (Parser.Reset), and are valid only as long as both are. Escapes are undone.
// A field that the format lacks, or that was logged as "-" or empty, is empty.
type Request struct {
	// Time is the time the record was logged with, in nanoseconds since the Unix
	// epoch, 0 where the format has none.
	Time int64
	// Status is the response's status code, 0 where the format has none.
	Status int
	// Client is the peer's address; ForwardedFor is the client's as a proxy in
	// front gave it, where the format logs one (X-Forwarded-For: its first entry,
	// X-Real-IP, CF-Connecting-IP).
	Client, ForwardedFor []byte
	Method               []byte
	// Target is the request target: the path with its query, or an absolute URI
	// where the client sent one.
	Target []byte
	Host   []byte
	// Referer and UserAgent are the request's headers.
	Referer, UserAgent []byte
	// ContentType is the response's media type.
	ContentType []byte
	// The request's fetch metadata (https://www.w3.org/TR/fetch-metadata/).
	SecFetchSite, SecFetchMode, SecFetchDest, SecFetchUser []byte
	// Purpose is the request's Sec-Purpose, else Purpose, X-Purpose or X-Moz.
	Purpose []byte
	// RequestedWith is X-Requested-With, in which Android WebViews name their app.
	RequestedWith []byte
}

// Reset empties the request.
func (r *Request) Reset() { *r = Request{} }

// Fields is the set of fields that a format has.
type Fields uint32

// The fields of a Request.
const (
	FieldTime Fields = 1 << iota
	FieldStatus
	FieldClient
	FieldForwardedFor
	FieldMethod
	FieldTarget
	FieldHost
	FieldReferer
	FieldUserAgent
	FieldContentType
	FieldSecFetchSite
	FieldSecFetchMode
	FieldSecFetchDest
	FieldSecFetchUser
	FieldPurpose
	FieldRequestedWith
	numFields = iota
)

var fieldNames = [numFields]string{
	"time", "status", "client", "forwarded_for", "method", "target", "host", "referer", "user_agent",
	"content_type", "sec_fetch_site", "sec_fetch_mode", "sec_fetch_dest", "sec_fetch_user", "purpose", "requested_with",
}

// Has reports whether all of want are in the set.
func (f Fields) Has(want Fields) bool { return f&want == want }

// String lists the fields' names.
func (f Fields) String() string {
	var names []string
	for i, n := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}
