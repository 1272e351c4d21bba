package stream

import (
	"bytes"
	"fmt"
	"io"
)

// A Wrapping is what a container runtime puts around each line that a container
// writes to its standard output.
type Wrapping uint8

const (
	// WrapAuto tells the wrapping of each file from its first line.
	WrapAuto Wrapping = iota
	// WrapNone is none: lines as the proxy writes them.
	WrapNone
	// WrapCRI is that of containerd and CRI-O, and so of Kubernetes:
	// `2026-11-22T05:16:07.1Z stdout F line`, with P instead of F where the line goes
	// on in the next one
	// (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/logs/logs.go).
	WrapCRI
	// WrapDocker is that of Docker's json-file driver:
	// `{"log":"line\n","stream":"stdout","time":"…"}`, without `\n` where the line goes on
	// in the next one (https://docs.docker.com/engine/logging/drivers/json-file/).
	WrapDocker
	numWrappings
)

var wrappingNames = [numWrappings]string{"auto", "none", "cri", "docker"}

// String returns the wrapping's name in the configuration.
func (w Wrapping) String() string {
	if w >= numWrappings {
		return "invalid"
	}
	return wrappingNames[w]
}

// ParseWrapping returns the wrapping of that name; "" is auto.
func ParseWrapping(name string) (Wrapping, error) {
	if name == "" {
		return WrapAuto, nil
	}
	for w, n := range wrappingNames {
		if n == name {
			return Wrapping(w), nil
		}
	}
	return 0, fmt.Errorf("wrapping %q: want auto, none, cri or docker", name)
}

// Unwrap takes the wrapping off whole lines, in place, and returns what is left: a
// sample, of which a line that is not complete is dropped.
func Unwrap(data []byte, w Wrapping) []byte {
	u := unwrapper{kind: w, max: DefaultMaxLine}
	u.decide(data)
	n, _ := u.lines(data, len(data), false)
	return data[:n]
}

// outputs is how many outputs a container has, whose lines may be mixed.
const outputs = 2

// An unwrapper takes the wrapping off the lines of one file. Between two runs of
// lines it keeps nothing of a line that is not complete, whose parts come again in
// the next run; so the file's position can stay before them.
type unwrapper struct {
	kind Wrapping
	// max is the longest line without its wrapping; of a longer one max+1 bytes are
	// handed out.
	max int
	// skip is set for an output whose line was too long and has been handed out.
	skip [outputs]bool
	// part is what there is of a line whose end has not come yet. Its memory is used
	// again.
	part [outputs][]byte
}

func (f *Follower) unwrapper() unwrapper { return unwrapper{kind: f.o.Wrapping, max: f.o.MaxLine} }

// cutter returns one for lines as they are in the file.
func (f *Follower) cutter() cutter {
	if f.o.Wrapping == WrapCRI || f.o.Wrapping == WrapDocker {
		return cutter{max: wrappedMax}
	}
	return cutter{max: f.o.MaxLine}
}

// wrappedMax is longer than any wrapped line. Runtimes cut lines into parts of
// 16 KiB, of which JSON may make six times as much.
const wrappedMax = BlockSize / 2

// decide tells the wrapping by the first line, where it is not known, and reports
// whether there is one. Data hold the beginning of a line at least.
func (u *unwrapper) decide(data []byte) (wrapped bool) {
	if u.kind == WrapAuto {
		line, _, whole := bytes.Cut(data, newline)
		switch {
		case !whole && len(line) <= u.max:
			return false // not much of it is there yet
		case isCRI(line):
			u.kind = WrapCRI
		case isDocker(line, whole):
			u.kind = WrapDocker
		default:
			u.kind = WrapNone
		}
	}
	return u.kind == WrapCRI || u.kind == WrapDocker
}

func isCRI(line []byte) bool {
	_, ok := unwrapCRI(line)
	return ok
}

func isDocker(line []byte, whole bool) bool {
	return bytes.HasPrefix(line, dockerLog) && (!whole || bytes.Contains(line, dockerStream))
}

// resume prepares for going on at the offset: what goes on from the line before it
// is the rest of one that was handed out, or was begun before darkshare came.
func (u *unwrapper) resume(r io.ReaderAt, offset int64) {
	if u.kind == WrapNone || offset == 0 {
		return
	}
	window := make([]byte, min(offset, wrappedMax))
	n, _ := r.ReadAt(window, offset-int64(len(window)))
	if n != len(window) || window[n-1] != '\n' {
		return
	}
	line := window[bytes.LastIndexByte(window[:n-1], '\n')+1:]
	if !u.decide(line) {
		return
	}
	if l, ok := u.unwrap(line[:len(line)-1]); ok {
		u.skip[l.output] = l.partial
	}
}

