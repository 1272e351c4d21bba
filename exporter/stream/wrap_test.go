package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// cri and docker wrap a line as runtimes do, in parts of at most that many bytes.
func cri(line string, part int, output string) (out string) {
	for len(line) > part {
		out += "2026-11-22T05:16:07.123456789Z " + output + " P " + line[:part] + "\n"
		line = line[part:]
	}
	return out + "2026-11-22T05:16:07.1Z " + output + " F " + line + "\n"
}

func docker(line string, part int, output string) (out string) {
	line += "\n"
	for len(line) > 0 {
		n := min(part, len(line))
		for n < len(line) && !utf8.RuneStart(line[n]) {
			n--
		}
		text, _ := json.Marshal(line[:n])
		out += fmt.Sprintf("{\"log\":%s,\"stream\":%q,\"time\":\"2026-11-22T05:16:07.123456789Z\"}\n", text, output)
		line = line[n:]
	}
	return out
}

// TestUnwrap: one file a line, and what is in it.
func TestUnwrap(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		if got := string(Unwrap([]byte(text), WrapAuto)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("nothing", "", "")
	f("a plain log", "192.0.2.1 - - GET\n", "192.0.2.1 - - GET\n")
	f("a plain log of JSON", "{\"log\":\"x\",\"level\":1}\n", "{\"log\":\"x\",\"level\":1}\n")
	f("a plain log with a time", "2026-11-22T05:16:07Z GET /\n", "2026-11-22T05:16:07Z GET /\n")

	f("cri", cri("one", 9, "stdout")+cri("two", 9, "stderr"), "one\ntwo\n")
	f("cri, in parts", cri("one two three", 4, "stdout"), "one two three\n")
	f("cri, empty line", "2026-11-22T05:16:07Z stdout F \n", "\n")
	f("cri, empty line without its space", "2026-11-22T05:16:07Z stdout F\n", "\n")
	f("cri, more tags", "2026-11-22T05:16:07Z stdout P:x a\n2026-11-22T05:16:07Z stdout F:x b\n", "ab\n")
	f("cri, a zone", "2026-11-22T05:16:07.1+01:00 stdout F a\n", "a\n")
	f("cri, another line in between", cri("one", 9, "stdout")+"panic\n"+cri("two", 9, "stdout"), "one\npanic\ntwo\n")
	f("cri, outputs mixed", "2026-11-22T05:16:07Z stdout P a\n2026-11-22T05:16:07Z stderr F x\n2026-11-22T05:16:07Z stdout F b\n", "x\nab\n")
	f("cri, the end is missing", cri("one", 9, "stdout")+"2026-11-22T05:16:07Z stdout P a\n", "one\n")
	f("cri, the end of both is missing", "2026-11-22T05:16:07Z stdout F 1\n2026-11-22T05:16:07Z stdout P a\n2026-11-22T05:16:07Z stderr F x\n2026-11-22T05:16:07Z stderr P y\n", "1\n")

	f("docker", docker("one", 9, "stdout")+docker("two", 9, "stderr"), "one\ntwo\n")
	f("docker, in parts", docker("one two three", 4, "stdout"), "one two three\n")
	f("docker, escapes", docker(`a "quoted" \x22 é 😀 <b>&`, 99, "stdout"), "a \"quoted\" \\x22 é 😀 <b>&\n")
	f("docker, surrogates", `{"log":"\ud83d\ude00 \ud83d \u00e9\/\b\f\r\t\q\u12\n","stream":"stdout"}`+"\n", "😀 \ufffd é/\b\f\r\t\\q\\u12\n")
	f("docker, with attributes", `{"log":"a\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-22T05:16:07Z"}`+"\n", "a\n")
	f("docker, a newline within", `{"log":"a\nb\n","stream":"stdout"}`+"\n", "a b\n")
	f("docker, another line in between", docker("one", 9, "stdout")+"{\"log\":\"\\u0061\n", "one\n{\"log\":\"\\u0061\n")
	f("docker, an empty line", docker("", 9, "stdout"), "\n")
}

// TestFollowWrapped: however wrapped lines are cut into parts and however the file
// grows, the lines come, each once, and the position is behind the last whole one.
func TestFollowWrapped(t *testing.T) {
	for name, wrap := range map[string]func(string, int, string) string{"cri": cri, "docker": docker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(1, 2))
			path := filepath.Join(t.TempDir(), "0.log")
			write(t, path, "")
			var want []string
			var text strings.Builder
			for i := range 3000 {
				line := fmt.Sprintf("%d %s", i, strings.Repeat("é\"x ", rnd.IntN(100)))
				want = append(want, line)
				text.WriteString(wrap(line, 20+rnd.IntN(300), "stdout"))
			}
			s := Follow([]string{path}, quick())
			r := receive(t, s, 0)
			all := text.String()
			for rest := all; len(rest) > 0; {
				n := min(len(rest), rnd.IntN(60_000))
				appendTo(t, path, rest[:n])
				rest = rest[n:]
			}
			r.want(want...)
			eventually(t, func() string {
				if p := s.Positions(); len(p) != 1 || p[0].Offset != int64(len(all)) || s.Stats().Bytes() != int64(len(all)) {
					return fmt.Sprintf("positions %+v, %d bytes", p, s.Stats().Bytes())
				}
				return ""
			})
		})
	}
}

