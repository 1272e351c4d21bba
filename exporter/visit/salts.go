package visit

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"time"
)

// A salt is the secret of a day.
type salt [2]uint64

func newSalt() (s salt) {
	var b [16]byte
	rand.Read(b[:]) // never fails
	s[0], s[1] = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])|1
	return s
}

// set reports whether there is a salt: the second half of one is odd.
func (s *salt) set() bool { return s[1] != 0 }

// hash returns a hash of an address and a number under the salt, by multiplying and folding as
// wyhash does (https://github.com/wangyi-fudan/wyhash). It takes a third of the time
// of hash/maphash on addresses, and this is done for every request.
func (s *salt) hash(b []byte, number uint64) uint64 {
	h := s[0] ^ uint64(len(b)) ^ number
	var last uint64
	if len(b) >= 8 {
		// The last eight bytes may overlap those before: the length tells.
		last = binary.LittleEndian.Uint64(b[len(b)-8:])
		for ; len(b) > 8; b = b[8:] {
			h = fold(h^binary.LittleEndian.Uint64(b), s[1])
		}
	} else {
		for _, c := range b {
			last = last<<8 | uint64(c)
		}
	}
	return fold(h^last, s[1])
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// process is a secret of this process's, under which visitors are hashed where their
// requests are parsed. Their keys are made of that hash and the salt of the day.
var process = newSalt()

// HashVisitor returns a hash of a client's name or address and of its agent's hash, which
// is another one in every process, and not 0.
func HashVisitor(client []byte, agent uint64) uint64 { return orOne(process.hash(client, agent)) }

// salts keeps the random seeds of the two newest days. They exist only in
// memory: who was who on a day cannot be told on the next.
type salts struct {
	day  [2]int64
	seed [2]salt
}

const dayNanos = int64(24 * time.Hour)

// nearby returns the other day, and its salt, of which a part is within the span
// from the time: the day before shortly after midnight UTC, the day after shortly
// before it.
func (s *salts) nearby(now, span int64) (day int64, seed *salt, ok bool) {
	today := now / dayNanos
	slot := (today + 1) & 1
	day, seed = s.day[slot], &s.seed[slot]
	ok = seed.set() &&
		(day == today-1 && now-span < today*dayNanos || day == today+1 && now+span >= day*dayNanos)
	return day, seed, ok
}

// known returns the salt of a day that has begun and is one of the two newest, else nil.
func (s *salts) known(day int64) *salt {
	if slot := day & 1; s.day[slot] == day && s.seed[slot].set() {
		return &s.seed[slot]
	}
	return nil
}

// of returns the salt of a day. A record later than two days takes the newer salt: it
// must not throw away the one in use.
func (s *salts) of(day int64) *salt {
	slot := day & 1
	if s.day[slot] < day || !s.seed[slot].set() {
		s.day[slot], s.seed[slot] = day, newSalt()
	}
	return &s.seed[slot]
}
