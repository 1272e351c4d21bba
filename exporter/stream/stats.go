package stream

import "sync/atomic"

// A DropReason says why records were lost before they were counted.
type DropReason uint8

// The reasons. Files do not say how many lines went with their bytes, so what is
// lost of files is counted as its bytes over the length of the lines read so far.
const (
	// DropTruncated is what was cut off a file before it was read, and is in no
	// copy beside it.
	DropTruncated DropReason = iota
	// DropVanished is what was in a file that went away before it could be read.
	DropVanished
	// DropOverflow is what a sender that cannot be made to wait sent while there was
	// no room for it.
	DropOverflow
	// DropShutdown is what had been read, and could not be handed on, when the input
	// was to end.
	DropShutdown
	NumDropReasons
)

var dropReasonNames = [NumDropReasons]string{"truncated", "vanished", "overflow", "shutdown"}

// String returns the reason's label value.
func (r DropReason) String() string {
	if r >= NumDropReasons {
		return "invalid"
	}
	return dropReasonNames[r]
}

// An ErrorReason says what went wrong between an input and those who send to it.
type ErrorReason uint8

const (
	// ErrorLimit is a connection, stream or request that was refused because there
	// were as many as allowed, or a message that was cut or refused for its length.
	ErrorLimit ErrorReason = iota
	// ErrorTLS is a TLS handshake that failed: most often a client without the
	// certificate that is asked for.
	ErrorTLS
	// ErrorTimeout is a connection that was closed because nothing, or only a part of
	// a message, came for too long.
	ErrorTimeout
	// ErrorProtocol is a message that could not be taken apart.
	ErrorProtocol
	// ErrorConnection is a connection that broke, or could not be made.
	ErrorConnection
	NumErrorReasons
)

var errorReasonNames = [NumErrorReasons]string{"limit", "tls", "timeout", "protocol", "connection"}

// String returns the reason's label value.
func (r ErrorReason) String() string {
	if r >= NumErrorReasons {
		return "invalid"
	}
	return errorReasonNames[r]
}

// Stats are the counters of one source, safe for concurrent use.
type Stats struct {
	bytes     atomic.Int64
	lag       atomic.Int64
	up        atomic.Bool
	dropped   [NumDropReasons]atomic.Uint64
	errors    [NumErrorReasons]atomic.Uint64
	openLimit atomic.Uint64
	lastError atomic.Pointer[string]
	remote    bool
}

// Remote reports whether the records come from others by the network, so that
// there can be Errors.
func (s *Stats) Remote() bool { return s.remote }

// Bytes returns how many bytes were read, after decompression.
func (s *Stats) Bytes() int64 { return s.bytes.Load() }

// Lag returns how many bytes wait in followed files.
func (s *Stats) Lag() int64 { return s.lag.Load() }

// Up reports whether the input can be read at the moment.
func (s *Stats) Up() bool { return s.up.Load() }

// Dropped returns how many records were lost for the reason.
func (s *Stats) Dropped(r DropReason) uint64 { return s.dropped[r].Load() }

// Errors returns how often that went wrong.
func (s *Stats) Errors(r ErrorReason) uint64 { return s.errors[r].Load() }

// OpenLimitReached returns how often a file had to wait, or was left out,
// because of FollowOptions.MaxOpen.
func (s *Stats) OpenLimitReached() uint64 { return s.openLimit.Load() }

// LastError returns the text of the newest error, which may be over; "" where
// there was none.
func (s *Stats) LastError() string {
	if p := s.lastError.Load(); p != nil {
		return *p
	}
	return ""
}

func (s *Stats) fail(err error) {
	text := err.Error()
	s.lastError.Store(&text)
	s.up.Store(false)
}