// lines unwraps whole lines in place: it moves what they hold to the front of data
// and returns its length. read is how many bytes of the file the lines are from, and
// used how many of them need not be read again. Where full is set, no more than the
// data can be read at a time, so some of them are used in any case.
func (u *unwrapper) lines(data []byte, read int, full bool) (n, used int) {
	if u.kind != WrapCRI && u.kind != WrapDocker {
		return len(data), read
	}
	// Where the first line that is not complete began, and what was then.
	type start struct{ raw, out int }
	var (
		begun [outputs]bool
		at    [outputs]start
		skip  [outputs][outputs]bool
	)
	for p := 0; p < len(data); {
		raw := p
		line := data[p:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		p += len(line) + 1
		l, ok := u.unwrap(line)
		if !ok { // not the runtime's: somebody will count what it is
			n = u.emit(data, n, line)
			continue
		}
		o := l.output
		switch {
		case u.skip[o]:
			u.skip[o] = l.partial
		case !l.partial && !begun[o]:
			n = u.emit(data, n, l.text)
		default:
			if !begun[o] {
				begun[o], at[o], skip[o] = true, start{raw, n}, u.skip
			}
			part := &u.part[o]
			*part = append(*part, l.text[:min(len(l.text), u.max+1-len(*part))]...)
			if !l.partial || len(*part) > u.max {
				n = u.emit(data, n, *part)
				*part, begun[o], u.skip[o] = (*part)[:0], false, l.partial
			}
		}
	}
	if full && (begun[0] && at[0].raw == 0 || begun[1] && at[1].raw == 0) {
		// It does not end before as much of the other output has come as can be read
		// at a time: it will have to do as it is.
		for o := range begun {
			if begun[o] {
				n = u.emit(data, n, u.part[o])
				begun[o], u.skip[o] = false, true
			}
		}
	}
	used = read
	first := -1
	for o := range begun {
		u.part[o] = u.part[o][:0]
		if begun[o] && (first < 0 || at[o].raw < at[first].raw) {
			first = o
		}
	}
	if first >= 0 {
		n, used, u.skip = at[first].out, read-(len(data)-at[first].raw), skip[first]
	}
	return n, used
}

// emit puts a line at n. What was read is at least as long as what was put, so there
// is room.
func (u *unwrapper) emit(data []byte, n int, line []byte) int {
	n += copy(data[n:], line[:min(len(line), u.max+1)])
	data[n] = '\n'
	return n + 1
}

// rest unwraps all that is left of a file that will not grow any more: the parts
// of a line without an end, and a line without a newline, for which data has one more
// byte. It returns the length of the lines, as lines does.
func (u *unwrapper) rest(data []byte) (n int) {
	if last := len(data) - 1; last > 0 && data[last-1] == '\n' {
		data = data[:last]
	} else {
		data[last] = '\n'
	}
	if u.kind != WrapCRI && u.kind != WrapDocker {
		last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
		return last + u.emit(data[last:], 0, data[last:len(data)-1])
	}
	for p := 0; p < len(data); {
		line := data[p:]
		line = line[:bytes.IndexByte(line, '\n')]
		p += len(line) + 1
		l, ok := u.unwrap(line)
		if !ok {
			l.text = line
		}
		part := &u.part[l.output]
		if u.skip[l.output] {
			u.skip[l.output] = l.partial
			continue
		}
		*part = append(*part, l.text[:min(len(l.text), u.max+1-len(*part))]...)
		if !l.partial {
			n = u.emit(data, n, *part)
			*part = (*part)[:0]
		}
	}
	for o := range u.part {
		if len(u.part[o]) > 0 {
			n = u.emit(data, n, u.part[o])
			u.part[o] = u.part[o][:0]
		}
	}
	return n
}

// A wrapped line is what the runtime says of a line, or of a part of one.
type wrapped struct {
	text    []byte
	output  uint8
	partial bool
}

func (u *unwrapper) unwrap(line []byte) (wrapped, bool) {
	if u.kind == WrapCRI {
		return unwrapCRI(line)
	}
	return unwrapDocker(line)
}

// unwrapCRI takes a line apart into its time, output, tags and text.
func unwrapCRI(line []byte) (w wrapped, ok bool) {
	i := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	// 2026-11-22T05:16:07Z is the shortest.
	if i < len("2006-01-02T15:04:05Z") || line[4] != '-' || line[10] != 'T' || line[13] != ':' {
		return w, false
	}
	rest := line[i+1:]
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
	case bytes.HasPrefix(rest, []byte("stderr ")):
		w.output = 1
	default:
		return w, false
	}
	rest = rest[len("stdout "):]
	if len(rest) == 0 || rest[0] != 'P' && rest[0] != 'F' {
		return w, false
	}
	w.partial = rest[0] == 'P'
	switch i := bytes.IndexByte(rest, ' '); { // more tags may follow, after colons
	case i >= 0:
		w.text = rest[i+1:]
	case len(rest) > 1 && rest[1] != ':':
		return w, false
	}
	return w, true
}

var (
	dockerLog    = []byte(`{"log":"`)
	dockerStream = []byte(`"stream":"std`)
	stderr       = []byte(`"stream":"stderr"`)
)

// unwrapDocker takes the text out of a JSON object, whose escapes it undoes in place.
func unwrapDocker(line []byte) (w wrapped, ok bool) {
	if !bytes.HasPrefix(line, dockerLog) {
		return w, false
	}
	text := line[len(dockerLog):]
	end := endOfString(text)
	if end < 0 {
		return w, false
	}
	// Before the text is touched, lest a line that is something else be spoiled.
	rest := text[end:]
	if len(rest) < len(`"}`) || rest[len(rest)-1] != '}' || !bytes.Contains(rest, dockerStream) {
		return w, false
	}
	if bytes.Contains(rest, stderr) {
		w.output = 1
	}
	text = text[:unescape(text[:end])]
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	} else {
		w.partial = true
	}
	for { // a line is a line
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		text[i] = ' '
	}
	w.text = text
	return w, true
}
