package attribution

import (
	"encoding/binary"
	"math/bits"
)

// lastIndex is bytes.LastIndexByte, which looks at one byte at a time, for the
// short texts that paths are.
func lastIndex(b []byte, c byte) int {
	const (
		ones = 0x0101010101010101
		low  = 0x7f * ones
	)
	n := len(b)
	for n >= 8 {
		x := binary.LittleEndian.Uint64(b[n-8:]) ^ ones*uint64(c)
		// The highest bit of each byte that is zero.
		if zero := ^(x&low + low | x | low); zero != 0 {
			return n - 1 - bits.LeadingZeros64(zero)/8
		}
		n -= 8
	}
	for n--; n >= 0 && b[n] != c; n-- {
	}
	return n
}
