package syslog

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// unframe returns the messages of a stream.
func unframe(r io.Reader, most int) (messages []string, cuts int, err error) {
	f := framer{r: r, max: most}
	for {
		m, cut, err := f.next()
		if len(m) > 0 || err == nil {
			messages = append(messages, string(m))
		}
		if cut {
			cuts++
		}
		if err != nil {
			return messages, cuts, err
		}
	}
}

func TestFraming(t *testing.T) {
	long := "<1>" + strings.Repeat("x", 40)
	for _, c := range []struct {
		name, stream string
		want         []string
		cuts         int
	}{
		{"nothing", "", nil, 0},
		{"lines", "<1>a\n<1>b c\n", []string{"<1>a", "<1>b c"}, 0},
		{"a last line without its end", "<1>a\n<1>b", []string{"<1>a", "<1>b"}, 0},
		{"counted", "4 <1>a6 <1>b c", []string{"<1>a", "<1>b c"}, 0},
		{"counted, with newlines within", "6 <1>a\nb4 <1>c", []string{"<1>a\nb", "<1>c"}, 0},
		{"counted, each with a newline that counts", "5 <1>a\n5 <1>b\n", []string{"<1>a\n", "<1>b\n"}, 0},
		{"counted, each with a newline that does not", "4 <1>a\n4 <1>b\n", []string{"<1>a", "<1>b"}, 0},
		{"both on one connection", "<1>a\n4 <1>b<1>c\n4 <1>d", []string{"<1>a", "<1>b", "<1>c", "<1>d"}, 0},
		{"lines that begin with a number", "192.0.2.1 - -\n10 users\n7\n", []string{"192.0.2.1 - -", "10 users", "7"}, 0},
		{"a number too long for a length", "1234567890 <1>a\n", []string{"1234567890 <1>a"}, 0},
		{"a length that begins with 0", "04 <1>a\n", []string{"04 <1>a"}, 0},
		{"empty lines and zeros", "\n\r\n\x00<1>a\r\n\x00\n<1>b\n", []string{"<1>a\r", "<1>b"}, 0},
		{"the longest line", long[:32] + "\n<1>a\n", []string{long[:32], "<1>a"}, 0},
		{"a line too long by one", long[:33] + "\n<1>a\n", []string{long[:32], "<1>a"}, 1},
		{"a line far too long", strings.Repeat(long, 5000) + "\n<1>a\n", []string{long[:32], "<1>a"}, 1},
		{"a line too long without an end", long, []string{long[:32]}, 1},
		{"the longest counted", "32 " + long[:32] + "4 <1>a", []string{long[:32], "<1>a"}, 0},
		{"counted, too long", "43 " + long + "4 <1>a", []string{long[:32], "<1>a"}, 1},
		{"counted, far too long", "215000 " + strings.Repeat(long, 5000) + "4 <1>a", []string{long[:32], "<1>a"}, 1},
		{"counted, broken off", "4 <1>a10 <1>b", []string{"<1>a", "<1>b"}, 0},
		{"counted, broken off in the length", "4 <1>a10", []string{"<1>a", "10"}, 0},
		{"the longest length", "999999999 <1>a", []string{"<1>a"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":      strings.NewReader(c.stream),
				"in bytes":     iotest.OneByteReader(strings.NewReader(c.stream)),
				"in halves":    iotest.HalfReader(strings.NewReader(c.stream)),
				"with its end": iotest.DataErrReader(strings.NewReader(c.stream)),
			} {
				got, cuts, err := unframe(r, 32)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) || cuts != c.cuts || err != io.EOF {
					t.Errorf("%s: got %q, %d cut, %v; want %q, %d", how, got, cuts, err, c.want, c.cuts)
				}
			}
		})
	}
}

// FuzzFraming makes sure that messages do not depend on how the stream comes, and
// that a connection's memory has a bound.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("<1>a\n4 <1>b\n33 <1>c"))
	f.Add([]byte("9 <1>\n999999999 <1>a\n\n\x00 7"))
	f.Add(append(bytes.Repeat([]byte("x"), 100), "\n100 <"...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, cuts, _ := unframe(bytes.NewReader(stream), 64)
		got, again, _ := unframe(iotest.OneByteReader(bytes.NewReader(stream)), 64)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || cuts != again {
			t.Errorf("%q: at once %q, in bytes %q", stream, want, got)
		}
		for _, m := range want {
			if len(m) > 64+maxDigits+2 {
				t.Errorf("a message of %d bytes", len(m))
			}
		}
	})
}
