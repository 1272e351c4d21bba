package forward

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

// minSecret is the shortest secret in bytes. `openssl rand -hex 32` makes 64.
const minSecret = 32

// A Secret makes the names of visitors. All that forward to one topic share it, and
// nobody else has it: with it, the names of a day can be made of guessed addresses.
//
// A visitor's identity is HMAC-SHA256(secret, address and user agent), which stays in
// the process. The secret of a day (UTC) is HMAC-SHA256(secret, day), and the name of
// the day the first 64 bits of HMAC-SHA256(secret of the day, identity).
type Secret struct{ key []byte }

// ReadSecret reads a secret of at least 32 bytes from a file, without the white space
// around it.
func ReadSecret(file string) (*Secret, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the secret: %w", err)
	}
	s, err := NewSecret(bytes.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// NewSecret returns the secret of that key.
func NewSecret(key []byte) (*Secret, error) {
	if len(key) < minSecret {
		return nil, fmt.Errorf("the secret has %d bytes: at least %d are needed, such as openssl rand -hex 32 makes", len(key), minSecret)
	}
	if bytes.Count(key, key[:1]) == len(key) {
		return nil, errors.New("the secret is one byte over and over")
	}
	return &Secret{bytes.Clone(key)}, nil
}

// A namer names visitors. It has scratch memory, and is for one goroutine.
type namer struct {
	secret hash.Hash
	// span is how far from midnight the other day's name is told, in nanoseconds.
	span int64
	// days has what the names of a few days are made with, by the low bits of the day.
	days   [4]daily
	buf    []byte
	id     [sha256.Size]byte
	digest [sha256.Size]byte
}

type daily struct {
	day  int64
	hash hash.Hash // under the secret of the day, nil where there is none yet
}

const (
	dayNanos = int64(24 * time.Hour)
	// sharers are known for ten minutes, however long visitors are: see package visit.
	leastSpan = 10 * time.Minute
)

func (s *Secret) namer(window time.Duration) *namer {
	return &namer{secret: hmac.New(sha256.New, s.key), span: int64(min(max(window, leastSpan), 24*time.Hour))}
}

// identify takes the visitor, or for a link preview the network, that the event is of.
// Its names are asked for next.
func (n *namer) identify(e *visit.Event, agent []byte) {
	what, client := byte('v'), e.Client
	if e.Kind == schema.KindPreview {
		what, client, agent = 'n', visit.Network(client), nil
	}
	n.buf = append(n.buf[:0], what)
	n.buf = binary.AppendUvarint(n.buf, uint64(len(client)))
	n.buf = append(append(n.buf, client...), agent...)
	n.secret.Reset()
	n.secret.Write(n.buf)
	n.secret.Sum(n.id[:0])
}

// place is a number that the visitor has on every day. It does not leave the process:
// of all that it says, a partition tells which of a few it is.
func (n *namer) place() uint32 { return binary.LittleEndian.Uint32(n.id[sha256.Size-4:]) }

// appendName appends the visitor's name on a day.
func (n *namer) appendName(dst []byte, day int64) []byte {
	d := &n.days[day&3]
	if d.hash == nil || d.day != day {
		n.secret.Reset()
		n.buf = binary.BigEndian.AppendUint64(append(n.buf[:0], "day "...), uint64(day))
		n.secret.Write(n.buf)
		*d = daily{day, hmac.New(sha256.New, n.secret.Sum(nil))}
	}
	d.hash.Reset()
	d.hash.Write(n.id[:])
	return hex.AppendEncode(dst, d.hash.Sum(n.digest[:0])[:8])
}

// near reports whether the day before, and the day after, are within the span.
func (n *namer) near(at int64) (before, after bool) {
	since := at % dayNanos
	return since < n.span, since >= dayNanos-n.span
}
