package accesslog

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

// programOnly returns the format without its moves.
func programOnly(f *Format) *Format {
	p, ok := f.reader.(*program)
	if !ok {
		return f
	}
	whole := *p
	whole.moves = nil
	alone := *f
	alone.reader = &whole
	return &alone
}

// diffMoves parses the lines by the moves and without them, one after the other,
// for the moves remember. What comes out must be the same, the half-read request
// of a line that is refused included.
func diffMoves(t *testing.T, f *Format, lines ...string) {
	t.Helper()
	with, without := f.NewParser(), programOnly(f).NewParser()
	var got, want Request
	for i, line := range lines {
		a, b := []byte(line), []byte(line)
		gotReason, wantReason := with.Parse(a, &got), without.Parse(b, &want)
		if gotReason != wantReason || !reflect.DeepEqual(got, want) || !bytes.Equal(a, b) {
			t.Errorf("%s\n%q, after %q\nmoves   %s %s\nprogram %s %s", f.Definition(), line, lines[:i], gotReason, show(&got), wantReason, show(&want))
		}
	}
}

// moves names what a program was made into.
func moves(f *Format) string {
	var names []string
	for _, m := range f.reader.(*program).moves {
		names = append(names, [...]string{"any", "time", "text", "common", "agent"}[m.code])
	}
	return strings.Join(names, " ")
}

func TestMoves(t *testing.T) {
	for _, c := range []struct{ definition, moves string }{
		{"combined", "text common agent"},
		{"common", "text time any any any"},
		{"nginx_main", "text common agent any"},
		{"combined_extra", "text common agent any"},
		{"vhost_combined", "any text text text common agent"},
		{"[$time_local] \"$host\" \"$uri\" $status\n", "time any text any"},
		{"$uri\t$args\t$status", ""}, // the query completes the path
		{"$remote_addr $realip_remote_addr $status", ""},
	} {
		if got := moves(compile(t, c.definition)); got != c.moves {
			t.Errorf("%s: %s, want %s", c.definition, got, c.moves)
		}
	}
}

// TestMovesAgree: the moves read what the program reads.
func TestMovesAgree(t *testing.T) {
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, 5000); err != nil {
		t.Fatal(err)
	}
	combined := strings.Split(log.String(), "\n")
	diffMoves(t, compile(t, "combined"), combined...)
	diffMoves(t, compile(t, "common"), combined...)
	var vhost []string
	for _, line := range combined {
		vhost = append(vhost, "shop.example:443 "+line)
	}
	diffMoves(t, compile(t, "vhost_combined"), vhost...)

	// Every byte of a line left out, doubled, or put in the place of another.
	line := `1.2.3.4 - - ` + at + ` "GET /a?b HTTP/1.1" 200 17 "https://a.b/" "c d"`
	for _, definition := range []string{"combined", "combined_extra", `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent`} {
		var lines []string
		for i := range line {
			lines = append(lines, line, line[:i], line[i:], line[:i]+line[i+1:], line[:i]+line[i:i+1]+line[i:])
			for _, c := range []string{`"`, " ", "-", "]", "[", `\`, "0", "\x00"} {
				lines = append(lines, line[:i]+c+line[i+1:], line[:i]+c+line[i:])
			}
		}
		diffMoves(t, compile(t, definition), lines...)
	}
}

func FuzzMoves(f *testing.F) {
	for _, r := range benchRecords(4) {
		f.Add("combined", r.combined(), r.combined())
		f.Add("vhost_combined", r.vhost(), r.vhost())
	}
	line := `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`
	for _, k := range knownText {
		f.Add(k.definition, line, "a.b:1 "+line)
	}
	f.Add("$time_local x", "14/Nov/2023:09:05:12 +0100 x", "1/Nov/2023:09:05:12 +0100 x")
	f.Add(`$remote_user|$time_iso8601|"$http_host"`, `a|2023-11-14T09:05:12+01:00|"b"`, `a|2023-11-14T09:05:12Z|"b"`)
	f.Add(`%{%d/%b/%Y "%T}t "%r" %s %b`, `14/Nov/2023 "09:05:12 "GET / HTTP/1.1" 000 -`, `- "" - -`)
	f.Fuzz(func(t *testing.T, definition, a, b string) {
		if format, err := Compile(definition); err == nil {
			diffMoves(t, format, a, b, a, a, b)
		}
	})
}

// TestScratch: a target that was joined stays as it is when other lines are parsed,
// until its memory is given back to the parser.
func TestScratch(t *testing.T) {
	long := strings.Repeat("x", maxScratch/3)
	for _, reset := range []bool{true, false} {
		p := compile(t, `$msec "$uri" "$args"`).NewParser()
		var used []byte
		for block := range 3 {
			if reset {
				p.Reset(used)
			}
			var targets, want []string
			var views [][]byte
			for n := range 2000 {
				path, query := "/"+strings.Repeat("a", n%100), "b="+strings.Repeat("c", block)
				if n%50 == 0 {
					query = long[:MaxLine/2]
				}
				var r Request
				if reason := p.Parse([]byte(`1699949112 "`+path+`" "`+query+`"`), &r); reason != schema.ReasonNone {
					t.Fatal(reason)
				}
				views = append(views, r.Target)
				want = append(want, path+"?"+query)
			}
			for _, v := range views {
				targets = append(targets, string(v))
			}
			if !slices.Equal(targets, want) {
				t.Errorf("block %d, reset %t: the targets were overwritten", block, reset)
			}
			if used = p.Reset(nil); cap(used) > maxScratch {
				t.Errorf("the scratch has grown to %d bytes", cap(used))
			}
		}
	}
}

// TestScratchAllocs: memory that was given back is used again.
func TestScratchAllocs(t *testing.T) {
	p := compile(t, `$msec "$uri" "$args"`).NewParser()
	line := []byte(`1699949112 "/a" "b=c"`)
	used := make([]byte, 0, 64)
	var r Request
	if n := testing.AllocsPerRun(100, func() {
		p.Reset(used)
		p.Parse(line, &r)
		used = p.Reset(nil)
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