// TestWrappedResume: a line of which only parts are there is read again as a whole.
func TestWrappedResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, cri("one", 9, "stdout")+"2026-11-22T05:16:07Z stdout P tw\n2026-11-22T05:16:07Z stderr F err")
	kept := life(t, []string{path}, nil, "one")
	if want := int64(len(cri("one", 9, "stdout"))); kept[0].Offset != want {
		t.Errorf("the position is %d, want %d", kept[0].Offset, want)
	}
	appendTo(t, path, "or\n2026-11-22T05:16:07Z stdout F o\n")
	kept = life(t, []string{path}, kept, "error", "two")
	life(t, []string{path}, kept)
}

// TestWrappedTooLong: of a line that is too long its beginning comes, its rest does
// not, and what follows is whole; also where darkshare is started anew within it.
func TestWrappedTooLong(t *testing.T) {
	for name, wrap := range map[string]func(string, int, string) string{"cri": cri, "docker": docker} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "0.log")
			long := wrap(strings.Repeat("x", 3*DefaultMaxLine), 16<<10, "stdout")
			cut := 0
			for range 8 {
				cut += strings.IndexByte(long[cut:], '\n') + 1
			}
			write(t, path, wrap("one", 99, "stdout")+long[:cut])
			kept := life(t, []string{path}, nil, "one", strings.Repeat("x", DefaultMaxLine+1))
			appendTo(t, path, long[cut:]+wrap("next", 99, "stdout"))
			life(t, []string{path}, kept, "next")
		})
	}
}

// TestWrappedMixed: a line whose end never comes does not hold up the other output
// for ever, nor take memory.
func TestWrappedMixed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	other := strings.Repeat(cri("an error of some length", 99, "stderr"), 2*BlockSize/60)
	write(t, path, "2026-11-22T05:16:07Z stdout P begun\n"+other+cri(" and ended", 99, "stdout"))
	o := quick()
	r := receive(t, Follow([]string{path}, o), 0)
	eventually(t, func() string {
		lines := r.lines()
		if n := strings.Count(other, "\n") + 1; len(lines) != n {
			return fmt.Sprintf("%d lines of %d", len(lines), n)
		}
		return ""
	})
}

// TestWrappedFinish: what is left of a rotated file that will not grow any more is a
// line, if it is a part of one.
func TestWrappedFinish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, cri("one", 9, "stdout")+"2026-11-22T05:16:07Z stdout P two\n2026-11-22T05:16:07Z stdout P , unfini")
	r := receive(t, Follow([]string{path}, quick()), 0)
	r.want("one")
	ok(t, os.Rename(path, path+".20261122"))
	r.want("one", "two, unfini")
}

// FuzzUnwrap: in whatever runs the same bytes come, the same lines are in them, and no
// more of them than there were.
func FuzzUnwrap(f *testing.F) {
	f.Add([]byte(cri("one two", 3, "stdout")+cri("err", 2, "stderr")), uint16(40), uint8(1))
	f.Add([]byte(docker("one \"two\" é😀", 5, "stdout")+docker("err", 2, "stderr")), uint16(70), uint8(2))
	f.Add([]byte("{\"log\":\"\\ud83d\\u\\\",\"stream\":\"stdout\"}\n"), uint16(0), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, kind uint8) {
		if i := bytes.LastIndexByte(data, '\n'); i >= 0 {
			data = data[:i+1]
		} else {
			return
		}
		w := []Wrapping{WrapAuto, WrapCRI, WrapDocker}[kind%3]
		whole := unwrapper{kind: w, max: 50}
		whole.decide(data)
		wrapped := bytes.Clone(data)
		n, used := whole.lines(wrapped, len(data), false)
		if n > used || used > len(data) {
			t.Fatalf("%d bytes of %d", n, used)
		}
		if bytes.Count(wrapped[:n], newline) > bytes.Count(data[:used], newline) {
			t.Fatal("there are more lines than before")
		}
		// The same in two runs, with what the first did not use in the second.
		first := data[:min(int(cut), len(data))]
		first = first[:bytes.LastIndexByte(first, '\n')+1]
		parts := unwrapper{kind: whole.kind, max: 50}
		a := bytes.Clone(first)
		na, ua := parts.lines(a, len(first), false)
		b := bytes.Clone(data[ua:])
		nb, ub := parts.lines(b, len(b), false)
		if whole.kind == WrapCRI || whole.kind == WrapDocker {
			if got := string(a[:na]) + string(b[:nb]); got != string(wrapped[:n]) || ua+ub != used {
				t.Fatalf("in two runs %q of %d, in one %q of %d", got, ua+ub, wrapped[:n], used)
			}
		}
		last := unwrapper{kind: whole.kind, max: 50}
		last.rest(append(bytes.Clone(data), 0))
	})
}

func BenchmarkUnwrap(b *testing.B) {
	line := `192.0.2.1 - - [22/Nov/2026:05:16:07 +0000] "GET /news/a HTTP/1.1" 200 512 "https://www.example.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"`
	for name, wrap := range map[string]func(string, int, string) string{"cri": cri, "docker": docker} {
		b.Run(name, func(b *testing.B) {
			text := []byte(strings.Repeat(wrap(line, 16<<10, "stdout"), 500))
			data := make([]byte, len(text))
			u := unwrapper{max: DefaultMaxLine}
			u.decide(text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				copy(data, text)
				if n, _ := u.lines(data, len(text), false); n != 500*(len(line)+1) {
					b.Fatal(n)
				}
			}
		})
	}
}
