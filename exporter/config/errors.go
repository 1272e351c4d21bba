package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxPrinted bounds the text of an error; a generated file can have a mistake in every line.
const maxPrinted = 100

// Errors is every mistake of a file, in the order of its lines.
type Errors struct {
	// File is the name that was given to Load or Parse.
	File string
	// Mistakes has at least one entry.
	Mistakes []Mistake
}

// A Mistake is one thing wrong with a configuration.
type Mistake struct {
	// Line is the line that the mistake is on, from 1 to the file's last.
	Line int
	// Path is the key, as in inputs[0].format, or empty for the file as a whole.
	Path string
	// Message says what is wrong and what was expected.
	Message string
}

// Error gives a line to each mistake, as compilers do, so that editors can jump there:
//
//	darkshare.yaml:7: inputs[0].start_at: expected one of beginning, end, got "start"
//
// After the hundredth it only says how many more there are.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i == maxPrinted {
			fmt.Fprintf(&b, "\n%s: and %d more mistakes", e.File, len(e.Mistakes)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d: ", e.File, m.Line)
		if m.Path != "" {
			b.WriteString(m.Path)
			b.WriteString(": ")
		}
		b.WriteString(m.Message)
	}
	return b.String()
}

// mistakes collects what is wrong while a file is read.
type mistakes struct {
	file  string
	lines int // of the file
	list  []Mistake
}

func (m *mistakes) add(line int, path, format string, args ...any) {
	m.list = append(m.list, Mistake{
		Line:    min(max(line, 1), m.lines),
		Path:    path,
		Message: fmt.Sprintf(format, args...),
	})
}

// err returns the mistakes as an error. Where aliases or a retry met the same
// one twice, it is said once.
func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	slices.SortFunc(m.list, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return &Errors{File: m.file, Mistakes: slices.Compact(m.list)}
}

// quote shows a value from the file, cut to what fits into a line.
func quote(s string) string {
	const most = 60
	for i := range s {
		if i > most {
			return fmt.Sprintf("%q…", s[:i])
		}
	}
	return fmt.Sprintf("%q", s)
}

// suggest ends a message about a word that is not in the set: with the word that was
// probably meant, else with all there are.
func suggest(word string, known []string) string {
	best, most := "", 1+len(word)/4
	for _, k := range known {
		if d := distance(word, k, most); d <= most {
			best, most = k, d-1
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "expected one of " + strings.Join(known, ", ")
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to get from a to b (optimal string alignment). It gives up with
// most+1 where the lengths alone say that there are more.
func distance(a, b string, most int) int {
	if abs(len(a)-len(b)) > most {
		return most + 1
	}
	var before, row []int
	next := make([]int, len(b)+1)
	for j := range next {
		next[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, row, next = row, next, make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
	}
	return next[len(b)]
}

func abs(i int) int { return max(i, -i) }
