package stream

import "sync/atomic"

// A DropReason says why records were lost before they were read.
type DropReason uint8

// The reasons. Files do not say how many lines went with their bytes, so these
// are counted as the lost bytes over the length of the lines read so far.
const (
	// DropTruncated is what was cut off a file before it was read, and is in no
	// copy beside it.
	DropTruncated DropReason = iota
	// DropVanished is what was in a file that went away before it could be read.
	DropVanished
	NumDropReasons
)

var dropReasonNames = [NumDropReasons]string{"truncated", "vanished"}

// String returns the reason's label value.
func (r DropReason) String() string {
	if r >= NumDropReasons {
		return "invalid"
	}
	return dropReasonNames[r]
}

// Stats are the counters of one source, safe for concurrent use.
type Stats struct {
	bytes     atomic.Int64
	lag       atomic.Int64
	up        atomic.Bool
	dropped   [NumDropReasons]atomic.Uint64
	openLimit atomic.Uint64
	lastError atomic.Pointer[string]
}

// Bytes returns how many bytes were read, after decompression.
func (s *Stats) Bytes() int64 { return s.bytes.Load() }

// Lag returns how many bytes wait in followed files.
func (s *Stats) Lag() int64 { return s.lag.Load() }

// Up reports whether the input can be read at the moment.
func (s *Stats) Up() bool { return s.up.Load() }

// Dropped returns how many records were lost for the reason.
func (s *Stats) Dropped(r DropReason) uint64 { return s.dropped[r].Load() }

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
